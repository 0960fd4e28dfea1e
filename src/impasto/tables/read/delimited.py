"""CSV and TSV as rows (RFC 4180): quoted fields may hold line ends; UTF-8, with or without a mark.

The first record names the columns, which `pandas.read_csv` reads with its defaults: an empty field
and words such as NA are missing values.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.errors import BadInput
from impasto.schema.source import TableFacts
from impasto.storage.span import open_span
from impasto.tables.read.record_ends import record_ends
from impasto.tables.read.scan import BLOCK_BYTES, BLOCK_ROWS, Cuts, Scan

if TYPE_CHECKING:
    import pandas as pd

    from impasto.schema.plan import Shard
    from impasto.storage.named_file import File
    from impasto.tables.read.scan import Wanted

LONGEST = 16 << 20
"""Characters of the longest field; after an unclosed quote, the whole rest would be one."""
AHEAD = 256 << 10
"""Bytes that are examined together."""


class _Lines:
    """A file's lines: one after another as text, or many of them as bytes."""

    def __init__(self, file: File, stream: io.BufferedReader) -> None:
        self._url, self._stream = file.url, stream
        self._held, self._at = b"", 0
        self.end = self.number = 0
        self.record = bytearray()

    def __iter__(self) -> Iterator[str]:
        while line := self._line():
            self.number += 1
            self.end += len(line)
            if self.number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            self.record += line
            try:
                yield line.decode()
            except UnicodeDecodeError:
                raise BadInput(
                    f"{self._url}: line {self.number}: is not UTF-8", "save the table as UTF-8"
                ) from None

    def take(self) -> bytes:
        """Return the bytes of the lines that were read since the last call."""
        record = bytes(self.record)
        self.record.clear()
        return record

    def ahead(self, size: int) -> bytes:
        """Return the next whole lines, of at least this many bytes, without taking them."""
        missing = size - len(self._held) + self._at
        if missing > 0:
            rest = self._held[self._at :] + self._stream.read(missing)
            self._held, self._at = rest + self._stream.readline(), 0
        return self._held[self._at : self._held.rfind(b"\n") + 1]

    def skip(self, size: int) -> None:
        """Skip this many bytes of whole lines."""
        self.number += self._held.count(b"\n", self._at, self._at + size)
        self.end += size
        self._at += size

    def _line(self) -> bytes:
        start, self._at = self._at, self._held.find(b"\n", self._at) + 1
        if self._at:
            return self._held[start : self._at]
        rest, self._held = self._held[start:], b""
        return rest + self._stream.readline()


@dataclass(slots=True)
class _Columns:
    """Finds the dtypes of all rows from the dtypes of blocks of them."""

    facts: TableFacts
    url: str
    _dtypes: dict[str, str] = field(default_factory=dict)
    _block: list[bytes] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0
    _first: int = 0

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
        """Find the dtypes of what is held, and release it."""
        if not self._block:
            return
        frames = _parse(io.BytesIO(b"".join(self._block)), self.facts, {}, self._rows)
        try:
            frame = next(frames)
        except (ValueError, OverflowError) as error:
            raise self._malformed(str(error)) from None
        if len(frame) != self._rows:
            raise self._malformed("lines of blanks, or quotes within a field")
        for name in frame:
            dtype = _dtype(frame[name])
            self._dtypes[name] = _unify(self._dtypes.get(name, dtype), dtype)
        self._block.clear()
        self._rows = self._bytes = 0

    def found(self) -> tuple[tuple[str, str], ...]:
        """Return the dtypes of all columns, in order."""
        dtypes = {name: self._dtypes.get(name, "nothing") for name, _ in self.facts.columns}
        return tuple(
            (name, "float64" if dtype == "nothing" else dtype) for name, dtype in dtypes.items()
        )

    def _malformed(self, fact: str) -> BadInput:
        fact = " ".join(fact.split())
        return BadInput(f"{self.url}: from line {self._first} on: {fact}", "correct the table")


