"""Parquet as rows: a shard is a run of rows, read from the row groups that hold them."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput, ImpastoError
from impasto.schema.source import TableFacts
from impasto.tables.read.scan import BLOCK_ROWS, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        missing = _with_missing(meta)
        if not frame.columns.is_unique:
            raise BadInput(f"{file.url}: two columns share a name", "rename one")
        columns = tuple(
            (str(name), _dtype(str(dtype), missing=name in missing))
            for name, dtype in frame.dtypes.items()
        )
    return Scan(TableFacts(format="parquet", columns=columns), meta.num_rows, tuple(starts))


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
        batches = table.iter_batches(BLOCK_ROWS, row_groups=groups, use_threads=False)
        for batch in batches:
            first, last = max(0, shard.start - at), min(len(batch), shard.stop - at)
            at += len(batch)
            if first < last:
                part = pa.Table.from_batches([batch.slice(first, last - first)])
                yield _frame(part, dtypes)
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


def _with_missing(meta: Any) -> set[str]:
    """Return the columns that hold missing values, or may, for lack of statistics."""
    found = set()
    for group in range(meta.num_row_groups):
        for n in range(meta.num_columns):
            column = meta.row_group(group).column(n)
            told = column.statistics
            if told is None or not told.has_null_count or told.null_count:
                found.add(column.path_in_schema)
    return found


def _dtype(dtype: str, *, missing: bool) -> str:
    """Return the dtype that holds a column's values, and missing ones where there are."""
    if missing and dtype == "bool":
        return "boolean"
    if missing and dtype.startswith(("int", "uint")):
        return dtype.replace("int", "Int").replace("u", "U")
    return dtype


def _frame(table: Any, dtypes: dict[str, str] | None = None) -> pd.DataFrame:
    """Return a table as a frame, with these dtypes."""
    import pandas as pd
    import pyarrow as pa

    for n, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            # Categories differ from one row group to the next.
            plain = table.column(n).cast(column.type.value_type)
            table = table.set_column(n, column.name, plain)
    # Without this, integers some of which are missing would pass through floats.
    kinds = {dtype for dtype in (dtypes or {}).values() if dtype.startswith(("Int", "UInt"))}
    nullable = {
        pa.from_numpy_dtype(kind.lower()): pd.api.types.pandas_dtype(kind) for kind in kinds
    }
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, types_mapper=nullable.get)
    found = [(str(name), dtype) for name, dtype in frame.dtypes.items()]
    wanted = dtypes or {}
    return frame.astype({n: wanted[n] for n, dtype in found if n in wanted and dtype != wanted[n]})
