"""A table as a source of rows: CSV and TSV, JSON lines, Parquet.

One pass over the whole table decides the columns, their dtypes and where every shard begins, so
that every shard and every mini-batch is read the same way, whatever is in it:

    bool, int64, float64, str    what pandas makes of the whole column
    float64                      also a column without values
    Int64, boolean               integers, and truth values, some of which are missing
    str                          in CSV, also numbers that would not come out as they were written:
                                 codes such as 01234, and integers beyond 2**53 among floats
    object                       in JSON lines, nested values, values of several kinds, and integers
                                 beyond 2**53 among floats; in Parquet, what pandas has no dtype for
    any other                    in Parquet, as pandas has it: datetime64, int32, ...
"""

from __future__ import annotations

from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.schema.plan import Plan, Shard
from impasto.sources.base import Survey
from impasto.sources.item import Rows
from impasto.tables.read import delimited, jsonl, parquet
from impasto.tables.read.scan import BLOCK_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from impasto.schema.job import JobSpec
    from impasto.schema.kinds import SourceKind
    from impasto.storage.named_file import File
    from impasto.tables.read.scan import Scan, Wanted

_READERS = {".csv": delimited, ".tsv": delimited, ".parquet": parquet}


class Table:
    """A file of rows."""

    def __init__(self, file: File) -> None:
        """Prepare to read; nothing is read yet.

        Raises:
            BadInput: pandas or pyarrow are not installed.
        """
        self.url = file.url
        self.kind: SourceKind = "table"
        self.etag, self.former_etag = file.etag, file.former_etag
        self.base = file.place.parent
        self._file = file
        self._reader: ModuleType = _READERS.get(PurePath(file.name).suffix.lower(), jsonl)
        _check_installed(file.url)

    @cached_property
    def _whole(self) -> Scan:
        return self._scan(BLOCK_ROWS)

    def facts(self) -> dict[str, Any]:
        """Count the rows and name the columns and their dtypes."""
        scan = self._whole
        return {
            "source": self.url,
            "kind": self.kind,
            "format": scan.facts.format,
            "bytes": self._file.size,
            "rows": scan.rows,
            "columns": dict(scan.facts.columns),
            "shardable": True,
        }

    def objects(self) -> int:
        """Return 1."""
        return 1

    def count(self, spec: JobSpec) -> int:
        """Count the rows: reads all of a table that is text; raises as `survey` does."""
        return self._whole.rows

    def largest(self, spec: JobSpec) -> None:
        """Return None: a table has no pictures."""

    def survey(self, spec: JobSpec, size: Wanted) -> Survey:
        """Read all of the table once; where rows are lines, that finds the cuts.

        Raises:
            BadInput: it is malformed, and the message says where; or it has no rows.
        """
        scan = self._scan(size)

        def shard(number: int, start: int, stop: int) -> Shard:
            span = scan.spans[number] if scan.spans else None
            return Shard(index=number, start=start, stop=stop, span=span)

        return Survey(
            0,
            scan.rows,
            shard,
            base=str(self.base),
            cheap_cuts=scan.cheap_cuts,
            borders=scan.borders,
            table=scan.facts,
            warnings=scan.notes,
            etag=self.etag,
        )

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Rows]:
        """Yield the shard's rows, a few thousand at a time; reads nothing else of the file.

        Raises:
            Changed: the table has, also meanwhile.
            Unavailable: its store does not answer.
        """
        assert plan.table
        at = shard.start
        with self._file.reading(plan.etag):
            for frame in self._reader.read(self._file, plan.table, shard):
                yield Rows(at, frame)
                at += len(frame)
        if at != shard.stop:
            raise BadInput(
                f"{self.url}: only {at - shard.start} of {len(shard)} rows were read",
                "plan it again",
            )

    def _scan(self, size: Wanted) -> Scan:
        scan: Scan = self._reader.scan(self._file, size)
        if not scan.rows:
            raise BadInput(f"{self.url}: holds no rows", "check the file")
        return scan


def _check_installed(url: str) -> None:
    try:
        import pandas as pd  # noqa: F401
        import pyarrow as pa  # noqa: F401
    except ImportError:
        raise BadInput(f"{url}: tables need pandas", "pip install 'impasto[tables]'") from None
