"""A job whose records stay in memory for as long as their objects stay the same."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar, cast

from impasto.jobs.job import Job
from impasto.jobs.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.schema.driver import Driver
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Done, Failed, Result
    from impasto.schema.plan import Plan
    from impasto.storage.store import Store

    Value = TypeVar("Value")

Mark = tuple[int, float]
"""An object's size and the time of its last change."""


class KeptJob(Job):
    """A job as it was when it was last looked at; to be used while its ``lock`` is held.

    What reads a job reads only what has changed since the look before.

    Attributes:
        lock: held by whoever looks and reads.
        looks: how often it was looked at.
        drivers: who ran it when its row was made last.
    """

    def __init__(self, home: Store, job_id: str) -> None:
        super().__init__(home, job_id)
        self.lock = threading.RLock()
        self.looks = 0
        self.drivers: tuple[Driver, ...] = ()
        self._listed = Listing()
        self._values: dict[str, tuple[Mark | None, object]] = {}
        self._shards_done: dict[int, tuple[Mark, Done | None]] = {}
        self._attempts_seen: dict[str, Mark] = {}
        self._attempts: list[Failed] = []

    def look(self) -> Listing:
        """List the job's objects anew."""
        self._listed = super().listing()
        self.looks += 1
        return self._listed

    def listing(self) -> Listing:
        """Return what was there at the last look."""
        return self._listed

    def spec(self) -> JobSpec:
        """Read the spec; raises BadInput when there is no such job."""
        return self._value("spec.json", super().spec)

    def plan(self) -> Plan | None:
        """Read the plan, or None when there is none yet."""
        return self._value("plan.json", super().plan) if self._has("plan.json") else None

    def result(self) -> Result | None:
        """Read the result, or None when the job is not finished."""
        return self._value("result.json", super().result) if self._has("result.json") else None

    def done(self, listing: Listing, plan: Plan | None) -> dict[int, Done]:
        """Read the done records, by shard; one that is torn, or does not fit, counts as absent."""
        now = {shard: self._mark(f"done/{shard:05d}.json", listing) for shard in listing.done}
        new = [
            shard
            for shard, mark in now.items()
            if self._shards_done.get(shard, ((), None))[0] != mark
        ]
        found = super().done(Listing(done=new), plan) if new else {}
        for shard in self._shards_done.keys() - now.keys():
            del self._shards_done[shard]
        for shard in new if plan else ():
            if mark := now[shard]:
                self._shards_done[shard] = mark, found.get(shard)
        return {shard: record for shard in sorted(now) if (record := self._record(shard))}

    def failed(self, listing: Listing, plan: Plan) -> list[Failed]:
        """Read the records of failed attempts; one that is torn counts as absent."""
        now = {key: mark for key in listing.failed if (mark := self._mark(key, listing))}
        if any(now.get(key) != mark for key, mark in self._attempts_seen.items()):
            self._attempts_seen, self._attempts = {}, []
        new = {
            key: shard for key, shard in listing.failed.items() if key not in self._attempts_seen
        }
        if new:
            self._attempts += super().failed(Listing(failed=new), plan)
            self._attempts_seen = now
        return self._attempts

    def _has(self, key: str) -> bool:
        return key in self._listed.sizes

    def _record(self, shard: int) -> Done | None:
        return self._shards_done[shard][1] if shard in self._shards_done else None

    @staticmethod
    def _mark(key: str, listing: Listing) -> Mark | None:
        return (listing.sizes[key], listing.times[key]) if key in listing.sizes else None

    def _value(self, key: str, load: Callable[[], Value]) -> Value:
        mark = self._mark(key, self._listed)
        if key in self._values and self._values[key][0] == mark:
            return cast("Value", self._values[key][1])
        value = load()
        # What came after the look is read again after the next one.
        if mark:
            self._values[key] = mark, value
        return value
