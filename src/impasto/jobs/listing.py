"""What is in a job's folder, from one listing of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from impasto.jobs.keys import DRIVER, LOG, base_shard, done_shard, failed_shard, previewed
from impasto.schema.outcome import Done


@dataclass(slots=True)
class Listing:
    """One listing of a job's folder.

    Attributes:
        sizes: bytes of every object, by key within the job.
        times: when every object was last changed, seconds since 1970, by key.
        done: the shards that have a done record.
        bases: the shards that have a base.
        failed: keys of the records of failed attempts, with their shards.
        attempts: failed attempts by shard.
        logs: keys of the log's objects.
        drivers: keys of the objects with which drivers make themselves known.
        previews: items with a pair of pictures that was left while they were scored.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    done: list[int] = field(default_factory=list)
    bases: list[int] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    drivers: list[str] = field(default_factory=list)
    previews: list[int] = field(default_factory=list)

    def add(self, key: str, size: int, time: float = 0.0) -> None:
        """Add an object; what is none of Impasto's has a size and a time and nothing else."""
        self.sizes[key], self.times[key] = size, time
        if (shard := done_shard(key)) is not None:
            self.done.append(shard)
        elif (shard := base_shard(key)) is not None:
            self.bases.append(shard)
        elif (shard := failed_shard(key)) is not None:
            self.failed[key] = shard
            self.attempts[shard] = self.attempts.get(shard, 0) + 1
        elif LOG.fullmatch(key):
            self.logs.append(key)
        elif DRIVER.fullmatch(key):
            self.drivers.append(key)
        elif (preview := previewed(key)) and preview[1] == "scored":
            # The source's picture is written before it.
            self.previews.append(preview[0])

    @property
    def finished(self) -> bool:
        """Whether the job has a result."""
        return "result.json" in self.sizes


def whole(record: Done, listing: Listing) -> bool:
    """Return whether a listing has all of a record's segment, as large as it was written."""
    if record.segment.endswith("/"):
        sizes = [listing.sizes.get(record.segment + name, -1) for name in record.names]
        return -1 not in sizes and sum(sizes) == record.bytes
    return listing.sizes.get(record.segment) == record.bytes
