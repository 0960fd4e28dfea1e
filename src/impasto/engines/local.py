"""The local engine: worker processes on this machine."""

from __future__ import annotations

import os
from collections import Counter, deque
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Self

from impasto.engines.base import AS_HERE, ASKED_FOR, Control, encoder_threads
from impasto.engines.messages import StartFailed
from impasto.engines.outcomes import REPLACE_AFTER
from impasto.engines.process import Nursery, take
from impasto.engines.supervisor import POLL, Supervisor, exit_cleanly, memory_limit
from impasto.errors import Unavailable
from impasto.machine import cuda_devices, uses_cuda
from impasto.schema.job import Items
from impasto.schema.outcome import Attempt, Done, Failed
from impasto.schema.workers import Capacity, WorkerCounts
from impasto.settings import Settings
from impasto.worker.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.engines.warm import WarmWorkers
    from impasto.schema.signatures import Signatures

STILLBORN = 4
"""Workers that may die one after the other before any of them has begun to score."""


class LocalEngine:
    """Runs shards on processes of this machine: one per core, or one per CUDA device."""

    def __init__(
        self,
        settings: Settings,
        control: Control,
        signatures: Signatures,
        kind: Items,
        warm: WarmWorkers | None = None,
        key: str = "",
    ) -> None:
        """Configure; nothing starts before the context is entered.

        Args:
            settings: the number of workers, their device and their memory.
            control: how the caller watches and stops the engine.
            signatures: the signatures of URLs, for the workers.
            kind: what workers will probably score.
            warm: keeps processes from one job to the next; None ends them with the context.
            key: what the scorer is loaded from; "" is a scorer that no worker may keep.
        """
        self._workers = settings.workers.most
        self._device = settings.device
        self._memory = memory_limit(settings.memory)
        self._control = control
        self._signatures = signatures
        self._kind = kind
        self._warm, self._key = warm, key
        self._nursery: Nursery | None = None
        self._children: list[Supervisor] = []
        self._stillborn = 0

    @property
    def capacity(self) -> Capacity:
        """As many as requested, else one per device, or one per core."""
        count = len(_devices(self._device, self._workers))
        return Capacity(count, ASKED_FOR if self._workers else AS_HERE)

    @property
    def encoder_threads(self) -> int:
        """A CPU's cores are all busy scoring; beside a CUDA device they are free."""
        return encoder_threads(self._device)

    def __enter__(self) -> Self:
        """Start a first worker, which imports its libraries while the job is planned."""
        device = _devices(self._device, self._workers)[0]
        self._children.append(self._new_worker(device))
        return self

    def __exit__(self, *error: object) -> None:
        """Keep workers, if that is wanted; stop others, cleanly only when all went well."""
        clean = not any(error)
        left = [worker for worker in self._children if not self._kept(worker, clean=clean)]
        if clean:
            exit_cleanly(worker for worker in left if worker.ready and not worker.shard)
        for worker in left:
            worker.stop()
        self._children.clear()
        if self._nursery:
            self._nursery.stop()
            self._nursery = None

    def run(self, task: Task, attempts: Sequence[Attempt]) -> Iterator[Done | Failed]:
        """Try each shard once; see `Engine.run`."""
        waiting = deque(attempts)
        self._start_workers(task, len(waiting))
        while True:
            if self._control.stopping():
                waiting.clear()
            _dispatch(self._children, waiting)
            self._report()
            if not any(worker.shard for worker in self._children):
                return
            for worker, ready in _busy(self._children):
                outcome = self._receive(worker) if ready else None
                outcome = outcome or worker.fault(self._memory)
                if outcome is None:
                    continue
                worker.finish(outcome)
                if not worker.alive or (
                    isinstance(outcome, Failed) and outcome.kind in REPLACE_AFTER
                ):
                    # Whatever broke it, such as a lost device context, would break the next shard.
                    worker.stop()
                    self._children.remove(worker)
                    self._start_workers(task, len(waiting))
                if not self._control.stopping():
                    # It scores its next shard while the caller records this one.
                    _dispatch(self._children, waiting)
                yield outcome

    def _start_workers(self, task: Task, shards: int) -> None:
        """Start a worker on every device, but no more idle ones than there are waiting shards."""
        free = Counter(_devices(self._device, self._workers))
        free.subtract(worker.device for worker in self._children)
        missing = shards - sum(worker.shard is None for worker in self._children)
        devices = [*free.elements()][: max(0, missing)]
        self._children += [self._new_worker(device) for device in devices]
        for worker in self._children:
            worker.assign(task, self._signatures)

    def _kept(self, worker: Supervisor, *, clean: bool) -> bool:
        """Keep a worker for another job, if it may be; returns whether it is kept."""
        if not self._warm or not self._key or worker.shard:
            return False
        # One that the job has not come to is as it was before.
        fit = clean and worker.ready if worker.assigned else worker.warm
        return fit and self._warm.keep(worker, self._key, self._kind, self._memory)

    def _new_worker(self, device: str) -> Supervisor:
        if self._warm:
            kept = self._warm.take(self._key, device)
            return kept or Supervisor(self._warm.nursery(self._kind).fork(), device)
        if self._nursery and not self._nursery.alive:
            self._nursery.stop()
            self._nursery = None
        self._nursery = self._nursery or take(self._kind)
        return Supervisor(self._nursery.fork(), device)

    def _receive(self, worker: Supervisor) -> Done | Failed | None:
        """Take one message from a worker; returns the outcome of its shard if it is one.

        Raises:
            BadInput: the scorer cannot be loaded and never will.
            Unavailable: it cannot be loaded now, or workers die one after the other before they
                score.
        """
        message = worker.receive()
        self._stillborn = 0 if worker.alive else self._stillborn + 1
        match message:
            case StartFailed():
                raise message.as_error()
            case Failed() if self._stillborn >= STILLBORN:
                raise Unavailable(f"workers cannot start: {message.error}", "see `impasto logs`")
            case Done() | Failed():
                return message
            case int() if worker.shard:
                self._control.progress(worker.shard.index, message)
        return None

    def _report(self) -> None:
        """Report to the caller what the workers do."""
        running = sum(worker.shard is not None and worker.ready for worker in self._children)
        idle = sum(worker.shard is None and worker.ready for worker in self._children)
        starting = len(self._children) - running - idle
        self._control.workers_changed(WorkerCounts(starting=starting, running=running, idle=idle))


