"""Large arrays within lines of JSON: numpy's own bytes in base64, a third the size of numbers.

Only a job that makes Parquet writes them:

    {"item": "photos/7.jpg", "output": {"$array": "<f4", "shape": [22, 2100], "data": "mpmZPg=="}}
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGE = 10_000
"""Bytes of arrays from which a record is no longer a line that people read."""
MARK = "$array"
_TYPES = frozenset(
    np.dtype(name).str for name in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "f2", "f4", "f8")
)
"""The types that are packed; others stay lists."""


def size(value: Any) -> int:
    """Return the bytes of the arrays in a record or value."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(size, value.values()))
    return sum(map(size, value)) if isinstance(value, list | tuple) else 0


def pack(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record whose large arrays are packed."""
    return {name: _packed(value) for name, value in record.items()}


def _packed(value: Any) -> Any:
    if not isinstance(value, np.ndarray) or value.nbytes <= LARGE:
        return value
    array = value.astype(value.dtype.newbyteorder("<"))
    if array.dtype.str not in _TYPES or not array.ndim:
        return value
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {MARK: array.dtype.str, "shape": [*array.shape], "data": data}


def unpacked(value: Any) -> NDArray[Any] | None:
    """Return the array that a value of a line holds packed; None if it holds none."""
    if not isinstance(value, dict) or value.keys() != {MARK, "shape", "data"}:
        return None
    kind, shape = value[MARK], value["shape"]
    if not isinstance(kind, str) or kind not in _TYPES:
        return None
    if not isinstance(shape, list) or not shape:
        return None
    if not all(type(side) is int and side >= 0 for side in shape):
        return None
    try:
        data = base64.b64decode(value["data"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None
    if len(data) != math.prod(shape) * np.dtype(kind).itemsize:
        return None
    return np.frombuffer(data, kind).reshape(shape)


def told(value: Any) -> Any:
    """Return a value with its array, if it holds one packed, in a few words."""
    array = unpacked(value)
    if array is None:
        return value
    return f"{array.dtype.name} array of {' x '.join(map(str, array.shape))}"
