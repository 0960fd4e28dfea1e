"""Columns of a table that go beside the results, as they were.

Records are JSON until the output is made, so dates and decimals are text meanwhile. Parquet gets
them back in the source's own Arrow types; of CSV and JSON lines, in those that hold whole columns.
"""

from __future__ import annotations

import base64
import datetime
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.schema.source import TableFacts

ALL = ("all",)
"""Names every column."""
SHOWN = 10
"""Most columns that a message names."""
_ITEM = "item"
"""The column of the output that names each row."""


def kept_columns(keep: Sequence[str], table: TableFacts) -> tuple[str, ...]:
    """Return the names of the columns that a spec keeps, each once."""
    every = tuple(name for name, _ in table.columns)
    return every if tuple(keep) == ALL else tuple(dict.fromkeys(keep))


def check_kept(url: str, keep: Sequence[str], table: TableFacts | None) -> None:
    """Check what a spec keeps.

    Args:
        url: the source.
        keep: as in the spec.
        table: the source's facts; None where it is none.

    Raises:
        BadInput: a column is not there, or cannot be kept.
    """
    if table is None:
        raise BadInput(f"{url}: `keep` is for the columns of a table of rows", "leave it out")
    has = [name for name, _ in table.columns]
    kept = kept_columns(keep, table)
    if missing := [name for name in kept if name not in has]:
        shown = ", ".join(has[:SHOWN]) + (", ..." if len(has) > SHOWN else "")
        raise BadInput(f"{url}: has no column {missing[0]!r} to keep", f"choose from {shown}")
    types = _source_types(table)
    if held := next((name for name in kept if name in types and _holds_bytes(types[name])), None):
        raise BadInput(
            f"{url}: its column {held!r} is {types[held]}, which no record holds",
            "let `keep` name other columns",
        )
    if _ITEM in kept:
        raise BadInput(
            f"{url}: its column {_ITEM!r} cannot be kept, since the output names each row by that",
            "rename it, or let `keep` name other columns",
        )


def kept_types(keep: Sequence[str], table: TableFacts | None) -> dict[str, Any]:
    """Return the Arrow types of kept columns, by name, as far as JSON can be turned into them.

    Args:
        keep: as in the spec.
        table: the facts of the table.
    """
    if not keep or table is None:
        return {}
    found = _source_types(table)
    types = {name: _plain(found[name]) for name in kept_columns(keep, table) if name in found}
    return {name: each for name, each in types.items() if _as_json(each) or _as_text(each)}


def _source_types(table: TableFacts) -> dict[str, Any]:
    """Return the Arrow types of a table's columns, by name, as far as they are known."""
    try:
        import pyarrow as pa
    except ImportError:
        return {}
    if table.arrow:
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(table.arrow)))
        except (ValueError, OSError, pa.ArrowException):
            # A plan may have been written by others.
            return {}
        return {field.name: field.type for field in schema}
    known = {
        **dict.fromkeys(("int64", "Int64"), pa.int64()),
        **dict.fromkeys(("bool", "boolean"), pa.bool_()),
        "float64": pa.float64(),
        "str": pa.string(),
    }
    return {name: known[dtype] for name, dtype in table.columns if dtype in known}


def restored(name: str, values: list[Any], kind: Any) -> Any:
    """Return a column of a type from what JSON holds of it; raises BadInput if it is of another."""
    import pyarrow as pa

    try:
        if pa.types.is_time(kind):
            times = [value and datetime.time.fromisoformat(value) for value in values]
            return pa.array(times, kind)
        if _as_text(kind):
            return pa.array(values, pa.string()).cast(kind)
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        raise BadInput(
            f"`keep={name}`: its values are no {kind}, as they were when the job was planned",
            "start a new job, or leave the column out",
        ) from None


def _plain(kind: Any) -> Any:
    """Return the type of a dictionary's values, and any other as it is."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _holds_bytes(kind: Any) -> bool:
    """Return whether a type is bytes, or has them within."""
    import pyarrow as pa

    tests = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
        pa.types.is_binary_view,
    )
    within = (kind.field(n).type for n in range(kind.num_fields))
    return any(test(_plain(kind)) for test in tests) or any(map(_holds_bytes, within))


def _as_json(kind: Any) -> bool:
    """Return whether JSON holds the values of a type as they are."""
    import pyarrow as pa

    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if any(test(kind) for test in lists):
        return _as_json(kind.value_type)
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_as_json(field.type) for field in kind)
    tests = (
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_float16,
        pa.types.is_float32,
        pa.types.is_float64,
    )
    texts = (pa.types.is_string, pa.types.is_large_string)
    return any(test(kind) for test in (*tests, *texts))


def _as_text(kind: Any) -> bool:
    """Return whether JSON holds the values of a type as text that Arrow reads back."""
    import pyarrow as pa

    if kind == pa.time64("ns"):
        # Python's times have microseconds.
        return False
    tests = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_time, pa.types.is_decimal)
    return any(test(kind) for test in tests)
