"""Jobs and shards as the API shows them, made from what a job's folder holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.jobs.keys import preview_key
from impasto.jobs.state import standing
from impasto.jobs.summary import details, summarize
from impasto.secrecy import redact, redact_all
from impasto.server.models.jobs import JobDetail, JobRow, ShardRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.jobs.listing import Listing
    from impasto.schema.driver import Driver
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Done, Failed
    from impasto.schema.plan import Plan, Shard
    from impasto.server.board.kept import KeptJob

_SHOWN_ELSEWHERE = {"source", "output", "scorer", "params", "pins", "tenant", "rule", "labels"}


def job_row(job: KeptJob) -> JobRow | None:
    """Return what a list shows of a job, as it was at the last look.

    Returns:
        None if there is no such job; a row that is not readable if it is damaged.
    """
    listing = job.listing()
    if "spec.json" not in listing.sizes:
        return None
    tenant = ""
    try:
        tenant = job.spec().tenant
        return _row(job, listing)
    except BadInput as error:
        times = {"started": listing.times["spec.json"], "changed": max(listing.times.values())}
        return unreadable(job.id, error).model_copy(update={"tenant": tenant, **times})


def unreadable(job_id: str, error: BadInput) -> JobRow:
    """Return the row of a job that cannot be read."""
    return JobRow(job=job_id, state="stopped", error=redact(str(error)), readable=False)


def _row(job: KeptJob, listing: Listing) -> JobRow:
    spec, summary = job.spec(), summarize(job)
    job.drivers = summary.drivers
    ended, live = summary.state in {"incomplete", "failed", "stopped"}, summary.live
    # A job that is not planned, or that an earlier version finished, may still tell it.
    noun = spec.items if spec.items in {"rows", "files"} else summary.noun
    stands = standing(job, listing) if ended else None
    return JobRow(
        job=job.id,
        state=summary.state,
        stage=live.stage if live else "",
        percent=summary.percent,
        items_done=summary.items_written,
        items=summary.items,
        items_failed=summary.items_failed,
        noun=noun,
        shards_done=summary.shards_done,
        shards=summary.shards,
        rate=live.rate if live else 0.0,
        seconds_left=live.seconds_left if live else None,
        workers=live.workers.running if live else 0,
        started=summary.started,
        changed=summary.changed,
        scorer=summary.scorer,
        style=_style(spec),
        source=summary.source,
        output=summary.output,
        error=redact(stands.error) if stands else "",
        tenant=summary.tenant,
        rule=summary.rule,
        labels=summary.labels,
        preview=_newest(listing),
    )


def _newest(listing: Listing) -> int | None:
    """Return the item whose preview was written last."""
    written = {item: listing.times[preview_key(item, "scored")] for item in listing.previews}
    return max(written, key=lambda item: (written[item], item), default=None)


def _style(spec: JobSpec) -> str:
    style = spec.params.get("style")
    return style.rstrip("/").rpartition("/")[2][:200] if isinstance(style, str) else ""


def job_detail(job: KeptJob, row: JobRow) -> JobDetail:
    """Return everything that is known about a job; raises BadInput when it cannot be read."""
    if not row.readable:
        return JobDetail(
            row=row, drivers=[], params={}, spec={}, warnings=[], reasons=[], stages={}
        )
    known, plan = details(job), job.plan()
    asked = known.spec.model_dump(mode="json", exclude_defaults=True, exclude=_SHOWN_ELSEWHERE)
    last = known.last_failure
    return JobDetail(
        row=row.model_copy(update={"noun": known.noun}),
        drivers=list(known.drivers),
        output_kind=plan.output if plan else "",
        width=plan.width if plan else 0,
        height=plan.height if plan else 0,
        fps=plan.media_rate if plan else 0.0,
        params=redact_all(known.spec.params),
        spec=redact_all(asked),
        warnings=list(known.warnings),
        reasons=list(known.reasons),
        failed_attempts=known.failed_attempts,
        last_failure=redact(last.error) if last else "",
        items_failed=known.items_failed,
        concealed=len(known.concealed),
        repeated=known.repeated,
        stages=known.seconds,
        seconds=known.result.seconds if known.result else 0.0,
        result=known.result,
        has_pictures=bool(plan and plan.items == "pictures"),
        has_scored=bool(plan and plan.output in {"video", "image", "folder"}),
        plays=bool(plan and plan.source == "video" and plan.output == "video"),
        changes=list(known.changes),
    )


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards of a job at one look.

    Attributes:
        plan: how the job is cut; None while it is not planned.
        marks: what tells whether a shard has changed, by shard; none of one that only waits.
        done: done records, by shard.
        failed: the last failed attempt, by shard.
        running: items that are written, by shard that runs now.
    """

    plan: Plan | None
    marks: dict[int, tuple[float, int, int]]
    done: dict[int, Done]
    failed: dict[int, Failed]
    attempts: dict[int, int]
    times: dict[int, float]
    running: dict[int, int]

    @classmethod
    def of(cls, job: KeptJob, running: dict[int, int]) -> Shards:
        """Read the shards of a job that was just looked at; raises BadInput for a damaged plan."""
        listing, plan = job.listing(), job.plan()
        if plan is None:
            return cls(None, {}, {}, {}, {}, {}, {})
        done, failed = job.done(listing, plan), job.failed(listing, plan)
        times = {shard: listing.times.get(f"done/{shard:05d}.json", 0.0) for shard in done}
        attempts = listing.attempts
        marks = {
            shard: (times.get(shard, 0.0), attempts.get(shard, 0), running.get(shard, -1))
            for shard in {*done, *attempts, *running}
        }
        last = {each.shard: each for each in failed}
        return cls(plan, marks, done, last, attempts, times, running)

    def changed(self, before: Shards) -> set[int]:
        """Return the shards that are not as they were at an earlier look."""
        if (self.plan is None) != (before.plan is None):
            return {each.index for each in self.plan.shards} if self.plan else set()
        both = {*self.marks, *before.marks}
        return {shard for shard in both if self.marks.get(shard) != before.marks.get(shard)}

    def rows(self, chosen: set[int] | None = None) -> list[ShardRow]:
        """Return some shards, or all of them, in order."""
        shards = self.plan.shards if self.plan else ()
        numbers = range(len(shards)) if chosen is None else sorted(chosen)
        return [self._row(shards[n]) for n in numbers if n < len(shards)]

    def _row(self, shard: Shard) -> ShardRow:
        number = shard.index
        done, failed = self.done.get(number), self.failed.get(number)
        row = ShardRow(
            shard=number,
            start=shard.start,
            stop=shard.stop,
            state="waiting",
            attempts=self.attempts.get(number, 0),
            error=redact(failed.error) if failed else "",
        )
        if done:
            return row.model_copy(
                update={
                    "state": "done",
                    "items": done.items,
                    "failed": len(done.failed),
                    "worker": done.worker,
                    "device": done.device,
                    "ended": self.times[number],
                    "seconds": done.seconds,
                    "stages": done.stages,
                }
            )
        if number in self.running:
            return row.model_copy(update={"state": "running", "items": self.running[number]})
        if failed:
            return row.model_copy(update={"state": "failed", "worker": failed.worker})
        return row


def running(drivers: Iterable[Driver]) -> dict[int, int]:
    """Return how many items are written of each shard that runs now, as the drivers tell."""
    return {shard: items for each in drivers if each.live for shard, items in each.live.running}
