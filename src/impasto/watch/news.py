"""What a watcher tells its user while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from impasto.errors import ImpastoError
from impasto.secrecy import redact


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened.

    Attributes:
        text: what, for people, without secrets.
        rule: which rule it concerns; "" for none.
        key: the object, below the rule's inbox.
        style: which of the jobs that each object gets; "" where there is only one.
        state: how the object's ticket ended, ``began`` when its job began, ``running`` while it
            runs; "" for other news.
        job: the job's id.
        output: where the output is.
        seconds: how long the job took; of one that runs, how long it will take yet, 0 if unknown.
        items: how many items it scored.
        warning: whether somebody should look at it.
    """

    text: str
    rule: str = ""
    key: str = ""
    style: str = ""
    state: str = ""
    job: str = ""
    output: str = ""
    seconds: float = 0.0
    items: int = 0
    warning: bool = False


OnNews = Callable[[News], None]


def words(error: Exception) -> str:
    """Say in one line what an error is, without secrets."""
    text = str(error) if isinstance(error, ImpastoError) else f"{type(error).__name__}: {error}"
    return redact(" ".join(text.split()))
