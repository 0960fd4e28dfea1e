"""How a job would be cut, without running it."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.driver.identity import job_id
from impasto.driver.pinning import absolute
from impasto.engines.base import Control
from impasto.engines.open import open_engine
from impasto.jobs.job import Job
from impasto.planning.decide import items_of
from impasto.planning.forecast import USUAL, Workload
from impasto.planning.planner import cut, forecast
from impasto.schema.job import JobSpec
from impasto.schema.plan import Plan
from impasto.schema.url import parse
from impasto.settings import Settings
from impasto.sources.open import open_source
from impasto.storage.store import Store
from impasto.storage.stores import Stores


@dataclass(frozen=True, slots=True)
class Draft:
    """How a job would be cut, or how it is.

    Attributes:
        job: the job's id.
        stored: whether the job has this plan already.
        plan: the plan.
        reasons: why shards are as large as they are, one line each.
        workers: how many there will be, as far as can be told.
        seconds: of work of one worker, or None when no earlier job tells.
    """

    job: str
    stored: bool
    plan: Plan
    reasons: tuple[str, ...]
    workers: int
    seconds: float | None


def draft(spec: JobSpec, settings: Settings) -> Draft:
    """Show how a job would be cut; nothing is written.

    Raises:
        BadInput: the request or the source is wrong.
    """
    stores = Stores.of(settings, spec)
    spec = absolute(spec, stores, settings.home)
    source = open_source(stores, spec.source, items_of(spec))
    home = _home(stores, settings.home)
    job = job_id(stores, spec, source)
    # It is not entered: no worker starts, and no cluster is asked.
    engine = open_engine(settings, spec, Control(lambda *_: None, lambda: False), stores)
    stored = Job(home, job).plan() if home else None
    plan = stored or cut(
        source,
        spec,
        settings,
        home,
        capacity=engine.capacity,
        threads=engine.encoder_threads,
    )
    work = Workload(
        plan.count,
        plan.items,
        encoded=plan.output == "video",
        width=plan.width,
        height=plan.height,
    )
    pace = forecast(spec, settings, engine.capacity, home).pace(work)
    return Draft(
        job=job,
        stored=stored is not None,
        plan=plan,
        reasons=plan.reasons or _asked(spec, plan),
        workers=engine.capacity.workers,
        seconds=plan.count * pace.seconds + len(plan.shards) * pace.overhead
        if pace.known
        else None,
    )


def _home(stores: Stores, url: str) -> Store | None:
    """Open the home of jobs, but do not make it: opening a folder does."""
    place = parse(url)
    return None if place.local and not place.path.is_dir() else stores.open_home(url)


def _asked(spec: JobSpec, plan: Plan) -> tuple[str, ...]:
    """Say where a size comes from that was not chosen."""
    if spec.shard_frames is not None:
        return (f"{spec.shard_frames} items a shard are asked for",)
    return (f"{USUAL[plan.items]:,} items a shard are usual; '--shard-frames auto' balances",)
