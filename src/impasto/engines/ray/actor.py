"""The inside of a cluster's actor: one worker's place on a machine."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from multiprocessing.connection import wait

import ray

from impasto.engines.messages import StartFailed
from impasto.engines.outcomes import REPLACE_AFTER
from impasto.engines.process import Nursery
from impasto.engines.ray.runtime_env import delivered
from impasto.engines.supervisor import GRACE, POLL, Supervisor, memory_limit
from impasto.schema.job import Items
from impasto.schema.outcome import Attempt, Done, Failed
from impasto.schema.signatures import Signatures
from impasto.worker.task import Task

SAY = 0.5
"""Seconds between two reports of a shard's progress; each costs the driver half a millisecond."""
BEAT = 5.0
"""Seconds between two signs of life when there is nothing to report."""


class WorkerActor:
    """Supervises one worker process, and replaces it when it is unusable."""

    def __init__(self, device: str, memory: int | None, kind: Items) -> None:
        """Start the nursery, which imports its libraries while the job is planned.

        Args:
            device: ``cpu``, or ``cuda:0``, the first of those that Ray lets this actor see.
            memory: bytes that the worker may hold; None is most of the machine's.
            kind: what the worker will probably score.
        """
        self._device = device
        self._memory = memory_limit(memory)
        self._kind = kind
        self._nursery = Nursery(kind)
        self._child: Supervisor | None = Supervisor(self._nursery.fork(), device)
        self._task: Task | None = None
        self._signatures = Signatures()

    def assign(self, task: Task, queries: dict[str, str]) -> tuple[str, str]:
        """Take the job.

        Args:
            task: the job and its plan.
            queries: the signatures of URLs, where driver and worker share a machine.

        Returns:
            The name of this machine, and Ray's id of it.
        """
        self._signatures = Signatures(queries)
        self._task = task.model_copy(update={"code": delivered()})
        return socket.gethostname(), ray.get_runtime_context().get_node_id()

    def run(
        self, attempt: Attempt, threads: int
    ) -> Iterator[int | Done | Failed | StartFailed | None]:
        """Score one shard.

        Args:
            attempt: what to score.
            threads: how many mini-batches may be scored at once.

        Yields:
            How many items are written so far, None while the scorer is being loaded; last, the
            outcome.
        """
        worker = self._assigned()
        worker.start(attempt, threads)
        items, told, beat = 0, -1, time.monotonic()
        while True:
            said = worker.receive() if wait([worker.conn], POLL) else None
            if isinstance(said, int):
                items = said
            outcome = said if isinstance(said, Done | Failed | StartFailed) else None
            outcome = outcome or worker.fault(self._memory)
            if outcome is not None:
                yield self._finish(worker, outcome)
                return
            now = time.monotonic()
            if now - beat > (SAY if told != items and worker.ready else BEAT):
                told, beat = items, now
                yield items if worker.ready else None

    def close(self) -> None:
        """Let the worker exit cleanly."""
        if self._child:
            self._child.request_exit()
            self._child.wait_exit(GRACE)
            self._drop(self._child)
        self._nursery.stop()

    def _assigned(self) -> Supervisor:
        """Return the worker, a new one if the last one became unusable."""
        assert self._task
        if self._child is None:
            if not self._nursery.alive:
                self._nursery.stop()
                self._nursery = Nursery(self._kind)
            self._child = Supervisor(self._nursery.fork(), self._device)
        self._child.assign(self._task, self._signatures)
        return self._child

    def _finish(
        self, worker: Supervisor, outcome: Done | Failed | StartFailed
    ) -> Done | Failed | StartFailed:
        """Replace the worker if necessary; one that died before it was ready could not start."""
        ready = worker.ready
        worker.finish(outcome)
        if isinstance(outcome, Done):
            return outcome
        if not worker.alive or isinstance(outcome, StartFailed) or outcome.kind in REPLACE_AFTER:
            self._drop(worker)
        if isinstance(outcome, Failed) and not ready:
            return StartFailed(
                error=outcome.error,
                remedy=outcome.remedy,
                bad_input=False,
                traceback=outcome.traceback,
                died=True,
            )
        return outcome

    def _drop(self, worker: Supervisor) -> None:
        worker.stop()
        self._child = None
