"""JSON lines parsed together by pyarrow, which is many times as fast as one record at a time.

What pyarrow reads differently from Python's json, or not at all, is left to json: integers beyond
int64, names that an object has twice, columns of several kinds, and whatever is malformed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.tables.read.kinds import EXACT

if TYPE_CHECKING:
    import pandas as pd

BLANKS = b" \t\r\n"
"""Whitespace that JSON allows around values."""
DEEPEST = 500
"""Most brackets that may open on a line; pyarrow crashes at some ten thousand levels."""


def kinds_of(texts: list[bytes]) -> dict[str, set[str]] | None:
    """Return the kinds of values of every column, including missing ones.

    Args:
        texts: one record each, without blanks around it.

    Returns:
        Kinds by name, in the order of their appearance, or None where a record may be odd.
    """
    table = _parsed(texts, None)
    if table is None:
        return None
    kinds = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = _kind(column, texts)
        if kind is None:
            return None
        kinds[name] = kind | {"missing"} if column.null_count else kind
    return kinds


def frame_of(texts: list[bytes], columns: tuple[tuple[str, str], ...]) -> pd.DataFrame | None:
    """Parse records whose columns have these dtypes, or return None where one may be odd."""
    import pandas as pd
    import pyarrow as pa

    types = {
        "bool": pa.bool_(),
        "boolean": pa.bool_(),
        "int64": pa.int64(),
        "Int64": pa.int64(),
        "float64": pa.float64(),
        "str": pa.string(),
    }
    if not columns or any(dtype not in types for _, dtype in columns):
        return None
    table = _parsed(texts, pa.schema([(name, types[dtype]) for name, dtype in columns]))
    if table is None:
        return None
    # Without this, integers some of which are missing would pass through floats.
    nullable = (
        {pa.int64(): pd.Int64Dtype()} if any(dtype == "Int64" for _, dtype in columns) else {}
    )
    frame: pd.DataFrame = table.to_pandas(types_mapper=nullable.get)
    return frame.astype({name: dtype for name, dtype in columns if frame[name].dtype != dtype})


def _parsed(texts: list[bytes], schema: Any) -> Any:
    """Parse records, each of which is sure to be one object on its line, or return None."""
    import pyarrow as pa
    from pyarrow import json

    data = b"\n".join(texts)
    # A record that began on one line and ended on another would not be JSON there.
    lines = data.count(b"}\n{") + 1
    if not (data.startswith(b"{") and data.endswith(b"}") and lines == len(texts)):
        return None
    if data.count(b"{") + data.count(b"[") - lines > DEEPEST and _deepest(texts) > DEEPEST:
        return None
    try:
        data.decode()
        table = json.read_json(
            pa.py_buffer(data),
            read_options=json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore" if schema else "infer"
            ),
        )
    except (UnicodeDecodeError, pa.ArrowException):
        return None
    return table if len(table) == len(texts) else None


def _deepest(texts: list[bytes]) -> int:
    return max(text.count(b"{") + text.count(b"[") for text in texts)


def _kind(column: Any, texts: list[bytes]) -> set[str] | None:
    """Return the kinds of a column's values, missing ones aside, or None where they may be odd."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_null(kind):
        return {"missing"}
    if pa.types.is_float64(kind):
        # Among floats, large integers come as floats, and so do words such as -NaN, which are not
        # JSON.
        blank = pc.is_nan(column)
        special = pc.any(blank).as_py()
        plain = pc.all(pc.or_(blank, pc.less(pc.abs(column), float(EXACT)))).as_py() is not False
        if special:
            plain = plain and not any(b"-NaN" in text for text in texts)
        return ({"float", "special"} if special else {"float"}) if plain else None
    if pa.types.is_nested(kind):
        return None if any(b"Inf" in text or b"NaN" in text for text in texts) else {"object"}
    if pa.types.is_int64(kind):
        ends = pc.min_max(column).as_py()
        long = ends["min"] is not None and not -EXACT <= ends["min"] <= ends["max"] <= EXACT
        return {"int", "long"} if long else {"int"}
    if pa.types.is_boolean(kind):
        return {"bool"}
    # A timestamp is a string that looks like one.
    return {"str"} if pa.types.is_string(kind) or pa.types.is_timestamp(kind) else None
