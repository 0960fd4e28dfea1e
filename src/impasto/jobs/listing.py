"""The state of a job, from one listing of its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from impasto.schema.outcome import Done

Status = Literal["new", "open", "cancelled", "done"]


@dataclass(slots=True)
class Listing:
    """One listing of a job's folder.

    Attributes:
        sizes: bytes of every object, by key within the job.
        attempts: failed attempts by shard.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)

    @property
    def shards_done(self) -> int:
        """How many shards have a done record."""
        return sum(key.startswith("done/") for key in self.sizes)

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
