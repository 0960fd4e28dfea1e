"""Files made of a job's records, in constant memory: JSON lines, CSV, Parquet, plain text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from impasto.storage.local import mapped
from impasto.tables.write.jsonl import ITEM, parsed

Segment: TypeAlias = Path | Callable[[], BinaryIO]
"""A segment's path, or a function that opens it for reading."""

_BUFFER = 1 << 20


def assemble(path: Path, segments: Iterable[Segment], suffix: str) -> int:
    """Join segments of records into one file, in order.

    JSON lines
        are copied as they are.
    CSV and TSV (RFC 4180, except that lines end in a line feed alone)
        have a column for every field of any record, in the order in which they first appear.
        Null, and what a record lacks, is empty; nested values are JSON.
    Parquet
        has these columns, too, with a type that holds the values of all records: integers and
        floats become floats; where values of other kinds meet, the whole column is JSON in
        strings.
    Text
        has one line per record: its values without the item, separated by spaces; line ends
        within become spaces.

    Args:
        path: a new file.
        segments: what `impasto.tables.write.jsonl.line` wrote; each is read once or twice.
        suffix: one of `formats.RECORDS`.

    Returns:
        The number of records.

    Raises:
        BadInput: the file is to be Parquet, and pyarrow is not installed.
        Unavailable: the disk is full, or the segments' store does not answer.
    """
    held = list(segments)
    if suffix in {".csv", ".tsv"}:
        return _delimited(path, held, "\t" if suffix == ".tsv" else ",")
    if suffix == ".parquet":
        from impasto.tables.write.parquet import write

        return write(path, lambda: _raw(held))
    if suffix == ".txt":
        return _text(path, held)
    return _copy(path, held)


def _open(segment: Segment) -> BinaryIO:
    if isinstance(segment, Path):
        with mapped(str(segment)):
            return segment.open("rb", buffering=_BUFFER)
    return io.BufferedReader(cast("io.RawIOBase", segment()), _BUFFER)


def _raw(segments: Sequence[Segment]) -> Iterator[bytes]:
    """Yield the lines of all segments."""
    for segment in segments:
        with _open(segment) as stream:
            yield from stream


def _copy(path: Path, segments: Sequence[Segment]) -> int:
    count = 0
    with mapped(str(path)), path.open("xb") as target:
        for segment in segments:
            with _open(segment) as stream:
                while block := stream.read(_BUFFER):
                    count += block.count(b"\n")
                    target.write(block)
    return count


def _delimited(path: Path, segments: Sequence[Segment], delimiter: str) -> int:
    columns: dict[str, None] = {ITEM: None}
    for raw in _raw(segments):
        columns.update(dict.fromkeys(parsed(raw)))
    count = 0
    with mapped(str(path)), path.open("x", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        for raw in _raw(segments):
            record = parsed(raw)
            writer.writerow([_shown(record.get(name)) for name in columns])
            count += 1
    return count


def _text(path: Path, segments: Sequence[Segment]) -> int:
    count = 0
    with mapped(str(path)), path.open("x", encoding="utf-8", newline="") as target:
        for raw in _raw(segments):
            values = [_shown(value) for name, value in parsed(raw).items() if name != ITEM]
            target.write(" ".join(" ".join(values).splitlines()) + "\n")
            count += 1
    return count


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
