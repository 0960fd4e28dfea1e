"""Which events of a job's log somebody wants to see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from impasto.errors import BadInput
from impasto.jobs.log_words import LEVELS, Level, LogWords, Words
from impasto.schema import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from impasto.schema.events import Event

Prints = Literal["", "all", "stdout", "stderr"]
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_ITEM = re.compile(rb'\{"time": [\d.e+]+, "event": "item", "shard": (\d+), "item": (\d+),')
"""How every line begins that a worker wrote about an item: nearly all lines of a long log."""


@dataclass(frozen=True)
class LogFilter:
    """Chooses events of a log; by default all of them.

    Attributes:
        level: the lowest level.
        shards: first and last shard; None is any, and events that concern none.
        item: an item's index in the source, or its name, or whole words of it; "" is any.
        text: what the event's words, its traceback or what was printed must contain, in upper or
            lower case.
        worker: a part of the worker's name.
        prints: only what scorers printed: to one stream, or ``all`` of it.
    """

    level: Level = "debug"
    shards: tuple[int, int] | None = None
    item: str = ""
    text: str = ""
    worker: str = ""
    prints: Prints = ""

    @property
    def all(self) -> bool:
        """Whether it chooses every event."""
        return self == LogFilter()

    def skips(self, line: bytes) -> bool:
        """Return whether a stored line is certainly none of those, without reading all of it."""
        match = _ITEM.match(line)
        if match is None:
            return False
        if self.prints or (self.level != "debug" and b'"error": ' not in line):
            return True
        if self.shards and not self.shards[0] <= int(match[1]) <= self.shards[1]:
            return True
        return bool(self.worker) and self.worker.encode() not in line

    def select(self, found: Iterable[Event], words: LogWords) -> Iterator[tuple[Event, Words]]:
        """Yield the events that it chooses, with their words."""
        for event in found:
            if self.prints and not self._printed(event):
                continue
            told = words.of(event)
            if self._matches(told) and (not self.item or self._concerns(event, told, words)):
                yield event, told

    def _printed(self, event: Event) -> bool:
        return isinstance(event, events.Printed) and self.prints in {"all", event.stream}

    def _matches(self, told: Words) -> bool:
        if LEVELS.index(told.level) < LEVELS.index(self.level):
            return False
        if self.shards and (
            told.shard is None or not self.shards[0] <= told.shard <= self.shards[1]
        ):
            return False
        if self.worker not in told.worker:
            return False
        return not self.text or self._sought in f"{told.text}\n{told.below}".casefold()

    @cached_property
    def _sought(self) -> str:
        return self.text.casefold()

    @cached_property
    def _name(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w){re.escape(self.item)}(?!\w)", re.IGNORECASE)

    def _concerns(self, event: Event, told: Words, words: LogWords) -> bool:
        """Return whether an event concerns the item."""
        match event:
            case events.Item():
                indices: tuple[int, ...] = (event.item,)
                names = [told.item]
            case events.ShardFailed():
                indices = event.record.items
                names = [words.name(event.record.shard, item) for item in indices]
            case _:
                indices, names = (), [told.item]
        if self.item.isdecimal():
            return int(self.item) in indices or self.item in names
        return any(self._name.search(name) for name in names)


def shard_range(text: str) -> tuple[int, int]:
    """Return the first and last shard of a text such as ``7`` or ``7-9``; raises BadInput."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise BadInput(f"`shard={text}`: is neither a number nor a range", "write 7 or 7-9")
    return int(match[1]), int(match[2] or match[1])
