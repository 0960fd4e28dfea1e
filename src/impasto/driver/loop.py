"""Run, retry and resume: one loop above the engines.

    submit:  spec -> job            (nothing but spec.json is written)
    finish:  job -> plan -> engine -> assemble -> result

Both may be called again at any time, by any number of processes; what is done stays done.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from impasto.driver import blame, tolerance
from impasto.driver.identity import job_id
from impasto.engines.base import Control, Engine
from impasto.engines.open import open_engine
from impasto.errors import BadInput, ImpastoError, Incomplete, Interrupted, Unavailable
from impasto.jobs.job import Job
from impasto.jobs.listing import whole
from impasto.media import formats
from impasto.outputs.delivery.base import ANY_SUFFIX, Delivery
from impasto.outputs.delivery.digest import digest
from impasto.outputs.delivery.open import open_delivery
from impasto.planning.decide import items_of
from impasto.planning.history import learn
from impasto.planning.planner import cut
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Done, Failed, Result
from impasto.schema.plan import Plan, Shard
from impasto.schema.progress import Progress
from impasto.schema.url import is_local
from impasto.schema.workers import WorkerCounts
from impasto.settings import Settings
from impasto.sources.open import open_source
from impasto.storage.local import sweep_scratch
from impasto.storage.stores import Stores
from impasto.worker.task import Task

if TYPE_CHECKING:
    from impasto.schema.progress import OnProgress, Stage

BACKOFF = 1.0
"""Seconds to wait after a failed attempt, times the attempts so far."""
CANCEL_POLL = 2.0
"""Seconds between two looks for a cancellation."""
TOLD = 100
"""Items set aside that a result names."""


@dataclass
class Run:
    """One driver's pass over a job."""

    job: Job
    spec: JobSpec
    settings: Settings
    on_progress: OnProgress
    stop: threading.Event
    retry: bool
    begun: float = field(default_factory=time.perf_counter)
    running: dict[int, int] = field(default_factory=dict)
    done: dict[int, Done] = field(default_factory=dict)
    bases: dict[int, Done] = field(default_factory=dict)
    tally: tolerance.Tally = field(default_factory=tolerance.Tally)
    finished: int = 0
    resumed: int = 0
    cancelled: bool = False
    overwrite: bool = False
    plan: Plan | None = None
    staff: WorkerCounts = field(default_factory=WorkerCounts)
    notes: tuple[str, ...] = ()
    _looked: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.stores = Stores.of(self.settings, self.spec)
        self.delivery: Delivery = open_delivery(self.stores, self.job, self.spec.output)

    def finish(self) -> Result:
        """Do what is left; raises what `impasto.driver.api.finish` does."""
        sweep_scratch()
        earlier = self.job.result()
        standing = self._standing(earlier)
        if standing and not (self.retry and standing.failed):
            return standing
        self.on_progress(Progress("planning", self.job.id))
        replaceable = formats.WRITABLE if self.spec.overwrite else None
        self.delivery.check(ANY_SUFFIX if standing else replaceable)
        self.overwrite = self.spec.overwrite or standing is not None
        self._check_source()
        plan = self.job.plan()
        if plan:
            self.done = self._keep(plan, self.job.done(self.job.listing()))
        for record in self.done.values():
            self.tally.add(record)
        self.finished = self.resumed = sum(record.items for record in self.done.values())
        self._note("started", host=os.uname().nodename, pid=os.getpid(), resumed=self.resumed)
        if plan is None or len(self.done) < len(plan.shards):
            with self._engine() as engine:
                plan = plan or self._make_plan(engine)
                self._report(plan)
                self._score(plan, engine)
        self._judge(plan)
        self._check_source()
        return self._assemble(plan)

    def _standing(self, earlier: Result | None) -> Result | None:
        """Return the earlier result if its output still stands where it is wanted."""
        if earlier and self.delivery.stands(earlier):
            return earlier.model_copy(update={"output": self.spec.output, "seconds": 0.0, "fps": 0})
        return None

    def _keep(self, plan: Plan, records: dict[int, Done]) -> dict[int, Done]:
        """Drop the records whose segments were torn, and those to be tried again; return the rest.

        Items that were set aside are tried again when there are more of them than the user
        allows, or when asked for: what made them fail may have gone. Of a shard of records or
        images only those items are scored, on the base of the record, which is kept until another
        one stands.
        """
        retry = self.retry or tolerance.excess(self.spec, plan, [*records.values()])
        again = {n for n, record in records.items() if record.failed and retry}
        # Listed after the records were read, since a segment is always older than its record.
        listing = self.job.listing()
        torn = {n for n, record in records.items() if not whole(record, listing)}
        if plan.output in {"records", "folder"}:
            for n in again - torn:
                self.job.keep_base(records[n])
            bases = self.job.bases(self.job.listing())
            self.bases = {n: base for n, base in bases.items() if whole(base, listing)}
        self.job.drop(again | torn)
        return {n: record for n, record in records.items() if n not in again | torn}

    def _check_source(self) -> None:
        source = open_source(self.stores, self.spec.source, items_of(self.spec))
        if job_id(self.stores, self.spec, source) != self.job.id:
            raise BadInput(
                f"{self.spec.source}: it, or a file that the job uses, has changed since job "
                f"{self.job.id} began; run it anew with 'impasto run'"
            )

    def _make_plan(self, engine: Engine) -> Plan:
        try:
            source = open_source(self.stores, self.spec.source, items_of(self.spec))
            plan = cut(
                source,
                self.spec,
                self.settings,
                self.job.home,
                capacity=engine.capacity,
                threads=engine.encoder_threads,
            )
            self.job.record(plan)
        except BadInput:
            # Nothing can come of it; what cannot be planned should not be listed for ever.
            self.job.discard()
            raise
        return self.job.plan() or plan

    def _engine(self) -> Engine:
        control = Control(self._written, self._stopping, self._staffed, self._befell)
        return open_engine(self.settings, self.spec, control, self.stores)

    def _score(self, plan: Plan, engine: Engine) -> None:
        """Run the engine until every shard is done, has failed too often, or stop is asked."""
        task = Task(
            home=self.settings.home,
            stores=self.settings.stores,
            job=self.job.id,
            spec=self.spec,
            plan=plan.model_copy(update={"shards": ()}),
            sample=plan.shards[0],
            memory=self.settings.memory or 0,
        )
        failures: dict[int, list[Failed]] = {}
        listing = self.job.listing()
        attempts = Counter(listing.attempts)
        before: dict[int, list[Failed]] = {}
        for failed in self.job.failed(listing):
            before.setdefault(failed.shard, []).append(failed)
        while missing := self._missing(plan, failures):
            tries = [
                blame.next_attempt(
                    shard,
                    failures.get(shard.index, ()),
                    before.get(shard.index, ()),
                    self.bases.get(shard.index),
                )
                for shard in missing
            ]
            for outcome in engine.run(task, tries):
                self.running.pop(outcome.shard, None)
                if isinstance(outcome, Done):
                    self.done[outcome.shard] = outcome
                    self.tally.add(outcome)
                    self.finished += outcome.items
                    self._note("done", **outcome.model_dump(mode="json", exclude={"names"}))
                    self._refuse_hopeless(plan, outcome)
                else:
                    attempts[outcome.shard] += 1
                    failures.setdefault(outcome.shard, []).append(outcome)
                    self.job.record(outcome, attempts[outcome.shard])
                    self._note("failed", **outcome.model_dump(mode="json"))
                    self._end_if_useless(plan, outcome)
                self._report(plan)
            if self._stopping() and self._missing(plan, failures):
                raise Interrupted(self._left(plan, "cancelled" if self.cancelled else "stopped"))
            if failures and self._missing(plan, failures):
                plain = [sum(not it.items for it in each) for each in failures.values()]
                self.stop.wait(BACKOFF * max(plain))
        if len(self.done) < len(plan.shards):
            self._give_up(plan, failures)

    def _refuse_hopeless(self, plan: Plan, last: Done) -> None:
        """Raise Incomplete when the rest would be a waste."""
        why = tolerance.abort_reason(self.spec, plan, self.tally, last)
        if why:
            raise Incomplete(f"job {self.job.id}: {why}")

    def _end_if_useless(self, plan: Plan, failed: Failed) -> None:
        """Raise when what failed one shard would fail every other one."""
        if failed.kind == "denied":
            raise Unavailable(self._left(plan, failed.error))
        if failed.kind == "changed":
            raise BadInput(failed.error)

    def _missing(self, plan: Plan, failures: dict[int, list[Failed]]) -> list[Shard]:
        return [
            shard
            for shard in plan.shards
            if shard.index not in self.done
            and not blame.exhausted(
                failures.get(shard.index, ()), tolerance.allowed(self.spec, plan.count)
            )
        ]

    def _give_up(self, plan: Plan, failures: dict[int, list[Failed]]) -> None:
        failure = next(iter(failures.values()))[-1]
        if not self.done and failure.kind == "bad_input":
            raise BadInput(failure.error)
        kind = Unavailable if failure.kind == "unavailable" else Incomplete
        raise kind(self._left(plan, f"shard {failure.shard}: {failure.error}"))

    def _judge(self, plan: Plan) -> None:
        """Raise Incomplete when more items failed than the user allows."""
        why = tolerance.excess(self.spec, plan, self._ordered(plan))
        if why:
            raise Incomplete(f"job {self.job.id}: {why}")

    def _assemble(self, plan: Plan) -> Result:
        # Codecs are not needed before, and take time to load.
        from impasto.outputs.open import write

        self.on_progress(self._progress(plan, "assembling"))
        records = self._ordered(plan)
        try:
            # The result is recorded before the output appears: a crash between the two leaves a
            # job that is done but for its output, which the next run makes again, never an output
            # that no job owns up to.
            if plan.output in {"folder", "files"}:
                with self.delivery.folder(records, overwrite=self.overwrite) as made:
                    result = self._record(plan, records, *made, ())
            else:
                with self.delivery.file(overwrite=self.overwrite) as path:
                    notes = write(path, self.stores, self.job, self.spec, plan, records)
                    result = self._record(plan, records, *digest(path), notes)
                    if not is_local(self.spec.output):
                        self.on_progress(self._progress(plan, "delivering"))
        except BadInput:
            # Another driver of this job may have been faster.
            standing = self._standing(self.job.result())
            if standing is None:
                raise
            return standing
        # Whatever has items set aside is kept, so that a retry scores nothing else.
        kept = plan.output in {"video", "records"} or result.failed
        self.job.sweep(records if kept else (), self.job.listing())
        # Of the others only a few items were scored.
        whole_shards = [record for record in records if record.shard not in self.bases]
        learn(self.job, self.spec, plan, whole_shards)
        self._note("finished", **result.model_dump(mode="json"))
        return result

    def _record(
        self, plan: Plan, records: list[Done], size: int, sha256: str, notes: tuple[str, ...]
    ) -> Result:
        """Record the result; that of before a retry gives way."""
        if self.retry:
            self.job.reopen()
        seconds = time.perf_counter() - self.begun
        failed = [error for record in records for error in record.failed]
        prepared = self.job.prepared()
        result = Result(
            job=self.job.id,
            output=self.spec.output,
            items=sum(record.items for record in records),
            failed=len(failed),
            aside=tuple(failed[:TOLD]),
            concealed=sum(len(record.concealed) for record in records),
            seconds=seconds,
            fps=(plan.count - self.resumed) / seconds,
            bytes=size,
            sha256=sha256,
            notes=(prepared.notes if prepared else ()) + notes,
        )
        self.job.record(result)
        return result

    def _ordered(self, plan: Plan) -> list[Done]:
        return [self.done[shard.index] for shard in plan.shards]

    def _stopping(self) -> bool:
        now = time.perf_counter()
        if not self.cancelled and now - self._looked > CANCEL_POLL:
            self._looked = now
            self.cancelled = self.job.cancelled()
            if self.cancelled:
                self._note("stopping", why="cancelled", running=self.staff.running)
        return self.cancelled or self.stop.is_set()

    def _written(self, shard: int, frames: int) -> None:
        self.running[shard] = frames
        assert self.plan
        self._report(self.plan)

    def _staffed(self, staff: WorkerCounts) -> None:
        if staff != self.staff:
            self.staff = staff
            if self.plan:
                self._report(self.plan)

    def _befell(self, what: str) -> None:
        self._note("workers", text=what)
        self.notes += (what,)
        if self.plan:
            self._report(self.plan)

    def _report(self, plan: Plan) -> None:
        self.plan = plan
        self.on_progress(self._progress(plan, "scoring"))

    def _progress(self, plan: Plan, stage: Stage) -> Progress:
        return Progress(
            stage,
            self.job.id,
            self.finished + sum(self.running.values()),
            plan.count,
            self.resumed,
            plan.noun,
            plan.warnings + self.notes,
            (len(self.done), len(plan.shards)),
            self.staff,
        )

    def _left(self, plan: Plan, why: str) -> str:
        done, total = len(self.done), len(plan.shards)
        return (
            f"job {self.job.id}: {why}; {done} of {total} shards are done and kept: "
            f"the same command, or 'impasto resume {self.job.named}', goes on"
        )

    def note_end(self, error: ImpastoError) -> None:
        """Log why this driver stops, for those who follow; the error itself matters more."""
        with suppress(ImpastoError):
            if self.job.exists():
                self._note("stopped", error=str(error), exit_code=error.exit_code)

    def _note(self, event: str, **facts: object) -> None:
        self.job.log([{"time": time.time(), "event": event, **facts}])
