"""Records as lines of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEM = "item"
_AS_THEY_ARE = frozenset({bool, int, str})
_START = f'{{"{ITEM}": '
_DECODER = json.JSONDecoder()
_MISSING = {"NAType", "NaTType"}
"""pandas' types of a missing value, known without importing it."""


def line(item: str | int, record: Mapping[Any, Any]) -> bytes:
    """Write a record as a line of JSON, its item first.

    Arrays and tensors become lists; NaN and missing values become null; names that are not strings,
    and all else that JSON does not know, become the text that `str` returns. Infinities are written
    as ``Infinity``, which JSON lacks: formats that have them get them from here. A field of the
    record's own that is called ``item`` gets an underscore.

    Args:
        item: the item's name, or its index.
        record: what is said about it.

    Returns:
        The line in UTF-8, its end included.
    """
    fields = {str(name): _plain(value) for name, value in record.items()}
    if ITEM in fields:
        other = f"{ITEM}_"
        while other in fields:
            other += "_"
        fields = {(other if name == ITEM else name): value for name, value in fields.items()}
    text = json.dumps({ITEM: item, **fields}, ensure_ascii=False)
    # Half a surrogate pair is not UTF-8; written this way it is JSON's own escape.
    return text.encode(errors="backslashreplace") + b"\n"


def read(stream: BinaryIO) -> Iterator[tuple[str | int, bytes]]:
    """Yield the item of every line that `line` wrote, and the line itself, its end included."""
    for raw in stream:
        item, _ = _DECODER.raw_decode(raw.decode(), len(_START))
        yield item, raw


def renamed(name: str) -> bool:
    """Return whether `line` may have given a field this name because it was called ``item``."""
    return name != ITEM and name.rstrip("_") == ITEM


def parsed(raw: bytes, *, finite: bool = False) -> dict[str, Any]:
    """Return a record, with texts that every format can hold.

    Args:
        raw: the line.
        finite: whether infinities become null.
    """
    hooks: dict[str, Any] = {"parse_constant": _finite, "parse_float": _finite} if finite else {}
    record: dict[str, Any] = json.loads(raw, **hooks)
    if b"\\ud" in raw.lower():
        record = json.loads(json.dumps(record, ensure_ascii=False).encode(errors="replace"))
    return record


def _finite(number: str) -> float | None:
    """Read a number; one that JSON lacks, or that no float holds, is null."""
    value = float(number)
    return value if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """Return a value in JSON's types."""
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return _foreign(value)


def _foreign(value: Any) -> Any:
    """Return a value of a library's type in JSON's types."""
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, np.datetime64 | np.timedelta64):
        # Lists of them would be numbers without a unit.
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "mM":
        return [_foreign(part) for part in value] if value.ndim else _foreign(value[()])
    to_list = getattr(value, "tolist", None)
    if callable(to_list):
        plain = to_list()
        return str(plain) if type(plain) is type(value) else _plain(plain)
    return str(value)
