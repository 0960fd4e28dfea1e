"""Records of a job by pages, from the shards that are done; also while the job runs."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from impasto.errors import BadInput, Missing
from impasto.server.models.items import Records
from impasto.server.problems import Refused
from impasto.storage.ranges import RangeReader
from impasto.tables.write.jsonl import ITEM, parsed
from impasto.tables.write.packed import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.jobs.job import Job
    from impasto.schema.outcome import Done
    from impasto.schema.plan import Shard
    from impasto.server.planned import Planned
    from impasto.storage.store import Store

PAGE = 4 << 20
"""Bytes of records on a page, at most."""
LONGEST = 1 << 20
"""Bytes of the longest record that is shown."""
COUNTED = 64 << 20
"""Bytes of records that are read to count them; of more, items are counted instead."""
_READ = 1 << 16
_CURSOR = re.compile(r"(\d{1,9})-(\d{1,18})")


class _Line(NamedTuple):
    """A record as it is stored, b"" if it is too long, and where the next one begins."""

    shard: Shard
    raw: bytes
    after: str


def page(planned: Planned, done: Sequence[Done], limit: int, cursor: str) -> Records:
    """Return records in order, beginning where the last page ended.

    Args:
        planned: the job.
        done: the records of its shards that are done, in order.
        limit: how many.
        cursor: where the last page ended; "" is the beginning.

    Raises:
        Refused: the job makes no records, or they are kept no longer, or the cursor is wrong.
        Unavailable: the store does not answer.
    """
    if planned.plan.output != "records":
        raise Refused(404, f"job {planned.job.id}: makes no records", "see its result")
    first, offset = _place(cursor)
    columns: dict[str, None] = {}
    rows: list[dict[str, Any]] = []
    items: list[int] = []
    size, after, more = 0, cursor, False
    try:
        for line in _lines(planned, done, first, offset):
            more = len(rows) == limit or size >= PAGE
            if more:
                break
            row = _row(line.raw)
            size, after = size + len(line.raw), line.after
            columns.update(dict.fromkeys(row))
            rows.append(row)
            items.append(_index(line.shard, row.get(ITEM)))
        total = _total(planned.job, done)
    except Missing:
        raise Refused(
            404, f"job {planned.job.id}: its records are only in its output", "see its result"
        ) from None
    return Records(
        columns=[*columns], rows=rows, items=items, total=total, next=after if more else ""
    )


def _place(cursor: str) -> tuple[int, int]:
    match = _CURSOR.fullmatch(cursor)
    if cursor and match is None:
        raise BadInput("cursor: is wrong", "leave it out, or give the last page's `next`")
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _lines(planned: Planned, done: Sequence[Done], first: int, offset: int) -> Iterator[_Line]:
    for record in dropwhile(lambda record: record.shard < first, done):
        with _open(planned.job, record.segment) as stream:
            stream.seek(offset if record.shard == first else 0)
            while raw := stream.readline(LONGEST + 1):
                whole = raw.endswith(b"\n")
                rest = b"" if whole else raw
                while rest and not rest.endswith(b"\n"):
                    rest = stream.readline(LONGEST)
                shard = planned.plan.shards[record.shard]
                yield _Line(shard, raw if whole else b"", f"{record.shard}-{stream.tell()}")


def _open(job: Job, segment: str) -> io.BufferedReader:
    key = f"jobs/{job.id}/{segment}"
    stat = job.home.stat(key)
    if stat is None:
        raise Missing(f"{job.home.where(key)}: no such object", "run the job again")
    return io.BufferedReader(cast("io.RawIOBase", RangeReader(job.home, stat)), _READ)


def _row(raw: bytes) -> dict[str, Any]:
    """Return a record in JSON's types, or what is said in place of one that cannot be shown."""
    try:
        return {name: told(value) for name, value in parsed(raw, finite=True).items()}
    except (ValueError, RecursionError):
        return {ITEM: None, "error": "this record is too long or too deep to be shown"}


def _index(shard: Shard, item: object) -> int:
    """Return the index of a record's item in the source; -1 if it cannot be told."""
    if isinstance(item, int) and item in range(shard.start, shard.stop):
        return item
    return shard.start + shard.names.index(item) if item in shard.names else -1


def _total(job: Job, done: Sequence[Done]) -> int:
    """Count the records so far, or of very many the items that have some."""
    if sum(record.bytes for record in done) > COUNTED:
        return sum(record.items - len(record.failed) for record in done)
    return sum(_count(job.home, job.id, record.segment) for record in done)


@lru_cache(1 << 14)
def _count(home: Store, job: str, segment: str) -> int:
    """Count the lines of a segment, whose name no other content ever has."""
    data = home.read(f"jobs/{job}/{segment}")
    return data.count(b"\n")
