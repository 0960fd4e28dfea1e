"""Jobs with their plans, which are large and never change, so that they are not read each time."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from impasto.jobs.keys import done_shard
from impasto.jobs.listing import Listing
from impasto.server.problems import Refused, unknown

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Done
    from impasto.schema.plan import Plan, Shard

    Value = TypeVar("Value")

KEPT = 16
"""Jobs whose plan and done records are kept in memory."""


class Planned(NamedTuple):
    """A job that is planned.

    Attributes:
        job: the job.
        spec: its spec.
        plan: its plan.
        version: changes whenever the job is planned anew.
    """

    job: Job
    spec: JobSpec
    plan: Plan
    version: str

    def shard(self, item: int) -> Shard:
        """Return the shard with an item; raises Refused if the job has no such item."""
        shards = self.plan.shards
        place = bisect_right(shards, item, key=lambda shard: shard.start) - 1
        if place < 0 or item >= shards[place].stop:
            raise unknown(f"item {item} of job {self.job.id}")
        return shards[place]


@dataclass
class Plans:
    """Plans and done records of the jobs that were looked at last; threads share it."""

    _plans: OrderedDict[str, tuple[str, Plan]] = field(default_factory=OrderedDict)
    _done: OrderedDict[str, dict[tuple[int, float], Done]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def open(self, job: Job, spec: JobSpec) -> Planned:
        """Return a job with its plan; raises Refused if it is not planned yet."""
        stat = job.folder.stat("plan.json")
        if stat is None:
            raise Refused(404, f"job {job.id}: is not planned yet", "ask again in a moment")
        version = f"{stat.etag}-{stat.modified}"
        with self._lock:
            known = self._plans.get(job.id)
        plan = known[1] if known and known[0] == version else job.plan()
        if plan is None:
            raise Refused(404, f"job {job.id}: is not planned yet", "ask again in a moment")
        with self._lock:
            _keep(self._plans, job.id, (version, plan))
        return Planned(job, spec, plan, version)

    def done(self, planned: Planned) -> list[Done]:
        """Return the records of the shards that are done, in order of the shards."""
        job, plan = planned.job, planned.plan
        listing = job.listing()
        names = {shard: key for key in listing.sizes if (shard := done_shard(key)) is not None}
        with self._lock:
            known = self._done.get(job.id, {})
        found: dict[tuple[int, float], Done] = {}
        new = Listing()
        for shard, key in names.items():
            at = shard, listing.times[key]
            if at in known:
                found[at] = known[at]
            else:
                new.done.append(shard)
        for shard, record in job.done(new, plan).items():
            found[shard, listing.times[names[shard]]] = record
        with self._lock:
            _keep(self._done, job.id, found)
        return [found[at] for at in sorted(found)]


def _keep(held: OrderedDict[str, Value], key: str, value: Value) -> None:
    held[key] = value
    held.move_to_end(key)
    while len(held) > KEPT:
        held.popitem(last=False)