def _dispatch(workers: list[Supervisor], waiting: deque[Attempt]) -> None:
    """Assign shards to idle workers, and the cores of those left idle to the busy ones."""
    idle = [worker for worker in workers if not worker.shard]
    starting = idle[: len(waiting)]
    busy = [worker for worker in workers if worker.shard] + starting
    shares = dict(zip(busy, _shares(len(busy)), strict=True))
    for worker in busy:
        threads = 2 if worker.device.startswith("cuda") else shares[worker]
        if worker in starting:
            worker.start(waiting.popleft(), threads)
        else:
            worker.set_threads(threads)


def _shares(workers: int) -> list[int]:
    cores = len(os.sched_getaffinity(0))
    return [max(1, (cores + n) // workers) for n in range(workers)]


def _busy(workers: list[Supervisor]) -> Iterator[tuple[Supervisor, bool]]:
    """Wait a moment; yield the busy workers, and whether each has sent a message."""
    busy = [worker for worker in workers if worker.shard]
    ready = wait([worker.conn for worker in busy], POLL)
    yield from ((worker, worker.conn in ready) for worker in busy)


def _devices(device: str, workers: int | None) -> list[str]:
    """Return the device of each worker; raises Unavailable when CUDA is requested and absent."""
    if not uses_cuda(device):
        return ["cpu"] * (workers or len(os.sched_getaffinity(0)))
    count = cuda_devices()
    if not count:
        raise Unavailable("device cuda: none found", "check the driver, or use `device=cpu`")
    return [f"cuda:{n % count}" for n in range(workers or count)]
