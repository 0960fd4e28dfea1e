"""Columns of CSV: their dtypes, found block by block, and records parsed as frames.

What pandas makes of a column is kept unless a cell would come out as another: an integer beyond
what a float holds, a code such as 01234, whose zero is no part of a number, or a word such as NA
in a column of text, where it may be Namibia's code. So is a decimal of more than 17 significant
digits, unless they are a float's own, as 1.000000000000000056e-01 is 0.1.
"""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.errors import BadInput
from impasto.schema.source import MISSING, WORDS
from impasto.tables.read.kinds import EXACT, INT64, dtype_of, many_digits
from impasto.tables.read.scan import BLOCK_BYTES, BLOCK_ROWS, SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from impasto.schema.source import TableFacts

_INTEGER = r"^\s*[-+]?\d+\s*$"
_CODE = r"^\s*[-+]?0\d"
"""Begins a cell that is a number to pandas, but no number is written so."""
_DIGITS = r"[1-9](?:[0-9]{17}|[0-9.]{18})"
"""Found in a number of 18 significant digits or more; no float is written with so many."""
_PIECE, _OVERLAP = 64 << 10, 512
_WORD = "(?:" + "|".join(map(re.escape, WORDS)) + ")"
_NUMBERS = ("int64", "float64")


class Columns:
    """Finds the dtypes of all rows from blocks of them."""

    def __init__(self, facts: TableFacts, url: str) -> None:
        """Begin with no rows.

        Args:
            facts: the names of the columns, and what separates fields.
            url: where the table is.
        """
        self.facts, self.url = facts, url
        self._kinds: list[set[str]] = [set() for _ in facts.columns]
        mark = re.escape(facts.delimiter.encode())
        self._codes = re.compile(
            rb'(?:^|[\n"%b])[ \t]*[-+]?0[0-9][0-9.eE]*[ \t]*(?:$|["\r\n%b])' % (mark, mark)
        )
        self._words = re.compile(rb'(?:^|[\n"%b])%b(?:$|["\r\n%b])' % (mark, _WORD.encode(), mark))
        self._block: list[bytes] = []
        self._rows = self._bytes = self._first = 0

    def add(self, records: bytes, ends: Sequence[int], line: int) -> None:
        """Take records that end at these bytes; the first of them ends at ``line``."""
        done = start = 0
        while done < len(ends):
            if not self._rows:
                self._first = line + records.count(b"\n", int(ends[0]), int(ends[done]))
            count = min(len(ends) - done, BLOCK_ROWS - self._rows)
            done += count
            self._block.append(records[start : (start := int(ends[done - 1]))])
            self._rows += count
            self._bytes += len(self._block[-1])
            if self._rows == BLOCK_ROWS or self._bytes > BLOCK_BYTES:
                self.flush()

    def flush(self) -> None:
        """Find the kinds of what is held, and release it."""
        if not self._block:
            return
        data = b"".join(self._block)
        try:
            frame = next(_read(io.BytesIO(data), self.facts, self._rows))
        except (ValueError, OverflowError) as error:
            raise self._malformed(str(error)) from None
        if len(frame) != self._rows:
            raise self._malformed("blank lines, or quotes within a field")
        self._note(frame, data)
        self._block.clear()
        self._rows = self._bytes = 0

    def found(self) -> tuple[tuple[str, str], ...]:
        """Return the dtypes of all columns, in order."""
        names = (name for name, _ in self.facts.columns)
        return tuple(
            (name, dtype_of(kinds, "str")) for name, kinds in zip(names, self._kinds, strict=True)
        )

    def notes(self) -> list[str]:
        """Return what the user should know about the columns."""
        names = (name for name, _ in self.facts.columns)
        long = [name for name, kinds in zip(names, self._kinds, strict=True) if many_digits(kinds)]
        if not long:
            return []
        shown = ", ".join(map(repr, long[:SHOWN]))
        more = f" and {len(long) - SHOWN} more" if len(long) > SHOWN else ""
        count = f"{len(long)} columns are" if len(long) > 1 else "1 column is"
        fact = "decimals have more digits than a float keeps"
        return [f"{self.url}: {fact}, so {count} read as text: {shown}{more}"]

    def _note(self, frame: pd.DataFrame, data: bytes) -> None:
        """Note the kinds of a block's values."""
        dtypes = np.array([str(dtype) for dtype in frame.dtypes])
        coded = self._codes.search(data) is not None
        coded = coded or _has_many_digits(data)
        worded = self._words.search(data) is not None
        for dtype in _NUMBERS:
            places = np.flatnonzero(dtypes == dtype)
            if not len(places):
                continue
            values = frame.iloc[:, places].to_numpy()
            kinds, doubts = _of_integers(values) if dtype == "int64" else _of_floats(values)
            blank = np.array([kind == {"missing"} for kind in kinds])
            doubtful = np.flatnonzero(doubts | coded | (blank & worded))
            if len(doubtful):
                texts = self._texts(data, places[doubtful].tolist())
                again = _of_texts(texts, np.isnan(values[:, doubtful]))
                for n, found in zip(doubtful.tolist(), again, strict=True):
                    kinds[n] = found
            for n, found in zip(places.tolist(), kinds, strict=True):
                self._kinds[n] |= found
        for n in np.flatnonzero(~np.isin(dtypes, _NUMBERS)).tolist():
            self._kinds[n] |= _of_others(frame[n])

    def _texts(self, data: bytes, places: list[int]) -> list[str]:
        """Return the cells of some columns as they are written, record by record."""
        stream = io.StringIO(data.decode(), newline="")
        records = csv.reader(stream, delimiter=self.facts.delimiter, strict=True)
        return [record[n] for record in records if record for n in places]

    def _malformed(self, fact: str) -> BadInput:
        fact = " ".join(fact.split())
        return BadInput(f"{self.url}: from line {self._first} on: {fact}", "correct the table")


