"""Rows of known fields as CSV, JSON or Parquet, written piece by piece while they are read."""

from __future__ import annotations

import csv
import io
import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SUFFIXES = (".csv", ".jsonl", ".json", ".parquet")
BLOCK = 10_000
"""Rows of a piece, and of a row group."""


def written(
    rows: Iterable[Sequence[Any]], fields: Mapping[str, type], suffix: str
) -> Iterator[bytes]:
    """Yield a file that holds rows, in pieces.

    Args:
        rows: the rows, whose values are numbers, texts or None.
        fields: their names, and ``str``, ``int`` or ``float`` for each.
        suffix: of `SUFFIXES`: what the file is to be.

    Raises:
        BadInput: pyarrow is needed and not installed.
    """
    blocks = _blocks(rows)
    if suffix == ".parquet":
        yield from _parquet(blocks, fields)
    elif suffix == ".csv":
        yield from _csv(blocks, [*fields])
    else:
        yield from _json(blocks, [*fields], array=suffix == ".json")


def _blocks(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    source = iter(rows)
    while block := list(islice(source, BLOCK)):
        yield block


def _csv(blocks: Iterable[list[Sequence[Any]]], names: list[str]) -> Iterator[bytes]:
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(names)
    yield held.getvalue().encode()
    for block in blocks:
        held.seek(0)
        held.truncate()
        writer.writerows(block)
        yield held.getvalue().encode(errors="backslashreplace")


def _json(
    blocks: Iterable[list[Sequence[Any]]], names: list[str], *, array: bool
) -> Iterator[bytes]:
    between = ",\n" if array else "\n"
    last = ""
    if array:
        yield b"["
    for block in blocks:
        lines = (json.dumps(dict(zip(names, row, strict=True))) for row in block)
        yield (last + between.join(lines)).encode()
        last = between
    yield b"]\n" if array else last.encode()


def _parquet(blocks: Iterable[list[Sequence[Any]]], fields: Mapping[str, type]) -> Iterator[bytes]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise BadInput("a .parquet file: needs pyarrow", "pip install 'impasto[tables]'") from None
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema([(name, kinds[each]) for name, each in fields.items()])
    sink = _Pieces()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema) as writer:
        for block in blocks:
            columns = zip(*block, strict=True)
            arrays = [
                pa.array(_texts(column) if field.type == pa.string() else column, field.type)
                for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _texts(column: Iterable[str | None]) -> list[str | None]:
    """Return texts without the halves of surrogate pairs, which Parquet cannot hold."""
    return [text and text.encode(errors="replace").decode() for text in column]


class _Pieces(io.RawIOBase):
    """A file whose bytes are taken away while it grows."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        data = bytes(self._held)
        self._held.clear()
        return data
