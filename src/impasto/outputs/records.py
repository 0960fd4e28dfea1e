"""A shard of records as lines of JSON, and all of them as one file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.outputs.local_segment import LocalSegment
from impasto.storage.local import mapped
from impasto.tables.write import assemble, jsonl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack

    from impasto.jobs.job import Job
    from impasto.outputs.base import Scored
    from impasto.schema.outcome import Attempt, Done
    from impasto.schema.plan import Plan


class RecordsShard(LocalSegment):
    """One JSON line per record, in the order of the items."""

    def __init__(self, job: Job, plan: Plan, attempt: Attempt) -> None:
        self.segment = job.new_segment(attempt.shard.index, ".jsonl")
        self._job = job
        self._shard = attempt.shard
        self._facts = plan.facts if plan.source == "video" else None
        self._base = attempt.base

    def _open(self, stack: ExitStack) -> None:
        self._file = stack.enter_context(self._path.open("wb"))
        self._kept = self._standing() if self._base else iter(())
        self._next = next(self._kept, None)

    def write(self, scored: Scored) -> None:
        """Write the next item's records."""
        self._keep_up_to(scored.index)
        key, moment = self._key(scored.index), self._moment(scored.index)
        with mapped(str(self._path)):
            for record in scored.records:
                self._file.write(jsonl.line(key, {**moment, **record}))

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Store the lines; returns their bytes."""
        self._keep_up_to(self._shard.stop)
        with mapped(str(self._path)):
            self._file.close()
        self._job.folder.put_file(self.segment, self._path)
        return self._path.stat().st_size, ()

    def _key(self, index: int) -> str | int:
        return self._shard.names[index - self._shard.start] if self._shard.names else index

    def _moment(self, index: int) -> dict[str, float]:
        """Return when a frame of a video is shown, in seconds."""
        if not self._facts or not self._shard.cut:
            return {}
        pts = self._shard.cut.pts[index - self._shard.start]
        return {"time": round(float(pts * self._facts.time_base), 6)}

    def _standing(self) -> Iterator[tuple[int, bytes]]:
        """Yield the base's lines, each after its item's index."""
        assert self._base
        places = {self._key(n): n for n in range(self._shard.start, self._shard.stop)}
        data = self._job.folder.read(self._base.segment)
        for item, line in jsonl.read(io.BytesIO(data)):
            yield places[item], line

    def _keep_up_to(self, index: int) -> None:
        """Write the base's lines that come before an item."""
        while self._next and self._next[0] < index:
            self._file.write(self._next[1])
            self._next = next(self._kept, None)


def write_records(path: Path, job: Job, done: Sequence[Done]) -> tuple[str, ...]:
    """Join the records of a job into a file.

    Returns:
        What the file cannot hold, one line each.

    Raises:
        Unavailable: the disk is full.
    """
    segments = [job.folder.opener(record.segment) for record in done]
    with mapped(str(path)):
        return assemble.assemble(path, segments, path.suffix)[1]
