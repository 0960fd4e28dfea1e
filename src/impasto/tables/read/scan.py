"""The result of one pass over a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from impasto.schema.source import TableFacts

    Wanted: TypeAlias = int | Callable[[int], int]
    """Rows of a shard, or what chooses them once it is known how many rows there are."""

MOST = 1 << 17
"""Borders that are kept while the size of shards is not yet known."""
BLOCK_ROWS, BLOCK_BYTES = 10_000, 16 << 20
"""Rows, and approximate bytes, that are held at a time."""
SHOWN = 5
"""Most names that a note gives."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A table's facts, and where it can be cut.

    Attributes:
        facts: what is known of it.
        rows: how many there are.
        cheap_cuts: rows at which a cut costs a reader nothing, ascending.
        borders: where shards begin and the last one ends, of a table whose rows are lines: only
            the pass over it knows their bytes. Empty where any row will do.
        spans: the half-open range of bytes of each of these shards.
        notes: what the user should know about the table, one line each.
    """

    facts: TableFacts
    rows: int
    cheap_cuts: tuple[int, ...] = ()
    borders: tuple[int, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of_lines(cls, facts: TableFacts, cuts: Cuts, notes: tuple[str, ...] = ()) -> Scan:
        """Return what a pass over a table of lines found."""
        borders, spans = cuts.cut()
        return cls(facts, borders[-1], borders=borders, spans=spans, notes=notes)


@dataclass(slots=True)
class Cuts:
    """Collects the spans of even shards while records go by.

    Attributes:
        wanted: rows of a shard; the last one takes what is left.
        start: byte at which the first record begins.
    """

    wanted: Wanted
    start: int
    _rows: int = 0
    _ends: list[int] = field(default_factory=list)
    _end: int = 0
    _step: int = 1

    def __post_init__(self) -> None:
        self._step = self.wanted if isinstance(self.wanted, int) else 1

    @property
    def rows(self) -> int:
        """How many records have gone by."""
        return self._rows

    def add(self, ends: Sequence[int]) -> None:
        """Note the bytes at which the next records end."""
        if not len(ends):
            return
        self._ends += map(int, ends[self._step - self._rows % self._step - 1 :: self._step])
        self._rows += len(ends)
        self._end = int(ends[-1])
        while not isinstance(self.wanted, int) and len(self._ends) > MOST:
            self._keep_each(2)

    def cut(self) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """Return the rows at which shards begin and their number, and the bytes of every shard.

        A size that is chosen only now is rounded to borders that were kept: by far less than a
        thousandth of all rows.
        """
        if not isinstance(self.wanted, int):
            self._keep_each(max(1, round(self.wanted(self._rows) / self._step)))
        ends = self._ends if self._rows % self._step == 0 else [*self._ends, self._end]
        borders = (*range(0, self._rows, self._step), self._rows)
        return borders, tuple(zip([self.start, *ends], ends, strict=False))

    def _keep_each(self, nth: int) -> None:
        self._ends = self._ends[nth - 1 :: nth]
        self._step *= nth
