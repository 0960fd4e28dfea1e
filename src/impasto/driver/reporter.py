"""The reports of a driver: progress to its caller, and events to the job's log."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from impasto.driver.pace import Pace
from impasto.errors import ImpastoError, Incomplete, Interrupted
from impasto.schema import events
from impasto.schema.progress import Progress
from impasto.schema.workers import WorkerCounts
from impasto.secrecy import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.driver.ledger import Ledger
    from impasto.driver.tracing import JobTrace
    from impasto.jobs.job import Job
    from impasto.schema.outcome import Done, Failed, Result
    from impasto.schema.progress import OnProgress, Stage


class Reporter:
    """Reports one driver's pass over a job, to its caller and to the job's log.

    Attributes:
        begun: when the pass began, by `time.perf_counter`.
        trace: the trace of the pass.
        rate: items that this pass has scored, per second from its start to the last of them.
    """

    def __init__(
        self, job: Job, on_progress: OnProgress, trace: JobTrace, *, new: bool = False
    ) -> None:
        """Prepare; nothing is reported yet.

        Args:
            job: the job.
            on_progress: called with what the caller should know.
            trace: the trace of the pass.
            new: whether this process has submitted the job.
        """
        self.begun = time.perf_counter()
        self.rate = 0.0
        self._scored_items = 0
        self._job, self._new = job, new
        self.trace = trace
        self._told = [on_progress]
        self._pace = Pace()
        self._scored: Ledger | None = None
        self._running: dict[int, int] = {}
        self._workers = WorkerCounts()
        self._notes: tuple[str, ...] = ()
        self._started = False
        self._prepared = False

    def planning(self) -> None:
        """Report that the job is being planned."""
        self.trace.step("plan")
        self._tell(Progress("planning", self._job.id))

    def also(self, on_progress: OnProgress) -> None:
        """Report progress to another listener, too; what was reported before is lost to it."""
        self._told.append(on_progress)

    def started(self, resumed: int) -> None:
        """Log that this driver starts, and how many items earlier runs left."""
        self._started = True
        self.trace.started()
        self._job.journal.write(
            events.Started(host=os.uname().nodename, pid=os.getpid(), resumed=resumed)
        )

    def scoring(self, ledger: Ledger) -> None:
        """Report that scoring begins; from now on workers' progress is reported, too."""
        self._scored = ledger
        self._show_scoring()

    def written(self, shard: int, items: int) -> None:
        """Report how many items of a running shard are written."""
        self._running[shard] = items
        self._show_scoring()

    def workers_changed(self, workers: WorkerCounts) -> None:
        """Report how many workers there are, if that has changed."""
        if workers != self._workers:
            self._workers = workers
            self._show_scoring()

    def noted(self, text: str) -> None:
        """Report and log what happened to the workers."""
        self._job.journal.write(events.Workers(text=text))
        self._notes += (redact(text),)
        self._show_scoring()

    def passed_over(self, keys: Sequence[str]) -> None:
        """Report and log records that were not believed, if there are any."""
        if not keys:
            return
        self._job.journal.write(*(events.PassedOver(key=key) for key in keys))
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        text = f"{self._job.folder.where(keys[0])}{more}: damaged, so its shard is scored again"
        self._notes += (text,)

    def done(self, record: Done) -> None:
        """Log a finished shard."""
        self._running.pop(record.shard, None)
        self.trace.ended(record)
        self._job.journal.write(events.ShardDone(record=record))

    def failed(self, record: Failed) -> None:
        """Log a failed attempt at a shard."""
        self._running.pop(record.shard, None)
        self.trace.ended(record)
        self._job.journal.write(events.ShardFailed(record=record))

    def stopping(self) -> None:
        """Log that the job was cancelled, and no further shard starts."""
        self._job.journal.write(events.Stopping(why="cancelled", running=self._workers.running))

    def assembling(self, ledger: Ledger) -> None:
        """Report that the output is being made."""
        self.trace.step("assemble")
        self._show("assembling", ledger)

    def delivering(self, ledger: Ledger) -> None:
        """Report that the output is being uploaded to its store."""
        self.trace.step("deliver")
        self._show("delivering", ledger)

    def finished(self, result: Result) -> None:
        """Log the result."""
        self._job.journal.write(events.Finished(record=result))

    def stopped(self, error: ImpastoError) -> None:
        """Log why this driver stops, for readers of the log; the error itself matters more.

        A command that was refused before it did anything leaves the job as it is; a user who stops
        a new job is heard, so that no watcher goes on with it.
        """
        heard = self._started or (self._new and isinstance(error, Interrupted))
        with suppress(ImpastoError):
            if heard and self._job.exists():
                failed = error.failed or None if isinstance(error, Incomplete) else None
                self._job.journal.write(
                    events.Stopped(error=str(error), exit_code=error.exit_code, failed=failed)
                )

    def _show_scoring(self) -> None:
        """Report how far scoring is, once there is a plan; workers may start before that."""
        if self._scored:
            self._learn()
            self._show("scoring", self._scored)

    def _learn(self) -> None:
        """Report what the first worker has found out about the model, while that helps."""
        if self._prepared or not (self._workers.running or self._running):
            return
        # Should the store not answer, the job will find that out itself.
        with suppress(ImpastoError):
            if found := self._job.notes.prepared():
                self._prepared = True
                self._notes += found.notes

    def _show(self, stage: Stage, ledger: Ledger) -> None:
        plan = ledger.plan
        done = ledger.tally.items + sum(self._running.values())
        scored = ledger.scored + sum(ledger.own(*each) for each in self._running.items())
        if scored > self._scored_items:
            self._scored_items = scored
            self.rate = scored / (time.perf_counter() - self.begun)
        left = self._pace.left(done - ledger.resumed, ledger.total - done)
        self._tell(
            Progress(
                stage=stage,
                job=self._job.id,
                done=done,
                total=ledger.total,
                resumed=ledger.resumed,
                items=plan.noun,
                warnings=plan.warnings + self._notes,
                shards=(ledger.done, len(plan.shards)),
                workers=self._workers,
                kept=ledger.tally.items,
                in_work=sum(len(plan.shards[n]) - items for n, items in self._running.items()),
                rate=self.rate,
                output=plan.output,
                media_rate=plan.media_rate,
                seconds_left=left if stage == "scoring" else None,
                running=tuple(self._running.items()),
            )
        )

    def _tell(self, progress: Progress) -> None:
        for told in self._told:
            told(progress)
