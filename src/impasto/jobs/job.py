"""A job in its store: the paths of its objects, and its state derived from one listing.

    jobs/<id>/spec.json  plan.json  prepared.json  size.json
              segments/00007-<nonce>.mp4  done/00007.json  failed/00007-2.json
              cancel  result.json  logs/<time>-<nonce>.jsonl
              deliveries/<digest of the output's URL>.json
              drivers/<nonce>.json
              trace   where the telemetry of the last pass over the job is, if it is traced
              previews/00000042-source.jpg  00000042-scored.jpg   small pictures of an item
              changes/00001.json   files that were replaced while the job was not complete
              bases/00007.json   a done record whose failed items are tried again
    facts/<scorer>/<id>.json     how fast the job was, for later ones

Every record is put-if-absent: of two drivers, the first one's counts, and neither can harm the
other. A segment has a name that no other attempt shares. No state is stored; it is derived from
what exists (`state.py`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

from impasto.errors import BadInput
from impasto.jobs.fits import failed_fits, fits, plan_fits
from impasto.jobs.folder import JobFolder
from impasto.jobs.journal import Journal
from impasto.jobs.keys import base_key, done_key, failed_key
from impasto.jobs.listing import Listing
from impasto.jobs.notes import Notes
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Done, Failed, Result
from impasto.schema.plan import Plan
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from impasto.schema.plan import Shard
    from impasto.storage.store import Store

Record: TypeAlias = JobSpec | Plan | Result | Done | Failed


class Job:
    """One job and its records; every method raises Unavailable when the store does not answer.

    Attributes:
        home: the store that holds it.
        id: its id.
        folder: its objects by key, segments among them.
        journal: its log.
        notes: deliveries, a cancellation, and what workers settle once.
    """

    def __init__(self, home: Store, job_id: str) -> None:
        self.home = home
        self.id = job_id
        self.folder = JobFolder(home, f"jobs/{job_id}/")
        self.journal = Journal(self.folder)
        self.notes = Notes(self.folder)

    def listing(self) -> Listing:
        """List the job's objects once."""
        listing = Listing()
        for key, stat in self.folder.list_all():
            listing.add(key, stat.size, stat.modified)
        return listing

    def spec(self) -> JobSpec:
        """Read the spec; raises BadInput when there is no such job."""
        spec = self.folder.load("spec.json", JobSpec)
        if spec is None:
            raise self._missing()
        return spec

    def exists(self) -> bool:
        """Return whether the job exists; one that could not be planned does not."""
        return self.folder.stat("spec.json") is not None

    def plan(self) -> Plan | None:
        """Read the plan, or None when there is none yet."""
        plan = self.folder.load("plan.json", Plan)
        if plan and not plan_fits(plan):
            raise self.folder.damaged("plan.json")
        return plan

    def result(self) -> Result | None:
        """Read the result, or None when the job is not finished."""
        result = self.folder.load("result.json", Result)
        if result and result.job != self.id:
            raise self.folder.damaged("result.json")
        return result

    def cancel(self) -> None:
        """Ask every driver of the job to stop; raises BadInput if it is done or missing."""
        if not self.exists():
            raise self._missing()
        if self.listing().finished:
            raise BadInput(f"job {self.id}: is done already", "there is nothing to cancel")
        self.notes.cancel()

    def replace_spec(self, spec: JobSpec) -> None:
        """Replace the spec of an earlier call, which differs only in how the job runs.

        A driver elsewhere learns the spec only from here.
        """
        self.folder.put("spec.json", spec.model_dump_json(indent=1).encode())

    def record(self, value: Record, attempt: int = 0) -> bool:
        """Write a record unless one exists; returns whether this call wrote it."""
        match value:
            case JobSpec():
                key = "spec.json"
            case Plan():
                key = "plan.json"
            case Result():
                key = "result.json"
            case Done():
                key = done_key(value.shard)
            case Failed():
                key = failed_key(value.shard, attempt)
        return self.folder.create(key, _redacted(value).model_dump_json(indent=1).encode())

    def record_done(self, done: Done, shard: Shard, plan: Plan) -> Done:
        """Write a shard's done record unless one exists; returns the stored one."""
        return done if self.record(done) else self.find_done(shard, plan) or done

    def find_done(self, shard: Shard, plan: Plan) -> Done | None:
        """Read a shard's done record, or None when it is not done."""
        return self._done(done_key(shard.index), shard, plan)

    def done(self, listing: Listing, plan: Plan | None) -> dict[int, Done]:
        """Read the done records, by shard; one that is torn, or does not fit, counts as absent."""
        return self._all_done(listing.done, done_key, plan)

    def failed(self, listing: Listing, plan: Plan) -> list[Failed]:
        """Read the records of failed attempts; one that is torn counts as absent."""
        keys = [key for key, shard in listing.failed.items() if shard < len(plan.shards)]
        found = in_order(partial(self.folder.load_if_whole, model=Failed), keys, MANY)
        pairs = (
            (each, plan.shards[listing.failed[key]]) for key, each in zip(keys, found, strict=True)
        )
        return [each for each, shard in pairs if each and failed_fits(each, shard)]

    def keep_base(self, done: Done) -> None:
        """Keep a done record as the base of the next attempt at its shard."""
        data = _redacted(done).model_dump_json(indent=1).encode()
        self.folder.put(base_key(done.shard), data)

    def bases(self, listing: Listing, plan: Plan) -> dict[int, Done]:
        """Read the bases of shards, by shard; one that is torn counts as absent."""
        return self._all_done(listing.bases, base_key, plan)

    def drop(self, shards: Iterable[int]) -> None:
        """Delete done records, so that their shards run again."""
        for shard in shards:
            self.folder.delete(done_key(shard))

    def new_segment(self, shard: int, suffix: str) -> str:
        """Name a segment that no other attempt writes to; a folder when the suffix is "/"."""
        return f"segments/{shard:05d}-{uuid4().hex[:8]}{suffix}"

    def reopen(self) -> None:
        """Withdraw the result, because items are tried again, or the output is made again."""
        self.folder.delete("result.json")

    def discard(self) -> None:
        """Delete the job, all but what is none of Impasto's."""
        self.folder.clear()

    def sweep(self, kept: Iterable[Done], listing: Listing) -> None:
        """Delete the segments that none of these records names; only once every shard is done."""
        prefixes = tuple(record.segment for record in kept)
        segments = (key for key in listing.sizes if key.startswith("segments/"))
        self.folder.delete(*(key for key in segments if not key.startswith(prefixes)))

    def _missing(self) -> BadInput:
        return BadInput(f"job {self.id}: not found in {self.home.place}", "see `impasto jobs`")

    def _all_done(
        self, numbers: Sequence[int], key: Callable[[int], str], plan: Plan | None
    ) -> dict[int, Done]:
        if plan is None:
            return {}
        shards = [plan.shards[n] for n in sorted(numbers) if n < len(plan.shards)]
        found = in_order(lambda each: self._done(key(each.index), each, plan), shards, MANY)
        return {record.shard: record for record in found if record}

    def _done(self, key: str, shard: Shard, plan: Plan) -> Done | None:
        record = self.folder.load_if_whole(key, Done)
        return record if record and fits(record, shard, plan.output) else None


def _redacted(value: Record) -> Record:
    """Redact what people are told in a record, also by secrets that only this process knows."""
    told = isinstance(value, Done | Failed | Result)
    return type(value).model_validate(value.model_dump()) if told else value
