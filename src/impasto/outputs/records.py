"""A shard of records as lines of JSON, and all of them as one file."""

from __future__ import annotations

import io
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.outputs.local_segment import LocalSegment
from impasto.scorers import registry
from impasto.storage.local import mapped
from impasto.tables.kept import kept_types
from impasto.tables.write import assemble, jsonl, packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack

    from impasto.jobs.job import Job
    from impasto.outputs.base import Scored
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Attempt, Done
    from impasto.schema.plan import Plan
    from impasto.scorers.base import Record


class RecordsShard(LocalSegment):
    """One JSON line per record, in the order of the items."""

    def __init__(self, job: Job, spec: JobSpec, plan: Plan, attempt: Attempt) -> None:
        self.segment = job.new_segment(attempt.shard.index, ".jsonl")
        self._job = job
        self._shard = attempt.shard
        self._facts = plan.facts if plan.source == "video" else None
        self._base = attempt.base
        self._noun = plan.noun.removesuffix("s")
        self._packs = PurePath(spec.output).suffix.lower() == ".parquet"
        self._scorer = spec.scorer

    def _open(self, stack: ExitStack) -> None:
        self._file = stack.enter_context(self._path.open("wb"))
        self._kept = self._standing() if self._base else iter(())
        self._next = next(self._kept, None)

    def write(self, scored: Scored) -> None:
        """Write the next item's records; raises BadInput where arrays are too large for text."""
        self._keep_up_to(scored.index)
        key, moment = self._key(scored.index), self._moment(scored.index)
        for record in scored.records:
            line = jsonl.line(key, {**moment, **scored.kept, **self._fitting(key, record)})
            with mapped(str(self._path)):
                self._file.write(line)

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Store the lines; returns their bytes."""
        self._keep_up_to(self._shard.stop)
        with mapped(str(self._path)):
            self._file.close()
        self._job.folder.put_file(self.segment, self._path)
        return self._path.stat().st_size, ()

    def _fitting(self, key: str | int, record: Record) -> Record:
        """Return a record as its line holds it: large arrays packed, or refused in text.

        Small ones are lists of numbers in every format.
        """
        size = packed.size(record)
        if size <= packed.LARGE:
            return record
        if self._packs:
            return packed.pack(record)
        item = f"{self._noun} {key + 1}" if isinstance(key, int) else key
        folder = ""
        if "arrays" in registry.find(self._scorer).gives:
            folder = ", or a folder with `frames=npy`"
        raise BadInput(
            f"{item}: its record holds arrays of {size / 1000:,.0f} kB, which is too much for text",
            f"choose .parquet as output{folder}",
        )

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


def write_records(
    path: Path, job: Job, spec: JobSpec, plan: Plan, done: Sequence[Done]
) -> tuple[str, ...]:
    """Join the records of a job into a file.

    Returns:
        What the file cannot hold, one line each.

    Raises:
        Unavailable: the disk is full.
    """
    segments = [job.folder.opener(record.segment) for record in done]
    with mapped(str(path)):
        return assemble.assemble(path, segments, path.suffix, kept_types(spec.keep, plan.table))[1]
