"""How a job would be cut, without running it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from impasto.driver import trial
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
        seconds: one worker's seconds for all the work, or None if nothing tells.
        wall: seconds that the job takes with these workers, or None if nothing tells.
        scored: how many items were scored to learn that; 0 if earlier jobs told, or nothing did.
        target: the output's picture stream; None where no video is made.
    """

    job: str
    stored: bool
    plan: Plan
    reasons: tuple[str, ...]
    workers: int
    seconds: float | None
    wall: float | None
    scored: int
    target: Target | None = None


def draft(spec: JobSpec, settings: Settings, scoring: Callable[[], None] | None = None) -> Draft:
    """Show how a job would be cut; nothing is written.

    Args:
        spec: what to do.
        settings: how it runs.
        scoring: called before a few items are scored in this process, because no earlier job shows
            how fast the scorer is; None scores none.

    Raises:
        BadInput: the request, the source or the scorer is wrong.
        Unavailable: a store or the device does not answer.
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
    reasons = plan.reasons or _asked(opened.spec, plan)
    workers, seconds, scored = engine.capacity.workers, None, 0
    lanes = min(workers, len(plan.shards))
    if pace.known:
        seconds = plan.count * pace.seconds + len(plan.shards) * pace.overhead
    elif scoring and settings.engine != "ray":
        scoring()
        measured = trial.measure(opened, plan, workers)
        scored = measured.items
        if scored:
            seconds = plan.count * measured.seconds
        else:
            reasons += ("the first items cannot be scored; `impasto try` shows why",)
        # The cores of workers without a shard go to the others, unless items must follow in order.
        lanes = lanes if measured.serial else workers
    return Draft(
        job=opened.id,
        stored=stored is not None,
        plan=plan,
        reasons=reasons,
        workers=workers,
        seconds=seconds,
        wall=None if seconds is None else seconds / lanes,
        scored=scored,
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
