"""The workers that a driver has requested from a cluster: requesting and releasing them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions

from impasto.engines.ray.remote_worker import RemoteWorker
from impasto.engines.supervisor import GRACE
from impasto.schema.workers import WorkerCounts
from impasto.settings import WorkerRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.engines.ray.share import Share
    from impasto.schema.job import Items
    from impasto.settings import Settings

POLL = 0.2
"""Seconds between two checks whether to stop."""
IDLE = 10.0
"""Seconds after which a worker without a shard left to score releases its machine."""
ASKED = 32
"""The most workers that wait for machines, where no maximum is given."""


class WorkerPool:
    """Requests workers from Ray and releases them; knows nothing about the shards.

    Iterating yields all that have not left.
    """

    def __init__(
        self,
        actor: type,
        settings: Settings,
        share: Share,
        room: int,
        env: dict[str, Any],
        kind: Items,
    ) -> None:
        """Request the first workers.

        Args:
            actor: the class of actors.
            settings: the cluster's address, the number of workers and their memory.
            share: what each takes of a machine.
            room: for how many the cluster has room now.
            env: their runtime environment.
            kind: what they will probably score.
        """
        self._actor = ray.remote(actor)
        self._arguments = ("cuda:0" if share.cuda else "cpu", settings.memory, kind)
        # Policy is the driver's: nothing is restarted or retried by Ray.
        self._options: dict[str, Any] = {
            "num_cpus": share.cpus,
            "num_gpus": share.gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        if env:
            self._options["runtime_env"] = env
        self._bounds = _bounds(settings, room)
        self._barred: set[str] = set()
        self._workers: list[RemoteWorker] = []
        self._exiting: list[RemoteWorker] = []
        self._start(max(1, self._bounds.least))

    def __iter__(self) -> Iterator[RemoteWorker]:
        return iter([*self._workers])

    def __contains__(self, worker: RemoteWorker) -> bool:
        return worker in self._workers

    def busy(self) -> list[RemoteWorker]:
        """List those that have a shard."""
        return [worker for worker in self._workers if worker.attempt]

    def free(self) -> list[RemoteWorker]:
        """List those that have a machine and nothing to do."""
        return [it for it in self._workers if it.placed and not it.attempt and not it.gone]

    def twins(self, worker: RemoteWorker) -> list[RemoteWorker]:
        """List the others that score the same shard."""
        return [it for it in self.busy() if it.shard == worker.shard and it is not worker]

    def counts(self) -> WorkerCounts:
        """Count the workers by what they do."""
        asked = sum(not worker.placed for worker in self._workers)
        running = sum(worker.attempt is not None and worker.ready for worker in self._workers)
        idle = sum(worker.placed and not worker.attempt for worker in self._workers)
        return WorkerCounts(asked, len(self._workers) - asked - running - idle, running, idle)

    def scale(self, waiting: int, spare: int) -> None:
        """Keep one worker per shard, within bounds; release those for which none is left.

        Args:
            waiting: shards that no worker scores yet.
            spare: idle workers that are kept for shards that others are scoring.
        """
        placed = sum(worker.placed for worker in self._workers)
        most = self._bounds.most or placed + ASKED
        want = min(max(waiting + len(self.busy()), self._bounds.least), most)
        self._start(want - len(self._workers))
        now = time.monotonic()
        # Those that wait for a machine go first, so that none is started for nothing.
        unplaced = [it for it in self._workers if not it.placed and not it.gone]
        for worker in unplaced[: max(0, len(self._workers) - max(want, 1))]:
            self._stop(worker)
        surplus = len(self._workers) - max(want + spare, 1)
        for worker in self.free()[: max(0, surplus)]:
            if now - worker.since > IDLE:
                self._stop(worker)
        self._remove_dead()

    def assign(self, task: Any, queries: dict[str, str]) -> None:
        """Send new workers their task, which they receive once there is a machine for them.

        Args:
            task: Ray's reference to the task.
            queries: the signatures of URLs (`Signatures.reveal`); none where a worker may be on
                another machine.
        """
        for worker in self._workers:
            if not worker.placing and not worker.placed:
                worker.placing = worker.actor.assign.remote(task, queries)

    def talking(self) -> list[RemoteWorker]:
        """Wait a moment; return those that have sent a message."""
        refs = {worker.awaited: worker for worker in self._workers if worker.awaited is not None}
        if not refs:
            time.sleep(POLL)
            return []
        some, _ = ray.wait([*refs], timeout=POLL)
        ready = ray.wait([*refs], num_returns=len(refs), timeout=0)[0] if len(some) else []
        return [refs[ref] for ref in ready]

    def dismiss(self, worker: RemoteWorker) -> None:
        """End a worker at once; a live machine gets its share back."""
        self._workers.remove(worker)
        ray.kill(worker.actor)

    def bar(self, node: str) -> None:
        """Stop using a machine, except for the workers already at work there."""
        self._barred.add(node)
        # Waiting workers would be placed on that machine.
        for worker in self:
            if worker.node in {"", node} and not worker.attempt and not worker.ready:
                self.dismiss(worker)

    def close(self, *, in_order: bool) -> None:
        """End all workers: idle ones cleanly if wanted, others at once."""
        with suppress(exceptions.RayError):
            if in_order:
                for worker in [each for each in self._workers if not each.attempt]:
                    self._stop(worker)
                refs = [worker.exited for worker in self._exiting]
                if refs:
                    ray.wait(refs, num_returns=len(refs), timeout=GRACE + 1)
            for worker in (*self._workers, *self._exiting):
                ray.kill(worker.actor)
        self._workers.clear()
        self._exiting.clear()

    def _start(self, count: int) -> None:
        """Request this many more; the autoscaler sees those that find no room."""
        if self._barred:
            others = f"!in({','.join(sorted(self._barred))})"
            self._options["label_selector"] = {"ray.io/node-id": others}
        actor = self._actor.options(**self._options)
        self._workers += [RemoteWorker(actor.remote(*self._arguments)) for _ in range(count)]

    def _stop(self, worker: RemoteWorker) -> None:
        """Let an idle worker exit cleanly."""
        self._workers.remove(worker)
        if not worker.placed:
            ray.kill(worker.actor)
            return
        worker.exited, worker.since = worker.actor.close.remote(), time.monotonic()
        self._exiting.append(worker)

    def _remove_dead(self) -> None:
        """Release the machines' share of workers that have exited cleanly, or failed to."""
        for worker in [*self._exiting]:
            ended, _ = ray.wait([worker.exited], timeout=0)
            if ended or time.monotonic() - worker.since > GRACE + 1:
                ray.kill(worker.actor)
                self._exiting.remove(worker)


def _bounds(settings: Settings, room: int) -> WorkerRange:
    """Return how many workers there may be: Ray on this machine alone never grows."""
    asked = settings.workers
    if settings.address:
        return asked
    most = min(asked.most or room, room)
    return WorkerRange(least=min(asked.least, most), most=most)
