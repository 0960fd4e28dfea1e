"""How a job's source is cut: with what earlier jobs took in mind, and noted for later ones."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from impasto import scorers
from impasto.driver.submit import absolute, job_id
from impasto.engines import Capacity, Control, Engine, open_engine
from impasto.errors import ImpastoError
from impasto.jobs.job import Job, record_speed, speeds
from impasto.planning.forecast import USUAL, Forecast, Work
from impasto.schema import Done, Encoding, JobSpec, Plan, Speed
from impasto.schema.url import parse
from impasto.settings import Settings, cuda_devices
from impasto.sources import Source, items_of, open_source
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


def cut(
    source: Source, spec: JobSpec, settings: Settings, engine: Engine, home: Store | None
) -> Plan:
    """Plan a job; raises BadInput when its source cannot be read.

    Args:
        source: the job's.
        spec: the job's, made absolute.
        settings: how it runs.
        engine: what will run it.
        home: where facts of earlier jobs are, which are read only where a size is to be chosen.
    """
    threads = engine.encoder_threads
    encoding = Encoding(crf=spec.crf, preset=spec.preset, threads=threads)
    known = home if spec.shard_frames == "auto" else None
    return source.plan(spec, encoding, _forecast(spec, settings, engine.capacity, known))


def draft(spec: JobSpec, settings: Settings) -> Draft:
    """Show how a job would be cut; nothing is written.

    Raises:
        BadInput: the request or the source is wrong.
    """
    stores = Stores(settings.stores)
    spec = absolute(spec, stores, settings.home)
    source = open_source(stores, spec.source, items_of(spec))
    home = _home(stores, settings.home)
    job = job_id(stores, spec, source)
    # It is not entered: no worker starts, and no cluster is asked.
    engine = open_engine(settings, spec, Control(lambda *_: None, lambda: False))
    stored = Job(home, job).plan() if home else None
    plan = stored or cut(source, spec, settings, engine, home)
    work = Work(
        plan.count,
        plan.items,
        encoded=plan.output == "video",
        width=plan.width,
        height=plan.height,
    )
    pace = _forecast(spec, settings, engine.capacity, home).pace(work)
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


def learn(job: Job, spec: JobSpec, plan: Plan, records: Iterable[Done]) -> None:
    """Note how fast a finished job was; that this cannot be done is no reason for it to fail."""
    told = [
        (record, (record.seconds - record.overhead) / record.items)
        for record in records
        if record.items and record.seconds > record.overhead
    ]
    if not told:
        return
    devices = Counter(record.worker.rpartition("/")[2].partition(":")[0] for record, _ in told)
    speed = Speed(
        job=job.id,
        scorer=_called(spec),
        kind=plan.items,
        width=plan.width,
        height=plan.height,
        device=devices.most_common(1)[0][0],
        items=sum(record.items for record, _ in told),
        seconds=median(seconds for _, seconds in told),
        overhead=median(record.overhead for record, _ in told),
    )
    with suppress(ImpastoError):
        record_speed(job.home, speed)


def _home(stores: Stores, url: str) -> Store | None:
    """Open the home of jobs, but do not make it: opening a folder does."""
    place = parse(url)
    return None if place.local and not place.path.is_dir() else stores.home(url)


def _forecast(
    spec: JobSpec, settings: Settings, capacity: Capacity, home: Store | None
) -> Forecast:
    scorer = _called(spec)
    known: list[Speed] = []
    # Facts that cannot be read are no facts, and no reason for a job to fail.
    with suppress(ImpastoError):
        known = speeds(home, scorer) if home else []
    return Forecast(
        workers=capacity.workers,
        staffing=str(capacity),
        scorer=scorer,
        device=_device(settings),
        speeds=known,
    )


def _device(settings: Settings) -> str:
    if settings.device != "auto":
        return settings.device
    if settings.engine == "local":
        return "cuda" if cuda_devices() else "cpu"
    return ""


def _called(spec: JobSpec) -> str:
    """Name a scorer with a digest of its model or script: another one has another speed."""
    entry = scorers.find(spec.scorer)
    names = [f"{name}_sha256" for name in entry.trusted]
    names += [f"{name}_digest" for name in entry.folders]
    names += ["name"] if spec.scorer == "python" else []
    given = [str(spec.params[name]) for name in names if spec.params.get(name)]
    if not given:
        return spec.scorer
    return f"{spec.scorer}-{hashlib.sha256(' '.join(given).encode()).hexdigest()[:8]}"


def _asked(spec: JobSpec, plan: Plan) -> tuple[str, ...]:
    """Say where a size comes from that was not chosen."""
    if spec.shard_frames is not None:
        return (f"{spec.shard_frames} items a shard are asked for",)
    return (f"{USUAL[plan.items]:,} items a shard are usual; '--shard-frames auto' balances",)
