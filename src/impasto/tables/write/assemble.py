"""Files made of a job's records, in constant memory: JSON lines, CSV, Parquet, plain text."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from impasto.storage.local import mapped
from impasto.tables.write.jsonl import ITEM, parsed
from impasto.tables.write.losses import Losses

Segment: TypeAlias = Path | Callable[[], BinaryIO]
"""A segment's path, or a function that opens it for reading."""

_BUFFER = 1 << 20
_INFINITY, _RENAMED = b"Infinity", f'"{ITEM}_'.encode()
"""Found in every line that cannot be copied without a look at it."""


def assemble(
    path: Path,
    segments: Iterable[Segment],
    suffix: str,
    kept: Mapping[str, Any] | None = None,
) -> tuple[int, tuple[str, ...]]:
    """Join segments of records into one file, in order.

    JSON lines
        are copied as they are, but for infinities, which become null.
    CSV and TSV (RFC 4180, except that lines end in a line feed alone)
        have a column for every field of any record, in the order in which they first appear.
        Null, and what a record lacks, is empty; infinities are ``inf`` and ``-inf``; nested values
        are JSON.
    Parquet
        has these columns, too, with a type that holds the values of all records: integers and
        floats become floats; where values of other kinds meet, or an integer that no float holds
        meets floats, the whole column is JSON in strings.
    Text
        has one line per record: its values without the item, separated by spaces; line ends
        within become spaces.

    Args:
        path: a new file.
        segments: what `impasto.tables.write.jsonl.line` wrote; each is read once or twice.
        suffix: one of `formats.RECORDS`.
        kept: Arrow types that columns of the source had there, by name, for Parquet.

    Returns:
        The number of records, and what the file cannot hold, one line each.

    Raises:
        BadInput: the file is to be Parquet, and pyarrow is not installed.
        Unavailable: the disk is full, or the segments' store does not answer.
    """
    held, losses = list(segments), Losses()
    if suffix in {".csv", ".tsv"}:
        count = _delimited(path, held, "\t" if suffix == ".tsv" else ",", losses)
    elif suffix == ".parquet":
        from impasto.tables.write.parquet import write

        count = write(path, lambda: _raw(held), losses, kept or {})
    elif suffix == ".txt":
        count = _text(path, held, losses)
    else:
        count = _copy(path, held, losses)
    return count, losses.notes()


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


def _copy(path: Path, segments: Sequence[Segment], losses: Losses) -> int:
    count = 0
    with mapped(str(path)), path.open("xb", buffering=_BUFFER) as target:
        for raw in _raw(segments):
            count += 1
            odd = _INFINITY in raw or (_RENAMED in raw and not losses.renamed)
            target.write(_checked(raw, losses) if odd else raw)
    return count


def _checked(raw: bytes, losses: Losses) -> bytes:
    """Return a line in which infinities are null."""
    before, record = losses.infinite, json.loads(raw)
    losses.see(record)
    text = losses.json(record)
    # Strings may hold the word.
    changed = losses.infinite > before
    return text.encode(errors="backslashreplace") + b"\n" if changed else raw


def _delimited(path: Path, segments: Sequence[Segment], delimiter: str, losses: Losses) -> int:
    columns: dict[str, None] = {ITEM: None}
    for raw in _raw(segments):
        columns.update(dict.fromkeys(parsed(raw)))
    losses.see(columns)
    count = 0
    with mapped(str(path)), path.open("x", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        for raw in _raw(segments):
            record = parsed(raw)
            writer.writerow([_shown(record.get(name), losses) for name in columns])
            count += 1
    return count


def _text(path: Path, segments: Sequence[Segment], losses: Losses) -> int:
    count = 0
    with mapped(str(path)), path.open("x", encoding="utf-8", newline="") as target:
        for raw in _raw(segments):
            fields = parsed(raw).items()
            values = [_shown(value, losses) for name, value in fields if name != ITEM]
            target.write(" ".join(" ".join(values).splitlines()) + "\n")
            count += 1
    return count


def _shown(value: Any, losses: Losses) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value if isinstance(value, str) else losses.json(value)
