"""JSON lines as rows: one object per line, its names the columns, blank lines left out."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from itertools import accumulate, compress
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.schema.source import TableFacts
from impasto.storage.span import open_span
from impasto.tables.read.jsonl_columns import BLANKS, frame_of, kinds_of
from impasto.tables.read.scan import BLOCK_BYTES, BLOCK_ROWS, Cuts, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from impasto.schema.plan import Shard
    from impasto.storage.named_file import File
    from impasto.tables.read.scan import Wanted

INT64 = range(-(2**63), 2**63)
MOST_SHAPES = 1000
AHEAD, ROWS = 1 << 20, 2000
"""Bytes that are read together, and lines that are examined together.

Few enough that columns that occur in only one record each take little memory.
"""
_LONG = re.compile(rb"\d{19}")
"""Found in any integer that is too long for int64."""
_KINDS = {bool: "bool", int: "int64", float: "float64", str: "str", type(None): "missing"}


def scan(file: File, size: Wanted) -> Scan:
    """Find the columns of a table, their dtypes and its shards' bytes, a block at a time.

    Raises:
        BadInput: it is malformed; the message names the line.
        Unavailable: its store does not answer.
    """
    columns, cuts = _Columns(), Cuts(size, 0)
    end = number = 0
    with open_span(file) as stream:
        while held := stream.readlines(AHEAD):
            for n in range(0, len(held), ROWS):
                block = held[n : n + ROWS]
                where = [*accumulate(map(len, block), initial=end)][1:]
                if number == 0:
                    block[0] = block[0].removeprefix(codecs.BOM_UTF8)
                texts = [line.strip(BLANKS) for line in block]
                if not columns.add_all([*filter(None, texts)]):
                    texts = columns.add_each(block, number, file.url)
                cuts.add([*compress(where, texts)])
                end, number = where[-1], number + len(block)
    return Scan.of_lines(TableFacts(format="jsonl", columns=columns.found()), cuts)


def read(file: File, facts: TableFacts, shard: Shard) -> Iterator[pd.DataFrame]:
    """Yield a shard's rows, a block at a time; raise Unavailable when its store does not answer."""
    texts: list[bytes] = []
    held = 0
    with open_span(file, shard.span) as stream:
        for line in stream:
            text = line.removeprefix(codecs.BOM_UTF8).strip()
            if not text:
                continue
            texts.append(text)
            held += len(line)
            if len(texts) == BLOCK_ROWS or held > BLOCK_BYTES:
                yield _frame(texts, facts)
                texts, held = [], 0
    if texts:
        yield _frame(texts, facts)


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text.decode())
        if b"\\ud" in text.lower():
            # Half a surrogate pair is valid JSON, but not text.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise BadInput(f"{where}: is not UTF-8", "save the table as UTF-8") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{where}: is not JSON", "correct the table") from None
    if not isinstance(value, dict):
        raise BadInput(f"{where}: is no JSON object", "write an object a line")
    return value


class _Columns:
    """Finds the dtypes of all records; most share a shape: names, and types of values."""

    def __init__(self) -> None:
        self._shapes: Counter[tuple[tuple[str, ...], tuple[type, ...]]] = Counter()
        self._kinds: dict[str, set[str]] = {}
        self._counts: Counter[str] = Counter()
        self._rows = 0

    def add_all(self, texts: list[bytes]) -> bool:
        """Take records together; returns False, and takes none, where one may be odd."""
        kinds = kinds_of(texts)
        if kinds is None:
            return False
        self._fold()
        self._rows += len(texts)
        for name, found in kinds.items():
            self._kinds.setdefault(name, set()).update(found)
            self._counts[name] += len(texts)
        return True

    def add_each(self, block: list[bytes], number: int, url: str) -> list[bytes]:
        """Take records one by one.

        Args:
            block: their lines, and blank ones.
            number: lines that come before them.
            url: where they are.

        Returns:
            The lines without blanks around them.

        Raises:
            BadInput: one is malformed.
        """
        texts = [line.removeprefix(codecs.BOM_UTF8).strip() for line in block]
        for n, text in enumerate(texts, number + 1):
            if text:
                self._add(_object(text, f"{url}: line {n}"), text)
        return texts

    def _add(self, record: dict[str, Any], text: bytes) -> None:
        self._rows += 1
        types = tuple(map(type, record.values()))
        if _LONG.search(text):
            types = tuple(
                object if isinstance(value, int) and value not in INT64 else type(value)
                for value in record.values()
            )
        self._shapes[tuple(record), types] += 1
        if len(self._shapes) == MOST_SHAPES:
            self._fold()

    def found(self) -> tuple[tuple[str, str], ...]:
        """Return the dtypes of all columns, in the order of their first appearance."""
        self._fold()
        for name, count in self._counts.items():
            if count < self._rows:
                self._kinds[name].add("missing")
        return tuple((name, _dtype(kinds)) for name, kinds in self._kinds.items())

    def _fold(self) -> None:
        for (names, types), count in self._shapes.items():
            for name, kind in zip(names, types, strict=True):
                self._kinds.setdefault(name, set()).add(_KINDS.get(kind, "object"))
                self._counts[name] += count
        self._shapes.clear()


def _dtype(kinds: set[str]) -> str:
    """Return the dtype that holds values of these kinds."""
    known = kinds - {"missing"}
    if known == {"bool"}:
        return "bool" if known == kinds else "boolean"
    if known == {"int64"}:
        return "int64" if known == kinds else "float64"
    if known <= {"int64", "float64"}:
        return "float64"
    return "str" if known == {"str"} else "object"


def _frame(texts: list[bytes], facts: TableFacts) -> pd.DataFrame:
    import pandas as pd

    frame = frame_of(texts, facts.columns)
    if frame is not None:
        return frame
    records = json.loads(b"[" + b",".join(texts) + b"]")
    columns = {
        name: pd.Series([record.get(name) for record in records], dtype=dtype)
        for name, dtype in facts.columns
    }
    return pd.DataFrame(columns, index=range(len(records)))
