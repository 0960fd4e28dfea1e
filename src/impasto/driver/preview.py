"""How a job would be cut, without running it."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.driver.open_job import OpenJob, open_draft
from impasto.engines.base import Control
from impasto.engines.open import open_engine
from impasto.jobs.job import Job
from impasto.media.write.target import Target
from impasto.outputs.video import video_target
from impasto.planning.forecast import Workload
from impasto.schema.job import JobSpec
from impasto.schema.plan import Plan
from impasto.settings import Settings
from impasto.storage.store import Store


@dataclass(frozen=True, slots=True)
class Draft:
    """How a job would be cut, or how it is.

    Attributes:
        job: the job's id.
        stored: whether the job has this plan already.
        plan: the plan.
        reasons: why shards have the size they have, one line each.
        workers: how many there will be, as far as is known.
        seconds: one worker's seconds for all the work, or None if there is no earlier job to judge
            by.
        target: the output's picture stream; None where no video is made.
    """

    job: str
    stored: bool
    plan: Plan
    reasons: tuple[str, ...]
    workers: int
    seconds: float | None
    target: Target | None = None


def draft(spec: JobSpec, settings: Settings) -> Draft:
    """Show how a job would be cut; nothing is written.

    Raises:
        BadInput: the request or the source is wrong.
    """
    opened = open_draft(spec, settings)
    # The engine is not entered: no worker starts, and no cluster is contacted.
    engine = open_engine(settings, opened.spec, Control(), opened.stores)
    home = _home(opened)
    stored = Job(home, opened.id).plan() if home else None
    plan = stored or opened.plan(engine.capacity, engine.encoder_threads, home)
    work = Workload(
        plan.count,
        plan.items,
        encoded=plan.output == "video",
        width=plan.width,
        height=plan.height,
    )
    pace = opened.forecast(engine.capacity, home).pace(work)
    return Draft(
        job=opened.id,
        stored=stored is not None,
        plan=plan,
        reasons=plan.reasons or _asked(opened.spec, plan),
        workers=engine.capacity.workers,
        seconds=plan.count * pace.seconds + len(plan.shards) * pace.overhead
        if pace.known
        else None,
        target=video_target(opened.spec, plan) if plan.output == "video" else None,
    )


def _home(opened: OpenJob) -> Store | None:
    """Open the home of jobs if it exists; opening a folder would create it."""
    place = opened.home_url
    return None if place.local and not place.path.is_dir() else opened.home


def _asked(spec: JobSpec, plan: Plan) -> tuple[str, ...]:
    """Explain the size of shards if it was not chosen."""
    if isinstance(spec.shard_frames, int):
        return (f"{spec.shard_frames} items per shard, as requested",)
    return ()
