"""The steps that make the output from finished shards and record the result."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.driver import tolerance
from impasto.driver.leftovers import settle_report
from impasto.errors import BadInput, ImpastoError
from impasto.outputs.delivery.digest import digest
from impasto.planning.history import learn
from impasto.schema.outcome import Result
from impasto.schema.words import counted, first_few

if TYPE_CHECKING:
    from impasto.driver.ledger import Ledger
    from impasto.driver.open_job import OpenJob
    from impasto.driver.reporter import Reporter


def standing(opened: OpenJob) -> Result | None:
    """Return a job's earlier result if its output is still where it is wanted."""
    earlier = opened.job.result()
    if earlier and opened.delivery.stands(earlier):
        changes = {"output": opened.spec.output, "seconds": 0.0, "fps": 0, "scored": 0}
        return earlier.model_copy(update=changes)
    return None


@dataclass(frozen=True, slots=True)
class Assembler:
    """Makes a job's output and records its result.

    Attributes:
        opened: the job.
        reporter: receives the progress.
        overwrite: whether what is at the output may be replaced.
        retry: whether an earlier result is replaced.
    """

    opened: OpenJob
    reporter: Reporter
    overwrite: bool
    retry: bool

    def assemble(self, ledger: Ledger) -> Result:
        """Make the output of a complete ledger; returns the result.

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
            earlier = standing(self.opened)
            if earlier is None:
                raise
            return earlier
        # Segments are kept if items were set aside, so that a retry scores nothing else.
        kept = ledger.plan.output in {"video", "records"} or result.failed
        job = self.opened.job
        job.sweep(ledger.records if kept else (), job.listing())
        # A debugger's pauses say nothing about the next job.
        if self.opened.settings.engine != "inline":
            learn(job, self.opened.scorer_key, ledger.plan, ledger.scored_whole)
        self.reporter.finished(result)
        return result

    def _deliver(self, ledger: Ledger) -> Result:
        """Make the output and deliver it.

        The result is recorded before the output appears: a crash between the two leaves a job that
        is done except for its output, which the next run makes again, and never an output that
        belongs to no finished job.
        """
        # Codecs are not needed before this, and take time to load.
        from impasto.outputs.open import write

        opened, plan, records = self.opened, ledger.plan, ledger.records
        if plan.output in {"folder", "arrays", "files"}:
            with opened.delivery.folder(records, overwrite=self.overwrite) as made:
                return self._record(ledger, *made, ())
        with opened.delivery.file(overwrite=self.overwrite) as path:
            source = (opened.stores, opened.source_url)
            notes = write(path, *source, opened.job, opened.spec, plan, records)
            result = self._record(ledger, *digest(path), notes)
            if not opened.output.local:
                self.reporter.delivering(ledger)
            return result

    def _versions(self) -> tuple[str, ...]:
        """Say that files of several versions made the output, if that is so."""
        count = len(self.opened.job.notes.changes()) + 1
        show = f"`impasto show {self.opened.job.id}`"
        return (f"made with {count} versions of the job's files; see {show}",) if count > 1 else ()

    def _report(self, ledger: Ledger) -> str:
        """List what failed beside the output; returns where, or ""."""
        try:
            return settle_report(self.opened, ledger)
        except ImpastoError as error:
            # The output matters more, and the job's records have the same list.
            self.reporter.noted(f"what failed is not listed beside the output: {error.fact}")
            return ""

    def _record(self, ledger: Ledger, size: int, sha256: str, notes: tuple[str, ...]) -> Result:
        """Record the result; a retry's replaces the earlier one."""
        job = self.opened.job
        if self.retry:
            job.reopen()
        seconds = time.perf_counter() - self.reporter.begun
        failed = [error for record in ledger.records for error in record.failed]
        prepared = job.notes.prepared()
        result = Result(
            job=job.id,
            output=self.opened.spec.output,
            items=ledger.tally.items,
            failed=len(failed),
            aside=tuple(failed[: tolerance.NAMED]),
            concealed=sum(len(record.concealed) for record in ledger.records),
            repeated=sum(record.repeated for record in ledger.records),
            seconds=seconds,
            fps=self.reporter.rate,
            scored=ledger.scored,
            noun=ledger.plan.noun,
            bytes=size,
            sha256=sha256,
            notes=(prepared.notes if prepared else ())
            + notes
            + _missing(ledger)
            + self._versions(),
            warnings=ledger.plan.warnings,
            report=self._report(ledger),
        )
        job.record(result)
        return result


def _missing(ledger: Ledger) -> tuple[str, ...]:
    """Say of which columns the model got NaN for missing values, if of any."""
    counts: Counter[str] = Counter()
    for record in ledger.records:
        counts.update(record.missing)
    if not counts:
        return ()
    noun = ledger.plan.noun
    found = [f"{name} ({counted(count, noun)})" for name, count in counts.most_common()]
    return (f"the model got NaN for missing values: {first_few(found)}",)
