"""Processes that a driver keeps between its jobs.

To start a worker and load a scorer takes seconds, and many a job less than one.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from impasto.engines.process import take
from impasto.engines.supervisor import exit_cleanly
from impasto.scorers import registry

if TYPE_CHECKING:
    from impasto.engines.process import Nursery
    from impasto.engines.supervisor import Supervisor
    from impasto.schema.job import Items, JobSpec
    from impasto.schema.signatures import Signatures
    from impasto.settings import Settings

FEWEST = 4
"""Idle workers that are kept even on a machine with fewer cores."""
ANSWER = 5.0
"""Seconds in which a worker must say that it can go on to another job."""
FULL = 0.8
"""Share of the memory that a worker may hold; one that holds more at a job's end is not kept."""


@dataclass(slots=True)
class _Idle:
    """A worker without a job.

    Attributes:
        worker: the worker.
        key: what its scorer was loaded from.
        kind: what its nursery is for.
        since: when its last job ended, by `time.monotonic`.
    """

    worker: Supervisor
    key: str
    kind: Items
    since: float


class WarmWorkers:
    """Keeps nurseries, and workers with their scorers loaded, from one job to the next.

    A context that ends them all when it is left. One thread uses it, for one job at a time.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._nurseries: dict[Items, tuple[Nursery, float]] = {}
        self._idle: list[_Idle] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop_idle(0.0)

    def drop_idle(self, seconds: float) -> None:
        """End the processes that no job has used for this long; call it between jobs."""
        now = time.monotonic()
        self._end([each for each in self._idle if now - each.since >= seconds])
        needed = {each.kind for each in self._idle}
        for kind, (nursery, used) in [*self._nurseries.items()]:
            if kind not in needed and now - used >= seconds:
                nursery.stop()
                del self._nurseries[kind]

    def nursery(self, kind: Items) -> Nursery:
        """Return a nursery that is alive.

        Args:
            kind: what its workers will probably score.
        """
        nursery, _ = self._nurseries.pop(kind, (None, 0.0))
        if nursery and not nursery.alive:
            nursery.stop()
            nursery = None
        nursery = nursery or take(kind)
        self._nurseries[kind] = (nursery, time.monotonic())
        return nursery

    def take(self, key: str, device: str) -> Supervisor | None:
        """Take a worker that has a scorer loaded, or return None if there is none.

        Args:
            key: what the scorer is loaded from; see `key_of`.
            device: ``cpu`` or ``cuda:<n>``, where it is loaded.
        """
        fitting = [each for each in self._idle if (each.key, each.worker.device) == (key, device)]
        # The one that was used last is least likely to have been swapped out.
        for each in reversed(fitting):
            self._idle.remove(each)
            if each.worker.rest(ANSWER):
                return each.worker
            each.worker.stop()
        if device != "cpu":
            # Another model would have to share the memory of the device with theirs.
            self._end([each for each in self._idle if each.worker.device == device])
        return None

    def keep(self, worker: Supervisor, key: str, kind: Items, memory: int) -> bool:
        """Keep a worker without a shard, if it can go on to another job.

        Args:
            worker: the worker.
            key: what its scorer was loaded from.
            kind: what its nursery is for.
            memory: bytes that a worker may hold.

        Returns:
            Whether it is kept; if not, it is the caller's to end.
        """
        if worker.resident() > FULL * memory or not worker.rest(ANSWER):
            return False
        now = time.monotonic()
        self._idle.append(_Idle(worker, key, kind, now))
        if kind in self._nurseries:
            self._nurseries[kind] = (self._nurseries[kind][0], now)
        most = max(FEWEST, len(os.sched_getaffinity(0)))
        self._end(self._idle[:-most])
        return True

    def _end(self, idle: list[_Idle]) -> None:
        exit_cleanly(each.worker for each in idle)
        for each in idle:
            each.worker.stop()
            self._idle.remove(each)


def key_of(spec: JobSpec, settings: Settings, signatures: Signatures, kind: Items) -> str:
    """Return a digest of all that a driver knows of what a worker loads for a job.

    Args:
        spec: the job.
        settings: how it runs.
        signatures: those of the URLs in both.
        kind: what its workers will probably score.

    Returns:
        The digest; "" if the scorer's workers belong to one job.
    """
    entry = registry.find(spec.scorer)
    if not entry.warm or entry.sequential:
        return ""
    loaded = spec.model_dump(mode="json", include={"scorer", "params", "pins", "requirements"})
    around = settings.model_dump(mode="json", include={"home", "memory", "device", "stores"})
    text = json.dumps([kind, loaded, around, signatures.reveal()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
