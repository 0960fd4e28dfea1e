"""Records as Parquet, with types that hold all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.storage.local import mapped
from impasto.tables.kept import restored
from impasto.tables.read.kinds import EXACT
from impasto.tables.write import parquet_arrays
from impasto.tables.write.jsonl import ITEM, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from impasto.tables.write.losses import Losses

ROWS, BYTES = 10_000, 16 << 20
"""Records, and approximate bytes of their lines, of a row group."""


def write(
    path: Path,
    lines: Callable[[], Iterable[bytes]],
    losses: Losses,
    kept: Mapping[str, Any],
) -> int:
    """Write records as Parquet.

    Args:
        path: a new file.
        lines: returns the records' lines; called twice.
        losses: counts what the file cannot hold.
        kept: the types of columns that are known, by name.

    Returns:
        The number of records.

    Raises:
        BadInput: pyarrow is not installed.
        Unavailable: the disk is full.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise BadInput(f"{path.name}: needs pyarrow", "pip install 'impasto[tables]'") from None
    types: dict[str, Any] = {ITEM: pa.null()}
    for records in _blocks(lines()):
        for name in dict.fromkeys(name for record in records for name in record):
            found = _type([record.get(name) for record in records])
            types[name] = _unified(types.get(name, pa.null()), found)
    losses.see(types)
    types = {name: kept.get(name) or _storable(_settled(each)) for name, each in types.items()}
    schema = pa.schema([(name, each or pa.string()) for name, each in types.items()])
    count = 0
    with mapped(str(path)), pq.ParquetWriter(path, schema) as writer:
        for records in _blocks(lines()):
            columns = [
                restored(name, [record.get(name) for record in records], each)
                if name in kept
                else _array([record.get(name) for record in records], each, losses)
                for name, each in types.items()
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            count += len(records)
    return count


def _blocks(lines: Iterable[bytes]) -> Iterator[list[dict[str, Any]]]:
    """Yield records in lists that easily fit into memory."""
    block: list[dict[str, Any]] = []
    held = 0
    for line in lines:
        block.append(parsed(line))
        held += len(line)
        if len(block) == ROWS or held > BYTES:
            yield block
            block, held = [], 0
    if block:
        yield block


def _type(values: list[Any]) -> Any:
    """Return the type of some values, as `_marked` returns it, or None if of several kinds."""
    import pyarrow as pa

    if arrays := parquet_arrays.arrays_of(values):
        return parquet_arrays.type_of(arrays, _long())
    values = [parquet_arrays.listed(value) for value in values]
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError):
        return None
    # Among floats, truth values would become 0 and 1.
    found = str(array.type)
    if "double" in found and "bool" not in found and any(map(_holds_truth, values)):
        return None
    return _marked(array)


def _holds_truth(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_truth, value.values()))
    return any(map(_holds_truth, value)) if isinstance(value, list) else isinstance(value, bool)


def _marked(array: Any) -> Any:
    """Return an array's type, with a mark in place of integers that no float holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_int64(kind):
        ends = pc.min_max(array).as_py()
        exact = ends["min"] is None or -EXACT <= ends["min"] <= ends["max"] <= EXACT
        return kind if exact else _long()
    if pa.types.is_list(kind):
        return pa.list_(_marked(array.flatten()))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _marked(array.field(n))) for n, field in enumerate(kind)])
    return kind


def _long() -> Any:
    """Return the mark; no value of JSON has this type."""
    import pyarrow as pa

    return pa.decimal128(19)


def _settled(each: Any) -> Any:
    """Return a type without marks."""
    import pyarrow as pa

    if each is None:
        return None
    if each == _long():
        return pa.int64()
    if pa.types.is_list(each):
        return pa.list_(_settled(each.value_type))
    if pa.types.is_struct(each):
        return pa.struct([(field.name, _settled(field.type)) for field in each])
    return each


def _unified(one: Any, other: Any) -> Any:
    """Return the type that holds what either holds, or None."""
    import pyarrow as pa

    kinds = pa.types
    if one is None or other is None:
        return None
    if one == other or kinds.is_null(other):
        return one
    if kinds.is_null(one):
        return other
    if _is_number(one) and _is_number(other):
        return _wider(one, other)
    if kinds.is_list(one) and kinds.is_list(other):
        within = _unified(one.value_type, other.value_type)
        return within and pa.list_(within)
    if kinds.is_struct(one) and kinds.is_struct(other):
        fields = {field.name: field.type for field in one}
        for field in other:
            fields[field.name] = _unified(fields.get(field.name, pa.null()), field.type)
        return None if None in fields.values() else pa.struct(list(fields.items()))
    return None


def _is_number(each: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(each) or pa.types.is_floating(each) or bool(each == _long())


def _wider(one: Any, other: Any) -> Any:
    """Return the type of numbers that holds what either of two others holds, or None."""
    import pyarrow as pa

    if pa.types.is_floating(one) or pa.types.is_floating(other):
        return None if _long() in {one, other} else pa.float64()
    return _long() if _long() in {one, other} else pa.int64()


def _storable(each: Any) -> Any:
    """Return a type that Parquet can hold, or None: it has no object without any field."""
    import pyarrow as pa

    if each is not None and pa.types.is_struct(each) and not each.num_fields:
        return None
    inner = [each.field(n).type for n in range(each.num_fields)] if each is not None else []
    return None if any(_storable(part) is None for part in inner) else each


def _array(values: list[Any], each: Any, losses: Losses) -> Any:
    """Return values as a column of a type; None is JSON in strings."""
    import pyarrow as pa

    arrays = parquet_arrays.arrays_of(values)
    if arrays and each is not None:
        return parquet_arrays.column(arrays, each)
    values = [parquet_arrays.listed(value) for value in values]
    if each is None:
        texts = [None if value is None else losses.json(value) for value in values]
        return pa.array(texts, pa.string())
    return pa.array(values, each)