def scan(file: File, size: Wanted) -> Scan:
    """Find the columns of a table, their dtypes and its shards' bytes, a block at a time.

    Raises:
        BadInput: it is malformed; the message names the line.
        Unavailable: its store does not answer.
    """
    delimiter = "\t" if file.name.lower().endswith(".tsv") else ","
    csv.field_size_limit(LONGEST)
    with open_span(file) as stream:
        text = _Lines(file, stream)
        try:
            header = next(filter(None, csv.reader(text, delimiter=delimiter, strict=True)), [])
            if not header:
                raise BadInput(f"{file.url}: holds no rows", "check the file")
            facts = _facts(text.take(), delimiter)
            columns, cuts = _Columns(facts, file.url), Cuts(size, text.end)
            _scan_rows(text, len(header), columns, cuts)
        except csv.Error as error:
            fact = str(error).partition(" - ")[0]
            raise BadInput(f"{file.url}: line {text.number}: {fact}", "correct the table") from None
        columns.flush()
    facts = facts.model_copy(update={"columns": columns.found()})
    return Scan.of_lines(facts, cuts)


def _scan_rows(text: _Lines, width: int, columns: _Columns, cuts: Cuts) -> None:
    """Take all records: together where they are plain, one by one where something is odd."""
    size = AHEAD
    while data := text.ahead(size):
        ends = record_ends(data, columns.facts.delimiter, width)
        if ends is not None and not len(ends) and len(data) >= size and size <= LONGEST:
            size *= 2
            continue
        size = AHEAD
        if ends is None or not len(ends) or np.diff(ends, prepend=0).max() > LONGEST:
            _scan_records(text, len(data), width, columns, cuts)
            continue
        cuts.add(ends + text.end)
        columns.add(data, ends, text.number + data.count(b"\n", 0, int(ends[0])))
        text.skip(int(ends[-1]))
    # The rest, which has no line end.
    _scan_records(text, 1, width, columns, cuts)


def _scan_records(text: _Lines, size: int, width: int, columns: _Columns, cuts: Cuts) -> None:
    """Take the records that begin within this many bytes, one by one.

    Raises:
        BadInput: one is malformed.
        csv.Error: one is malformed.
    """
    stop = text.end + size
    for record in csv.reader(text, delimiter=columns.facts.delimiter, strict=True):
        line = text.take()
        if record and len(record) != width:
            fact = f"has {len(record)} fields, and the header {width}"
            raise BadInput(f"{columns.url}: line {text.number}: {fact}", "correct the table")
        if record:
            cuts.add([text.end])
            columns.add(line, [len(line)], text.number)
        if text.end >= stop:
            return


def read(file: File, facts: TableFacts, shard: Shard) -> Iterator[pd.DataFrame]:
    """Yield a shard's rows, a block at a time; raise Unavailable when its store does not answer."""
    assert shard.span
    each = max(1, (shard.span[1] - shard.span[0]) // len(shard))
    rows = max(1, min(BLOCK_ROWS, BLOCK_BYTES // each))
    with open_span(file, shard.span) as stream:
        yield from _parse(stream, facts, dict(facts.columns), rows)


def _facts(header: bytes, delimiter: str) -> TableFacts:
    import pandas as pd

    frame = pd.read_csv(io.BytesIO(header), sep=delimiter, index_col=False)
    return TableFacts(
        format="csv",
        columns=tuple((str(name), "") for name in frame),
        delimiter=delimiter,
    )


def _parse(stream: Any, facts: TableFacts, dtypes: dict[str, str], rows: int) -> Iterator[Any]:
    """Parse records without a header as frames of this many rows."""
    import pandas as pd

    frames = pd.read_csv(
        stream,
        sep=facts.delimiter,
        header=None,
        names=[name for name, _ in facts.columns],
        index_col=False,
        dtype=dtypes,
        chunksize=rows,
        low_memory=False,
    )
    for frame in frames:
        yield frame.reset_index(drop=True)


def _dtype(column: Any) -> str:
    """Return the dtype of a column in one block, or "nothing" if all its values are missing."""
    import pandas as pd

    known = column.dropna()
    if known.empty:
        return "nothing"
    if pd.api.types.is_bool_dtype(column.dtype):
        return "bool"
    if known.dtype == object and known.map(type).eq(bool).all():
        return "boolean"
    name = str(column.dtype)
    return name if name in {"int64", "float64"} else "str"


def _unify(first: str, second: str) -> str:
    """Return the dtype of a column that has these dtypes in two blocks."""
    pair = {first, second}
    if len(pair) == 1:
        return first
    if "nothing" in pair:
        (other,) = pair - {"nothing"}
        return {"bool": "boolean", "int64": "float64"}.get(other, other)
    if pair <= {"bool", "boolean"}:
        return "boolean"
    return "float64" if pair == {"int64", "float64"} else "str"
