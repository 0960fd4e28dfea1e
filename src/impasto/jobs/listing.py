"""The state of a job, from one listing of its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from impasto.jobs.keys import base_shard, done_shard, failed_shard
from impasto.schema.outcome import Done

Status = Literal["new", "open", "cancelled", "done"]


@dataclass(slots=True)
class Listing:
    """One listing of a job's folder.

    Attributes:
        sizes: bytes of every object, by key within the job.
        done: the shards that have a done record.
        bases: the shards that have a base.
        failed: keys of the records of failed attempts, with their shards.
        attempts: failed attempts by shard.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    done: list[int] = field(default_factory=list)
    bases: list[int] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)

    def add(self, key: str, size: int) -> None:
        """Add an object; what is none of Impasto's has a size and nothing else."""
        self.sizes[key] = size
        if (shard := done_shard(key)) is not None:
            self.done.append(shard)
        elif (shard := base_shard(key)) is not None:
            self.bases.append(shard)
        elif (shard := failed_shard(key)) is not None:
            self.failed[key] = shard
            self.attempts[shard] = self.attempts.get(shard, 0) + 1

    @property
    def status(self) -> Status:
        """The job's status."""
        if "result.json" in self.sizes:
            return "done"
        if "cancel" in self.sizes:
            return "cancelled"
        return "open" if "plan.json" in self.sizes else "new"


def whole(record: Done, listing: Listing) -> bool:
    """Return whether a listing has all of a record's segment, as large as it was written."""
    if record.segment.endswith("/"):
        sizes = [listing.sizes.get(record.segment + name, -1) for name in record.names]
        return -1 not in sizes and sum(sizes) == record.bytes
    return listing.sizes.get(record.segment) == record.bytes