def frames(stream: Any, facts: TableFacts, rows: int) -> Iterator[pd.DataFrame]:
    """Parse records without a header as frames of this many rows, with the table's dtypes."""
    import pandas as pd

    names, dtypes = zip(*facts.columns, strict=True)
    # What pandas finds out by itself costs a fraction of what it is told column by column.
    told = {n: dtype for n, dtype in enumerate(dtypes) if dtype not in _NUMBERS}
    floats = [n for n, dtype in enumerate(dtypes) if dtype == "float64"]
    for frame in _read(stream, facts, rows, told):
        found = frame.dtypes
        others = {n: "float64" for n in floats if found[n] != "float64"}
        made = (frame.astype(others) if others else frame).copy()
        made.index, made.columns = pd.RangeIndex(len(made)), pd.Index(names)
        yield made


def _read(
    stream: Any,
    facts: TableFacts,
    rows: int,
    dtypes: dict[int, str] | None = None,
) -> Iterator[pd.DataFrame]:
    """Parse records as frames whose columns are called by their places."""
    import pandas as pd

    # With texts, pandas finds the words among numbers alone; without any, its own way is quicker.
    texts = "str" in (dtypes or {}).values()
    words: Any = {
        n: [""] if (dtypes or {}).get(n) == "str" else MISSING for n in range(len(facts.columns))
    }
    yield from pd.read_csv(
        stream,
        sep=facts.delimiter,
        header=None,
        index_col=False,
        dtype=dtypes,
        chunksize=rows,
        low_memory=False,
        keep_default_na=not texts,
        na_values=words if texts else None,
    )


def _of_integers(values: Any) -> tuple[list[set[str]], Any]:
    """Return the kinds of columns, (rows, columns), and whether their texts must be looked at."""
    long = ((values > EXACT) | (values < -EXACT)).any(axis=0)
    return [{"int", "long"} if each else {"int"} for each in long], np.zeros(len(long), bool)


def _of_floats(values: Any) -> tuple[list[set[str]], Any]:
    """Return the kinds of columns, and where integers may be among them, with missing ones."""
    blank = np.isnan(values)
    whole = (blank | (values == np.floor(values))).all(axis=0)
    large = (np.isfinite(values) & (np.abs(values) >= EXACT)).any(axis=0)
    some, none = blank.any(axis=0), blank.all(axis=0)
    kinds = [
        {"missing"} if empty else {"float", "missing"} if gaps else {"float"}
        for empty, gaps in zip(none, some, strict=True)
    ]
    return kinds, ((some & whole) | large) & ~none


def _of_others(column: pd.Series[Any]) -> set[str]:
    import pandas as pd

    known = column.dropna()
    gaps = {"missing"} if len(known) < len(column) else set()
    if known.empty:
        return gaps
    truth = pd.api.types.is_bool_dtype(column.dtype) or (
        known.dtype == object and all(isinstance(value, bool) for value in known)
    )
    return gaps | {"bool" if truth else "str"}


def _of_texts(texts: list[str], blank: Any) -> list[set[str]]:
    """Return the kinds of columns that are numbers to pandas, from their texts.

    Args:
        texts: the cells, record by record.
        blank: which of them are missing, (rows, columns).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pa.array(texts, pa.string())

    def matches(pattern: str) -> Any:
        return pc.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False)

    integers = matches(_INTEGER)
    long, huge, lossy = (np.zeros(len(texts), bool) for _ in range(3))
    lengths = pc.utf8_length(cells).to_numpy(zero_copy_only=False)
    for n in np.flatnonzero(integers & (lengths >= len(str(EXACT)))).tolist():
        value = int(texts[n])
        long[n], huge[n] = not -EXACT <= value <= EXACT, value not in INT64
    for n in np.flatnonzero(~integers & matches(_DIGITS)).tolist():
        lossy[n] = not _kept(texts[n])
    marks = {
        "int": integers,
        "long": long,
        "float": ~integers & ~blank.ravel(),
        "str": matches(_CODE) | huge,
        "missing": blank.ravel(),
        "word": matches(f"^{_WORD}$"),
        "digits": lossy,
    }
    seen = {kind: found.reshape(blank.shape).any(axis=0) for kind, found in marks.items()}
    return [{kind for kind, found in seen.items() if found[n]} for n in range(blank.shape[1])]


def _has_many_digits(data: bytes) -> bool:
    """Return whether a number in some records has 18 significant digits or more."""
    # The places of characters take several times their memory, so few are looked at together;
    # a number across two pieces is in the first one's overlap.
    return any(
        _run(piece[start:stop])
        for at in range(0, len(data), _PIECE)
        for piece in (data[at : at + _PIECE + _OVERLAP],)
        for start, stop in _long_runs(piece)
    )


def _long_runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where runs of 18 digits and points or more begin and end."""
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((codes < ord(".")) | (codes > ord("9")))
    starts, stops = np.append(0, ends + 1), np.append(ends, len(codes))
    long = stops - starts >= 18
    yield from zip(starts[long].tolist(), stops[long].tolist(), strict=True)


def _run(digits: bytes) -> bool:
    digits = digits.lstrip(b"0.")
    return len(digits) - (b"." in digits) >= 18


def _kept(text: str) -> bool:
    """Return whether a float, written with as many digits as a decimal has, is that decimal."""
    exact = Decimal(text.strip())
    return Decimal(f"{float(exact):.{len(exact.as_tuple().digits) - 1}e}") == exact
