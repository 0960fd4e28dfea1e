"""Which tickets there are, in memory, so that a pass where nothing is new asks for no object."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Seen:
    """The names of tickets, as numbers of 128 bits: about 80 bytes each.

    All bits are kept, since an object whose ticket was mistaken for another's would be lost.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._numbers = {_number(name) for name in names}

    def add(self, name: str) -> None:
        """Add a ticket."""
        self._numbers.add(_number(name))

    def discard(self, name: str) -> None:
        """Remove a ticket, if it is there."""
        self._numbers.discard(_number(name))

    def __contains__(self, name: str) -> bool:
        return _number(name) in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)


def _number(name: str) -> int:
    return int(name.replace("-", ""), 16)
