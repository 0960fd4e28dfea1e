"""What a watcher is given by whoever starts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from impasto.settings import Settings
from impasto.watch.news import OnNews
from impasto.watch.rule import Rule, WatchSettings

Rules = tuple[WatchSettings, Sequence[Rule]]


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Given:
    """What a watcher is given.

    Attributes:
        settings: how jobs run.
        load: reads the rules; raises BadInput where one is wrong.
        on_news: called with what happens, by any thread.
        on_turn: called at each turn of the watcher's loop: at least once a second, but while the
            control store keeps it waiting.
    """

    settings: Settings
    load: Callable[[], Rules]
    on_news: OnNews
    on_turn: Callable[[], None] = _nothing
