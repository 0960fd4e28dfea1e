"""JSON lines as rows: one object per line, its names the columns, blank lines left out."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from itertools import accumulate, compress, islice
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.schema.source import TableFacts
from impasto.storage.span import open_span
from impasto.tables.read.jsonl_columns import BLANKS, frame_of, kinds_of
from impasto.tables.read.kinds import EXACT, INT64, dtype_of
from impasto.tables.read.scan import BLOCK_BYTES, BLOCK_ROWS, SHOWN, Cuts, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from impasto.schema.plan import Shard
    from impasto.storage.named_file import File
    from impasto.tables.read.scan import Wanted

MOST_SHAPES = 1000
AHEAD, ROWS = 1 << 20, 2000
"""Bytes that are read together, and lines that are examined together.

Few enough that columns that occur in only one record each take little memory.
"""
_LONG = re.compile(rb"\d{16}")
"""Found in any integer beyond `EXACT`."""
_KINDS: dict[object, set[str]] = {
    bool: {"bool"},
    int: {"int"},
    "long": {"int", "long"},
    float: {"float"},
    str: {"str"},
    type(None): {"missing"},
}
"""The kinds of values by their type, or by what `_type` calls it."""


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
    first_line = 1 if number == cuts.rows else 0
    facts = TableFacts(format="jsonl", columns=columns.found(), first_line=first_line)
    return Scan.of_lines(facts, cuts, tuple(f"{file.url}: {note}" for note in columns.notes()))


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


def _object(decoder: json.JSONDecoder, text: bytes, where: str) -> dict[str, Any]:
    try:
        value = decoder.decode(text.decode())
        if b"\\ud" in text.lower():
            # Half a surrogate pair is valid JSON, but not text.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise BadInput(f"{where}: is not UTF-8", "save the table as UTF-8") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{where}: is not JSON", "correct the table") from None
    if not isinstance(value, dict):
        raise BadInput(f"{where}: is not a JSON object", "write one object per line")
    return value


class _Columns:
    """Finds the dtypes of all records; most share a shape: names, and types of values."""

    def __init__(self) -> None:
        self._shapes: Counter[tuple[tuple[str, ...], tuple[object, ...]]] = Counter()
        self._kinds: dict[str, set[str]] = {}
        self._counts: Counter[str] = Counter()
        self._rows = 0
        self._special = False
        self._repeated: dict[str, None] = {}
        self._decoder = json.JSONDecoder(
            parse_constant=self._constant, object_pairs_hook=self._distinct
        )

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
                self._add(_object(self._decoder, text, f"{url}: line {n}"), text)
        return texts

    def _add(self, record: dict[str, Any], text: bytes) -> None:
        self._rows += 1
        types: tuple[object, ...] = tuple(map(type, record.values()))
        if _LONG.search(text):
            types = tuple(map(_type, record.values()))
        self._shapes[tuple(record), types] += 1
        if len(self._shapes) == MOST_SHAPES:
            self._fold()

    def found(self) -> tuple[tuple[str, str], ...]:
        """Return the dtypes of all columns, in the order of their first appearance."""
        self._fold()
        for name, count in self._counts.items():
            if count < self._rows:
                self._kinds[name].add("missing")
        return tuple((name, dtype_of(kinds, "object")) for name, kinds in self._kinds.items())

    def notes(self) -> list[str]:
        """Return what the user should know about the records."""
        found = []
        if self._special or any("special" in kinds for kinds in self._kinds.values()):
            found.append("holds NaN or Infinity, which are not JSON; NaN is a missing value")
        if self._repeated:
            shown = ", ".join(map(repr, islice(self._repeated, SHOWN)))
            found.append(f"an object names {shown} more than once; the last value counts")
        return found

    def _constant(self, word: str) -> float:
        self._special = True
        return float(word)

    def _distinct(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            self._repeated |= dict.fromkeys(name for name in counts if counts[name] > 1)
        return record

    def _fold(self) -> None:
        for (names, types), count in self._shapes.items():
            for name, kind in zip(names, types, strict=True):
                self._kinds.setdefault(name, set()).update(_KINDS.get(kind, {"object"}))
                self._counts[name] += count
        self._shapes.clear()


def _type(value: Any) -> object:
    """Return a value's type, or the kinds of an integer that not every dtype can hold."""
    if isinstance(value, int) and not -EXACT <= value <= EXACT:
        return "long" if value in INT64 else object
    return type(value)


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
