"""Arrays as nested lists of Parquet, of the arrays' own type and without a Python object each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.tables.read.kinds import EXACT
from impasto.tables.write.packed import unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def arrays_of(values: Sequence[Any]) -> list[NDArray[Any] | None] | None:
    """Return the arrays of a column's values, if all are packed or None, and of one rank."""
    found = [unpacked(value) for value in values]
    if any(array is None and value is not None for array, value in zip(found, values, strict=True)):
        return None
    ranks = {array.ndim for array in found if array is not None}
    return found if len(ranks) == 1 else None


def listed(value: Any) -> Any:
    """Return a value as lists, NaN as None as in every line, if it is packed; else as it is."""
    array = unpacked(value)
    if array is None:
        return value
    held = array.astype(object)
    if array.dtype.kind == "f":
        held[np.isnan(array)] = None
    return held.tolist()


def type_of(arrays: Sequence[NDArray[Any] | None], long: Any) -> Any:
    """Return the type of a column of arrays: lists in lists of the widest of their types.

    Args:
        arrays: the arrays, of one rank.
        long: the type that stands for integers that no float holds.
    """
    import pyarrow as pa

    some = [array for array in arrays if array is not None]
    kind = np.result_type(*{array.dtype for array in some})
    # Few readers know half precision.
    kind = np.dtype("f4") if kind == np.float16 else kind
    leaf = pa.from_numpy_dtype(kind)
    if kind == np.int64 and any(map(_exceeds_floats, some)):
        leaf = long
    for _ in range(some[0].ndim):
        leaf = pa.list_(leaf)
    return leaf


def column(arrays: Sequence[NDArray[Any] | None], each: Any) -> Any:
    """Return arrays, of one rank, as a column of a type of as many lists in lists."""
    import pyarrow as pa

    some = [array for array in arrays if array is not None]
    leaf = each
    while pa.types.is_list(leaf):
        leaf = leaf.value_type
    flat = np.concatenate([array.ravel() for array in some])
    made = pa.array(flat).cast(leaf)
    for level in range(some[0].ndim - 1, 0, -1):
        lengths = [np.repeat(array.shape[level], np.prod(array.shape[:level])) for array in some]
        made = pa.ListArray.from_arrays(_offsets(np.concatenate(lengths)), made)
    outer = [0 if array is None else len(array) for array in arrays]
    absent = pa.array([array is None for array in arrays])
    return pa.ListArray.from_arrays(_offsets(np.array(outer)), made, mask=absent)


def _exceeds_floats(array: NDArray[Any]) -> bool:
    return bool(array.size) and bool(array.max() > EXACT or array.min() < -EXACT)


def _offsets(lengths: NDArray[Any]) -> Any:
    import pyarrow as pa

    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
