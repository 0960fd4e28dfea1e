"""The speeds of earlier jobs."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError, Missing
from impasto.jobs.job import Job
from impasto.schema.base import read
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Done
from impasto.schema.plan import Plan
from impasto.schema.speed import Speed
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from impasto.scorers.entry import Entry
    from impasto.storage.store import Stat, Store

LEAST = 1e-9
"""Seconds per item below which no clock can tell."""
FACTS = 20
"""Number of facts that are read, the newest."""
MOST = 100
"""Facts of a scorer, about: more would take each later job long to list."""
_FACT = re.compile(r"/[0-9a-z]+\.json$")
_read: dict[tuple[str, str, str], Speed | None] = {}


def learn(job: Job, scorer: str, plan: Plan, records: Iterable[Done]) -> None:
    """Record how fast a finished job was; the job does not fail if this fails.

    Args:
        job: the job.
        scorer: its `scorer_key`.
        plan: its plan.
        records: its done records; those of earlier versions do not name their device, and are
            left out.
    """
    timed = [
        (record, (record.seconds - record.overhead) / (record.items - record.repeated))
        for record in records
        if record.items > record.repeated and record.device and record.seconds > record.overhead
    ]
    if not timed:
        return
    devices = Counter(record.device for record, _ in timed)
    speed = Speed(
        job=job.id,
        scorer=scorer,
        kind=plan.items,
        width=plan.width,
        height=plan.height,
        device=devices.most_common(1)[0][0],
        items=sum(record.items for record, _ in timed),
        seconds=max(LEAST, median(seconds for _, seconds in timed)),
        overhead=median(record.overhead for record, _ in timed),
    )
    with suppress(ImpastoError):
        record_speed(job.home, speed)
        # One job in sixteen, by its hexadecimal id, is enough.
        if job.id.endswith("0"):
            _clear_up(job.home, scorer)


def scorer_key(spec: JobSpec, entry: Entry) -> str:
    """Return a scorer's name with what determines its speed: a digest of its model or script."""
    name = f"{spec.scorer}-carried" if spec.temporal else spec.scorer
    given = [spec.pins[name] for name in entry.roles.files if name in spec.pins]
    if entry.roles.class_name:
        given.append(str(spec.params[entry.roles.class_name]))
    if not given:
        return name
    return f"{name}-{hashlib.sha256(' '.join(given).encode()).hexdigest()[:8]}"


def record_speed(home: Store, speed: Speed) -> None:
    """Write how fast a job was, replacing what an earlier run of it wrote."""
    key = f"facts/{speed.scorer}/{speed.job}.json"
    home.put(key, speed.model_dump_json(indent=1).encode())


def speeds(home: Store, scorer: str) -> list[Speed]:
    """Read how fast jobs with a scorer were, newest first; damaged facts are left out."""
    found = in_order(partial(_speed, home), _newest_first(home, scorer)[:FACTS], MANY)
    return [speed for speed in found if speed and speed.scorer == scorer]


def _clear_up(home: Store, scorer: str) -> None:
    """Delete facts that are no longer read, once there are many."""
    known = _newest_first(home, scorer)
    if len(known) > MOST:
        home.delete(*(stat.key for stat in known[FACTS:]))


def _newest_first(home: Store, scorer: str) -> list[Stat]:
    known = (stat for stat in home.list_ours(f"facts/{scorer}") if _FACT.search(stat.key))
    return sorted(known, key=lambda stat: -stat.modified)


def _speed(home: Store, stat: Stat) -> Speed | None:
    """Read a fact; a process that drives many jobs reads it once."""
    fact = (str(home.place), stat.key, stat.etag)
    if fact not in _read:
        if len(_read) >= MOST:
            _read.clear()
        with suppress(Missing):
            _read[fact] = read(Speed, home.read(stat.key))
    return _read.get(fact)
