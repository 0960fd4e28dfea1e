"""Results of users' code as records: JSON's types, numpy's scalars and arrays.

Neither torch nor pandas is imported: a value can be one of their types only if somebody has
imported them.
"""

from __future__ import annotations

import datetime
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from typing_extensions import TypeIs

    from impasto.scorers.base import Record

_AS_THEY_ARE = frozenset({type(None), bool, int, float, str})
_JSON_KINDS = "biufU"
"""numpy's kinds of bool, int, unsigned, float and str."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+>")
"""Found in the text of an object whose class defines none, and of functions."""


def is_tensor(value: object) -> TypeIs[torch.Tensor]:
    """Return whether a value is a tensor of torch."""
    loaded = sys.modules.get("torch")
    return loaded is not None and isinstance(value, loaded.Tensor)


def is_pandas(value: object, name: str) -> bool:
    """Return whether a value is an instance of a class of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, name))


def elements(result: Any) -> list[Any] | None:
    """Return a sequence's elements, a DataFrame's rows as records; None if it is not a sequence."""
    result = array(result)
    if is_pandas(result, "DataFrame"):
        return of_frame(result)
    if isinstance(result, np.ndarray) and not result.ndim:
        return None
    known = isinstance(result, (list, tuple, np.ndarray)) or is_pandas(result, "Series")
    return list(result) if known else None


def of_frame(frame: Any) -> list[Record]:
    """Return a DataFrame's rows as records; where columns share a name, later ones are numbered."""
    names = list(_distinct([str(name) for name in frame.columns]))
    if not names:
        return [{} for _ in range(len(frame))]
    columns = _columns(frame)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _columns(frame: Any) -> list[list[Any]]:
    """Return the values of every column, in types that a record holds."""
    columns: list[list[Any]] = [[]] * frame.shape[1]
    dtypes: dict[Any, list[int]] = {}
    for n, dtype in enumerate(frame.dtypes):
        dtypes.setdefault(dtype, []).append(n)
    for dtype, places in dtypes.items():
        if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
            # Many columns together take a fraction of the time; NaN is a value among floats.
            lists = frame.iloc[:, places].to_numpy().T.tolist()
        else:
            lists = [_values(frame.iloc[:, n]) for n in places]
        for n, values in zip(places, lists, strict=True):
            columns[n] = values
    return columns


def _values(column: Any) -> list[Any]:
    """Return a column's values; those that are missing are None."""
    pairs = zip(column.tolist(), column.isna(), strict=True)
    return [None if gone else plain(value) for value, gone in pairs]


def of_element(value: Any) -> list[Record]:
    """Return the records of an item: a dict's or Series' one, a DataFrame's rows, or the output."""
    if is_pandas(value, "DataFrame"):
        return of_frame(value)
    if is_pandas(value, "Series"):
        value = value.to_dict()
    value = plain(value)
    return [value if isinstance(value, dict) else {"output": value}]


def array(value: Any) -> Any:
    """Return a tensor as an array on the CPU, and anything else as it is."""
    if not is_tensor(value):
        return value
    value = value.detach().cpu()
    # numpy has no bfloat16.
    return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()


def plain(value: Any) -> Any:
    """Return a value in types that a record holds; any other is written as text.

    Raises:
        TypeError: its text is an address in memory, which says nothing and differs in every run.
    """
    if type(value) in _AS_THEY_ARE:
        return value
    value = array(value)
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {str(key): plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case np.ndarray() | np.generic():
            return _plain_numpy(value)
        case datetime.date() | datetime.time():
            return None if _missing(value) else value.isoformat()
    if is_pandas(value, "Series") or is_pandas(value, "Index"):
        return [plain(inner) for inner in value.tolist()]
    return None if _missing(value) else _text(value)


def _text(value: object) -> str:
    text = str(value)
    if not isinstance(value, bytes | bytearray) and _ADDRESS.search(text):
        raise TypeError(
            f"a result holds an object of class '{type(value).__qualname__}', which has no text "
            "but its address in memory; return numbers, text, lists or dicts"
        )
    return text


def _plain_numpy(value: np.ndarray[Any, Any] | np.generic) -> Any:
    if value.dtype.kind in _JSON_KINDS:
        return value if value.ndim or isinstance(value, np.generic) else value.item()
    if value.dtype.kind == "O":
        return plain(value.tolist())
    return value.astype(str).tolist()


def _missing(value: object) -> bool:
    """Return whether a value is pandas' NA or NaT."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def _distinct(names: list[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in names:
        yield f"{name}.{seen[name]}" if seen[name] else name
        seen[name] += 1
