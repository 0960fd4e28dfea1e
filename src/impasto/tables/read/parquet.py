"""Parquet as rows: a shard is a run of rows, read from the row groups that hold them."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput, ImpastoError
from impasto.schema.source import TableFacts
from impasto.tables.read.scan import BLOCK_ROWS, Scan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pandas as pd

    from impasto.schema.plan import Shard
    from impasto.storage.named_file import File
    from impasto.tables.read.scan import Wanted


def scan(file: File, _: Wanted) -> Scan:
    """Read the schema and where row groups begin; no rows.

    Raises:
        BadInput: it is not a Parquet file, or is damaged.
        Unavailable: its store does not answer.
    """
    with _opened(file) as table:
        meta = table.metadata
        starts = list(_starts(meta))
        frame = _frame(table.schema_arrow.empty_table())
        missing = _with_missing(table)
        if not frame.columns.is_unique:
            raise BadInput(f"{file.url}: two columns share a name", "rename one")
        columns = tuple(
            (str(name), _dtype(str(dtype), missing=name in missing))
            for name, dtype in frame.dtypes.items()
        )
        schema = table.schema_arrow.remove_metadata().serialize().to_pybytes()
    arrow = base64.b64encode(schema).decode()
    facts = TableFacts(format="parquet", columns=columns, arrow=arrow)
    return Scan(facts, meta.num_rows, tuple(starts))


def read(file: File, facts: TableFacts, shard: Shard) -> Iterator[pd.DataFrame]:
    """Yield a shard's rows, some thousand at a time, from the row groups that hold them.

    Raises:
        BadInput: one of these is damaged.
        Unavailable: its store does not answer.
    """
    import pyarrow as pa

    with _opened(file) as table:
        starts = list(_starts(table.metadata))
        stops = [*starts[1:], table.metadata.num_rows]
        groups = [
            n
            for n, (start, stop) in enumerate(zip(starts, stops, strict=True))
            if start < shard.stop and shard.start < stop
        ]
        at, dtypes = starts[groups[0]], dict(facts.columns)
        nested = any(_holds_integers(field.type) for field in table.schema_arrow)
        missing = _with_missing(table) if nested else set()
        batches = table.iter_batches(BLOCK_ROWS, row_groups=groups, use_threads=False)
        for batch in batches:
            first, last = max(0, shard.start - at), min(len(batch), shard.stop - at)
            at += len(batch)
            if first < last:
                part = pa.Table.from_batches([batch.slice(first, last - first)])
                yield _frame(part, dtypes, missing)
            if at >= shard.stop:
                return


@contextmanager
def _opened(file: File) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Told to expect nothing, the reader of an object fetches no more than is requested.
        with pq.ParquetFile(file.open((0, 0))) as table:
            yield table
    except ImpastoError:
        raise
    except (pa.ArrowException, OSError) as error:
        fact = str(error).strip().partition("\n")[0].rstrip(".")
        raise BadInput(f"{file.url}: {fact}", "replace the table") from None


def _starts(meta: Any) -> Iterator[int]:
    """Yield the first row of every row group."""
    counts = [meta.row_group(n).num_rows for n in range(meta.num_row_groups)]
    yield from list(accumulate(counts, initial=0))[:-1]


def _with_missing(table: Any) -> set[str]:
    """Return the columns that hold missing values, or may, for lack of statistics."""
    meta = table.metadata
    # Within structs and lists, Parquet stores each innermost field as a column of its own.
    owners = [field.name for field in table.schema_arrow for _ in _innermost(field.type)]
    found = set()
    for group in range(meta.num_row_groups):
        for n, owner in enumerate(owners):
            stats = meta.row_group(group).column(n).statistics
            if stats is None or not stats.has_null_count or stats.null_count:
                found.add(owner)
    return found


def _innermost(kind: Any) -> Iterator[Any]:
    """Yield the types within a nested type, or a plain type itself."""
    if not kind.num_fields:
        yield kind
    for n in range(kind.num_fields):
        yield from _innermost(kind.field(n).type)


def _holds_integers(kind: Any) -> bool:
    """Return whether a type is nested and has integers within."""
    import pyarrow as pa

    return kind.num_fields > 0 and any(map(pa.types.is_integer, _innermost(kind)))


def _dtype(dtype: str, *, missing: bool) -> str:
    """Return the dtype that holds a column's values, and missing ones where there are."""
    if missing and dtype == "bool":
        return "boolean"
    if missing and dtype.startswith(("int", "uint")):
        return dtype.replace("int", "Int").replace("u", "U")
    return dtype


def _frame(
    table: Any, dtypes: dict[str, str] | None = None, missing: Collection[str] = ()
) -> pd.DataFrame:
    """Return a table as a frame, with these dtypes.

    Args:
        table: the rows.
        dtypes: of the columns, by name.
        missing: columns with missing values anywhere in the file.
    """
    import pandas as pd
    import pyarrow as pa

    exact = {}
    for n, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            # Categories differ from one row group to the next.
            plain = table.column(n).cast(column.type.value_type)
            table = table.set_column(n, column.name, plain)
        elif column.name in missing and _holds_integers(column.type):
            exact[column.name] = table.column(n).to_pylist()
            table = table.set_column(n, column.name, pa.nulls(len(table)))
    # Without these, integers some of which are missing would pass through floats.
    kinds = {dtype for dtype in (dtypes or {}).values() if dtype.startswith(("Int", "UInt"))}
    nullable = {
        pa.from_numpy_dtype(kind.lower()): pd.api.types.pandas_dtype(kind) for kind in kinds
    }
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, types_mapper=nullable.get)
    for name, values in exact.items():
        frame[name] = pd.Series(values, dtype=object)
    found = [(str(name), dtype) for name, dtype in frame.dtypes.items()]
    wanted = dtypes or {}
    return frame.astype({n: wanted[n] for n, dtype in found if n in wanted and dtype != wanted[n]})
