"""One version of an object in an inbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object as one look at an inbox found it.

    Attributes:
        key: below the inbox.
        size: bytes.
        version: the same for as long as its content is, also after a share went away and came back.
        modified: last change by the store's clock, seconds since 1970.
        stamp: changes with every write, even one that restores size and time.
        renamed: whether it was written under a temporary name and then got this one: it is whole.
    """

    key: str
    size: int
    version: str
    modified: float
    stamp: str = ""
    renamed: bool = False
