"""Run, retry and resume: one loop above the engines.

    submit:  spec -> job            (nothing but spec.json is written)
    finish:  job -> plan -> engine -> assemble -> result

Both may be called again at any time, by any number of processes; what is done stays done.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from impasto.driver import tolerance
from impasto.driver.assembling import Assembler, standing
from impasto.driver.ledger import Ledger, open_ledger
from impasto.driver.leftovers import too_many, with_leftovers
from impasto.driver.stopping import StopCheck
from impasto.driver.surroundings import upheaval
from impasto.engines.base import Control
from impasto.engines.open import open_engine
from impasto.errors import BadInput, Incomplete, Interrupted, Unavailable
from impasto.jobs.presence import present
from impasto.outputs.delivery.base import ANY_SUFFIX, replaceable
from impasto.schema.outcome import Done, Failed, Result
from impasto.storage.scratch import sweep_scratch
from impasto.worker.task import Task

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from impasto.driver.open_job import OpenJob
    from impasto.driver.reporter import Reporter
    from impasto.engines.base import Engine
    from impasto.engines.warm import WarmWorkers
    from impasto.schema.plan import Plan

BACKOFF = 1.0
"""Seconds to wait after a failed attempt, times the attempts so far."""


class Run:
    """One driver's pass over a job."""

    def __init__(
        self,
        opened: OpenJob,
        reporter: Reporter,
        stop: threading.Event,
        *,
        retry: bool,
        accept_changes: bool = False,
        as_submitted: bool = False,
        warm: WarmWorkers | None = None,
    ) -> None:
        """Prepare the pass; nothing is read before `finish`.

        Args:
            opened: the job.
            reporter: receives the progress.
            stop: once set, no further shard starts.
            retry: whether to try what failed and nothing else.
            accept_changes: whether scripts, models and weights may have changed.
            as_submitted: whether an earlier cancellation remains in force.
            warm: keeps workers from one job to the next.
        """
        self._opened, self._reporter, self._retry = opened, reporter, retry
        self._job, self._spec = opened.job, opened.spec
        self._stop, self._accept = stop, accept_changes
        self._as_submitted, self._warm = as_submitted, warm
        self._trace = reporter.trace
        self._ledger: Ledger | None = None
        self._leaves_nothing = False
        self._stopping = StopCheck(opened.job, stop, reporter)

    def finish(self) -> Result:
        """Finish what is left; raises what `impasto.driver.api.finish` does."""
        sweep_scratch()
        opened = self._opened
        earlier = standing(opened)
        if earlier and not (self._retry and earlier.failed):
            opened.check_version()
            return earlier
        self._reporter.planning()
        allowed = replaceable(opened.makes, overwrite=self._spec.overwrite)
        opened.check_output(ANY_SUFFIX if earlier else allowed)
        opened.check_source()
        for line in opened.check_files(accept=self._accept):
            self._reporter.noted(line)
        overwrite = self._spec.overwrite or earlier is not None
        assembler = Assembler(opened, self._reporter, overwrite, self._retry)
        try:
            there = present(self._job.folder, opened.settings.engine, claimed=opened.claimed)
            with there as presence:
                self._reporter.also(presence.tell)
                return self._finish(assembler)
        except BadInput:
            if self._opened.new and not (self._ledger and self._ledger.done):
                # Its input turned out to be wrong, and nothing of it is worth keeping.
                self._job.discard()
            raise
        finally:
            # Workers that were stopped at once leave theirs.
            sweep_scratch()

    def _finish(self, assembler: Assembler) -> Result:
        with self._leaving(), self._explained():
            ledger = self._finish_shards()
        with self._explained():
            self._judge(ledger)
        # Workers read for hours; what they read must still be what the job's id stands for.
        self._check_surroundings()
        with self._explained():
            return assembler.assemble(ledger)

    def _finish_shards(self) -> Ledger:
        """Score what is not done yet; an engine is opened only if something is left."""
        plan = self._job.plan()
        if plan:
            self._opened.check_plan(plan)
        self._ledger = ledger = self._open_ledger(plan) if plan else None
        if self._retry and not (ledger and (ledger.left or ledger.complete)):
            self._leaves_nothing = True
            raise self._nothing_failed(ledger)
        if not self._as_submitted:
            self._job.notes.uncancel()
        self._reporter.started(ledger.resumed if ledger else 0)
        if ledger and ledger.complete:
            return ledger
        control = Control(
            self._written, self._stopping, self._reporter.workers_changed, self._reporter.noted
        )
        opened = self._opened
        there = opened.settings, opened.spec, control, opened.stores
        self._trace.step("start_engine")
        with open_engine(*there, self._warm) as engine:
            self._ledger = ledger = ledger or self._open_ledger(self._make_plan(engine))
            self._score(ledger, engine)
        return ledger

    def _open_ledger(self, plan: Plan) -> Ledger:
        ledger = open_ledger(self._job, self._spec, plan, retry=self._retry)
        self._trace.planned(plan)
        self._reporter.passed_over(ledger.passed_over)
        return ledger

    def _make_plan(self, engine: Engine) -> Plan:
        self._trace.step("plan")
        try:
            plan = self._opened.plan(engine.capacity, engine.encoder_threads, self._job.home)
            self._job.record(plan)
        except BadInput:
            # A job that cannot be planned should not be listed for ever.
            self._job.discard()
            raise
        return self._job.plan() or plan

    def _score(self, ledger: Ledger, engine: Engine) -> None:
        """Run the engine until all shards are done or have failed too often, or until a stop."""
        self._trace.step(None)
        self._reporter.scoring(ledger)
        task = self._task(ledger.plan)
        while attempts := ledger.attempts():
            for outcome in engine.run(task, self._trace.begun(attempts)):
                self._record(ledger, outcome)
                self._reporter.scoring(ledger)
            if not ledger.left:
                break
            if self._stopping():
                why = "cancelled" if self._stopping.cancelled else "stopped"
                raise Interrupted(self._progress(ledger, why), job=self._job.id)
            self._stop.wait(BACKOFF * ledger.plain_failures)
        if ledger.exhausted:
            self._give_up(ledger)

    def _task(self, plan: Plan) -> Task:
        settings = self._opened.settings
        return Task(
            home=settings.home,
            stores=settings.stores,
            job=self._job.id,
            spec=self._spec,
            plan=plan.model_copy(update={"shards": ()}),
            sample=plan.shards[0],
            shards=len(plan.shards),
            previews=settings.previews,
            memory=settings.memory or 0,
            telemetry=self._trace.where,
        )

    def _written(self, shard: int, items: int) -> None:
        if self._ledger:
            self._ledger.written(shard, items)
        self._reporter.written(shard, items)

    def _record(self, ledger: Ledger, outcome: Done | Failed) -> None:
        """Record an outcome; raises when it shows that the rest would be a waste."""
        if isinstance(outcome, Done):
            ledger.finish(outcome)
            self._reporter.done(outcome)
            why = tolerance.abort_reason(self._spec, ledger.plan, ledger.tally, outcome)
            if why:
                raise Incomplete(f"job {self._job.id}: {why[0]}", why[1])
            return
        self._job.record(outcome, ledger.fail(outcome))
        self._reporter.failed(outcome)
        if ledger.hopeless:
            fact = f"every item that was begun killed its worker; the last: {outcome.error}"
            remedy = "correct the scorer; see `impasto show`"
            raise Incomplete(self._progress(ledger, fact), remedy, job=self._job.id)
        if outcome.kind == "denied":
            progress = self._progress(ledger, outcome.error)
            raise Unavailable(progress, outcome.remedy, job=self._job.id)
        if outcome.kind == "changed":
            raise BadInput(outcome.error, outcome.remedy)

    def _give_up(self, ledger: Ledger) -> None:
        failure = ledger.last_failure
        if not ledger.done and failure.kind == "bad_input":
            raise BadInput(failure.error, failure.remedy)
        kind = Unavailable if failure.kind == "unavailable" else Incomplete
        why = f"shard {failure.shard}: {failure.error}"
        raise kind(self._progress(ledger, why), failure.remedy, job=self._job.id)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise Incomplete for an error of the block that has its cause in the surroundings."""
        try:
            yield
        except (BadInput, Incomplete, Unavailable) as error:
            # What a store did not answer to the block it would not answer now.
            if self._opened.source_url.local or not isinstance(error, Unavailable):
                with suppress(BadInput, Unavailable):
                    self._check_surroundings()
            raise

    def _check_surroundings(self) -> None:
        """Raise Incomplete when what the job relies on is not what it was when it began."""
        if self._ledger is None:
            return
        found = upheaval(self._opened, self._ledger)
        if found is None:
            return
        self._leaves_nothing = True
        if found.stale:
            self._job.drop({*found.stale})
            self._ledger = self._open_ledger(self._ledger.plan)
        raise Incomplete(self._progress(self._ledger, found.fact), found.remedy, job=self._job.id)

    def _nothing_failed(self, ledger: Ledger | None) -> Incomplete:
        """Return the error that there is nothing to retry, though the job is not complete."""
        what = f"{ledger.open_items:,} open {ledger.plan.noun}" if ledger else "it"
        job = self._job.id
        return Incomplete(
            f"job {job}: nothing has failed",
            f"`impasto resume {job}` goes on with {what}",
            job=job,
        )

    def _judge(self, ledger: Ledger) -> None:
        """Raise Incomplete when more items failed than the user allows, or a retry left some open.

        The items that are done are left for the user.
        """
        why = tolerance.excess(self._spec, ledger.plan, ledger.records)
        if why is None and not ledger.open_items:
            return
        # What is left for the user must not come from a source that has changed meanwhile.
        self._check_surroundings()
        if why:
            raise too_many(self._opened, ledger, why)
        job, noun = self._job.id, ledger.plan.noun
        error = Incomplete(
            f"job {job}: all that had failed is done; {ledger.open_items:,} {noun} are still open",
            f"`impasto resume {job}` goes on with them",
            job=job,
        )
        raise with_leftovers(self._opened, ledger, error)

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        """Leave what is done where the block ends incomplete, unless it is not to be trusted."""
        try:
            yield
        except Incomplete as error:
            if self._ledger is None or self._leaves_nothing:
                raise
            raise with_leftovers(self._opened, self._ledger, error) from error

    def _progress(self, ledger: Ledger, why: str) -> str:
        """Say why the job is not finished, and how much of it is."""
        done = f"{ledger.tally.items:,} of {ledger.total:,} {ledger.plan.noun}"
        return f"job {self._job.id}: {why}; {done} are done and kept"
