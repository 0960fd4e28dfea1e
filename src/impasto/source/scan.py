"""What one pass over a table finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.spec import TableFacts

BLOCK_ROWS, BLOCK_BYTES = 10_000, 16 << 20
"""Rows, and bytes about, that are held at a time."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A table's facts and its cuts.

    Attributes:
        facts: what is known of it.
        borders: rows at which shards begin, from 0, and the number of rows.
        spans: the half-open range of bytes of every shard, where rows are lines.
    """

    facts: TableFacts
    borders: tuple[int, ...]
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.borders[-1]


@dataclass(slots=True)
class Cuts:
    """Collects the spans of even shards while records go by.

    Attributes:
        size: rows of a shard; the last one takes what is left.
        start: byte at which the first record begins.
    """

    size: int
    start: int
    _rows: int = 0
    _ends: list[int] = field(default_factory=list)
    _end: int = 0

    def add(self, ends: Sequence[int]) -> None:
        """Note the bytes at which the next records end."""
        if len(ends):
            self._ends += map(int, ends[self.size - self._rows % self.size - 1 :: self.size])
            self._rows += len(ends)
            self._end = int(ends[-1])

    @property
    def borders(self) -> tuple[int, ...]:
        """The rows at which shards begin, and the number of rows."""
        return (*range(0, self._rows, self.size), self._rows)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The bytes of every shard."""
        ends = self._ends if self._rows % self.size == 0 else [*self._ends, self._end]
        return tuple(zip([self.start, *ends], ends, strict=False))
