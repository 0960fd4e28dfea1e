"""CSV and TSV as rows (RFC 4180): quoted fields may hold line ends; UTF-8, with or without a mark.

The first record names the columns, which `pandas.read_csv` reads. An empty field is a missing
value, and among numbers and truth values, words such as NA are, too. Where all of a table would be
one column, semicolons, tabs or bars separate its fields.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from impasto.errors import BadInput
from impasto.schema.source import TableFacts
from impasto.storage.span import open_span
from impasto.tables.read.delimited_columns import Columns, frames
from impasto.tables.read.header import delimiter_of, named
from impasto.tables.read.record_ends import record_ends
from impasto.tables.read.scan import BLOCK_BYTES, BLOCK_ROWS, SHOWN, Cuts, Scan

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


def scan(file: File, size: Wanted) -> Scan:
    """Find the columns of a table, their dtypes and its shards' bytes, a block at a time.

    Raises:
        BadInput: it is malformed; the message names the line.
        Unavailable: its store does not answer.
    """
    usual = "\t" if file.name.lower().endswith(".tsv") else ","
    csv.field_size_limit(LONGEST)
    with open_span(file) as stream:
        text = _Lines(file, stream)
        delimiter = delimiter_of(text.ahead(AHEAD), usual)
        try:
            header = next(filter(None, csv.reader(text, delimiter=delimiter, strict=True)), [])
            if not header:
                raise BadInput(f"{file.url}: holds no rows", "check the file")
            text.take()
            facts, notes = _header(header, delimiter, usual, file.url)
            before = text.number
            columns, cuts = Columns(facts, file.url), Cuts(size, text.end)
            _scan_rows(text, len(header), columns, cuts)
        except csv.Error as error:
            fact = str(error).partition(" - ")[0]
            raise BadInput(f"{file.url}: line {text.number}: {fact}", "correct the table") from None
        columns.flush()
    lines = text.number - before == cuts.rows
    found = {"columns": columns.found(), "first_line": before + 1 if lines else 0}
    facts = facts.model_copy(update=found)
    return Scan.of_lines(facts, cuts, (*notes, *columns.notes()))


def _scan_rows(text: _Lines, width: int, columns: Columns, cuts: Cuts) -> None:
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


def _scan_records(text: _Lines, size: int, width: int, columns: Columns, cuts: Cuts) -> None:
    """Take the records that begin within this many bytes, one by one.

    Raises:
        BadInput: one is malformed.
        csv.Error: one is malformed.
    """
    stop = text.end + size
    for record in csv.reader(text, delimiter=columns.facts.delimiter, strict=True):
        line = text.take()
        if record and len(record) != width:
            fact = f"has {len(record)} fields, but the header has {width}"
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
        yield from frames(stream, facts, rows)


def _header(
    fields: list[str], delimiter: str, usual: str, url: str
) -> tuple[TableFacts, list[str]]:
    """Return what the header says, and what the user should know about it."""
    names, repeated = named(fields)
    notes = []
    if delimiter != usual:
        notes.append(f"{url}: its fields are separated by {delimiter!r}")
    if repeated:
        shown = ", ".join(map(repr, repeated[:SHOWN]))
        notes.append(f"{url}: several columns are called {shown}; all but the first are numbered")
    facts = TableFacts(
        format="csv", columns=tuple((name, "") for name in names), delimiter=delimiter
    )
    return facts, notes
