"""Making the output of finished shards, and recording the result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.outputs.delivery.digest import digest
from impasto.planning.history import learn
from impasto.schema.outcome import Result
from impasto.schema.url import is_local

if TYPE_CHECKING:
    from impasto.driver.ledger import Ledger
    from impasto.driver.reporter import Reporter
    from impasto.jobs.job import Job
    from impasto.outputs.delivery.base import Delivery
    from impasto.schema.job import JobSpec
    from impasto.storage.stores import Stores

NAMED = 100
"""Items set aside that a result names."""


def standing(job: Job, delivery: Delivery, output: str) -> Result | None:
    """Return a job's earlier result if its output still stands where it is wanted."""
    earlier = job.result()
    if earlier and delivery.stands(earlier):
        return earlier.model_copy(update={"output": output, "seconds": 0.0, "fps": 0})
    return None


@dataclass(frozen=True, slots=True)
class Assembler:
    """Makes a job's output and records its result.

    Attributes:
        job: the job.
        spec: its spec.
        stores: what may be opened.
        delivery: where the output goes.
        reporter: told how far this is.
        begun: when this run began, by `time.perf_counter`.
        overwrite: whether what is at the output may be replaced.
        retry: whether an earlier result gives way.
    """

    job: Job
    spec: JobSpec
    stores: Stores
    delivery: Delivery
    reporter: Reporter
    begun: float
    overwrite: bool
    retry: bool

    def assemble(self, ledger: Ledger) -> Result:
        """Make the output of a ledger that is complete; returns the result.

        Raises:
            BadInput: something is in the way, or a container cannot carry one of the source's
                streams.
            Unavailable: the store does not answer, or the disk is full.
        """
        self.reporter.assembling(ledger)
        try:
            result = self._deliver(ledger)
        except BadInput:
            # Another driver of this job may have been faster.
            earlier = standing(self.job, self.delivery, self.spec.output)
            if earlier is None:
                raise
            return earlier
        # Whatever has items set aside is kept, so that a retry scores nothing else.
        kept = ledger.plan.output in {"video", "records"} or result.failed
        self.job.sweep(ledger.records if kept else (), self.job.listing())
        learn(self.job, self.spec, ledger.plan, ledger.scored_whole)
        self.reporter.finished(result)
        return result

    def _deliver(self, ledger: Ledger) -> Result:
        """Make the output and bring it to its place.

        The result is recorded before the output appears: a crash between the two leaves a job that
        is done but for its output, which the next run makes again, never an output that no job
        owns up to.
        """
        # Codecs are not needed before, and take time to load.
        from impasto.outputs.open import write

        plan, records = ledger.plan, ledger.records
        if plan.output in {"folder", "files"}:
            with self.delivery.folder(records, overwrite=self.overwrite) as made:
                return self._record(ledger, *made, ())
        with self.delivery.file(overwrite=self.overwrite) as path:
            notes = write(path, self.stores, self.job, self.spec, plan, records)
            result = self._record(ledger, *digest(path), notes)
            if not is_local(self.spec.output):
                self.reporter.delivering(ledger)
            return result

    def _record(self, ledger: Ledger, size: int, sha256: str, notes: tuple[str, ...]) -> Result:
        """Record the result; that of before a retry gives way."""
        if self.retry:
            self.job.reopen()
        seconds = time.perf_counter() - self.begun
        failed = [error for record in ledger.records for error in record.failed]
        prepared = self.job.prepared()
        result = Result(
            job=self.job.id,
            output=self.spec.output,
            items=ledger.tally.items,
            failed=len(failed),
            aside=tuple(failed[:NAMED]),
            concealed=sum(len(record.concealed) for record in ledger.records),
            seconds=seconds,
            fps=(ledger.total - ledger.resumed) / seconds,
            bytes=size,
            sha256=sha256,
            notes=(prepared.notes if prepared else ()) + notes,
        )
        self.job.record(result)
        return result
