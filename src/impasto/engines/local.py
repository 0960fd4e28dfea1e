"""The local engine: worker processes on this machine."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Self

from impasto import secrecy
from impasto.engines import Control, Task
from impasto.engines.serve import Broken, Mark
from impasto.errors import BadInput, Unavailable
from impasto.process import machine_memory, take
from impasto.settings import cuda_devices
from impasto.spec import Attempt, Done, Failed, FailedKind, Shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

POLL = 0.2
"""Seconds between two looks at whether to stop."""
STALL = 600.0
"""Seconds without a sign of life after which a busy worker counts as hung."""
GRACE = 10.0
"""Seconds that workers have for ending in order, when all is done."""
SPOILT = {"unavailable", "error", "died"}
"""Kinds of failure that may be the worker's own; the others would be those of any worker."""
MOST = 0.8
"""Share of the machine's memory that one worker may hold."""
STILLBORN = 4
"""Workers that may die one after the other, none of which has begun to score."""


class LocalEngine:
    """Runs shards on processes of this machine: one a core, or one a CUDA device."""

    def __init__(
        self, workers: int | None, device: str, control: Control, memory: int | None = None
    ) -> None:
        """Configure; nothing starts before the context is entered.

        Args:
            workers: how many processes, or None for one a device or core.
            device: ``auto``, ``cpu`` or ``cuda``.
            control: how the caller watches and stops the engine.
            memory: bytes that a worker may hold before it is stopped; None is most of all.
        """
        self._workers = workers
        self._device = device
        self._memory = memory or int(MOST * machine_memory())
        self._control = control
        self._children: list[_Child] = []
        self._stillborn = 0

    def __enter__(self) -> Self:
        """Start a first worker, which imports its libraries while the job is planned."""
        self._children.append(_Child(_devices(self._device, self._workers)[0]))
        return self

    def __exit__(self, *error: object) -> None:
        """Stop every worker: in order when all went well, else at once."""
        if not any(error):
            _part(child for child in self._children if child.ready and not child.shard)
        for child in self._children:
            child.stop()
        self._children.clear()

    def run(self, task: Task, attempts: Sequence[Attempt]) -> Iterator[Done | Failed]:
        """Try each shard once; see `Engine.run`."""
        waiting = deque(attempts)
        self._staff(task, len(waiting))
        while True:
            if self._control.stopping():
                waiting.clear()
            _dispatch(self._children, waiting)
            if not any(child.shard for child in self._children):
                return
            for child, said in _busy(self._children):
                outcome = self._receive(child) if said else None
                outcome = outcome or child.fault(self._memory)
                if outcome is None:
                    continue
                child.shard = None
                if not child.alive or (isinstance(outcome, Failed) and outcome.kind in SPOILT):
                    # Whatever spoiled it, a device's lost context say, would spoil the next shard.
                    child.stop()
                    self._children.remove(child)
                    self._staff(task, len(waiting))
                yield outcome

    def _staff(self, task: Task, shards: int) -> None:
        """Have a worker on every device, but no more idle ones than shards that wait for one."""
        free = Counter(_devices(self._device, self._workers))
        free.subtract(child.device for child in self._children)
        missing = shards - sum(child.shard is None for child in self._children)
        self._children += [_Child(device) for device in [*free.elements()][: max(0, missing)]]
        for child in self._children:
            child.employ(task)

    def _receive(self, child: _Child) -> Done | Failed | None:
        """Take one message from a worker; returns the outcome of its shard if that is one."""
        try:
            message = child.conn.recv()
        except (EOFError, OSError):
            return self._bury(child)
        child.heard, child.ready = time.monotonic(), True
        self._stillborn = 0
        match message:
            case Done() | Failed():
                return message
            case Broken():
                error = (BadInput if message.bad_input else Unavailable)(message.error)
                error.add_note(message.traceback)
                raise error
            case Mark(items=items, begun=begun):
                child.mark(items, begun=begun)
            case int() if child.shard:
                self._control.progress(child.shard.index, message)
        return None

    def _bury(self, child: _Child) -> Failed:
        """Describe a worker that died; raises Unavailable when one after the other does."""
        outcome = child.died()
        self._stillborn += 1
        if self._stillborn >= STILLBORN:
            raise Unavailable(f"workers cannot start: {outcome.error}; see 'impasto logs'")
        return outcome


class _Child:
    """The driver's side of one worker process."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.task: Task | None = None
        self.shard: Shard | None = None
        self.threads = 0
        self.heard = 0.0
        self._looked = 0.0
        self.scoring: dict[tuple[int, ...], float] = {}
        self.alive = True
        self.ready = False
        self._process = take()
        self.conn = self._process.conn

    def employ(self, task: Task) -> None:
        """Tell the worker its task, once."""
        if self.task is None:
            self.task = task
            # Signatures in URLs go to processes of this machine, by socket, and nowhere else.
            self._send((task, self.device, secrecy.handover()))

    def start(self, attempt: Attempt, threads: int) -> None:
        """Give the worker a shard; a dead worker is noticed when its answer is read."""
        self.shard, self.threads, self.heard = attempt.shard, threads, time.monotonic()
        self.scoring.clear()
        self._send((attempt, threads))

    def spread(self, threads: int) -> None:
        """Let the worker score this many mini-batches at once from now on."""
        if threads != self.threads:
            self.threads = threads
            self._send(threads)

    def mark(self, items: tuple[int, ...], *, begun: bool) -> None:
        """Note that a mini-batch is being scored, or no longer."""
        if begun:
            self.scoring[items] = time.monotonic()
        else:
            self.scoring.pop(items, None)

    def fault(self, memory: int) -> Failed | None:
        """Describe why a busy worker must be stopped, or return None when it need not be."""
        now = time.monotonic()
        if self.shard is None or self.task is None or now - self._looked < POLL:
            return None
        self._looked = now
        limit = self.task.spec.timeout
        stall = max(STALL, limit or 0) if self.scoring else STALL
        if now - self.heard > stall:
            error = f"the worker gave no sign for {stall:.0f} s and was stopped"
            return self._failed(error, "died", self.scoring)
        late = [items for items, since in self.scoring.items() if limit and now - since > limit]
        if late:
            return self._failed(f"scoring took over {limit:g} s (--timeout)", "timeout", late)
        held = self._process.resident()
        if held > memory:
            return self._failed(
                f"the worker held {held / 1e9:.1f} GB of memory, over {memory / 1e9:.1f} GB "
                "(--memory), and was stopped",
                "died",
                self.scoring,
            )
        return None

    def died(self) -> Failed:
        """Describe a worker that went away."""
        self.alive = False
        fate, said = self._process.fate(), self._process.said().strip().splitlines()
        error = f"the worker died ({fate})" + (f": {said[-1]}" if said else "")
        return self._failed(error, "died", self.scoring)

    def part(self) -> None:
        """Ask an idle worker to end in order."""
        self._send(None)

    def parted(self, seconds: float) -> None:
        """Wait for the end of a worker that was asked to."""
        self._process.wait(seconds)

    def stop(self) -> None:
        """End the process at once."""
        self._process.stop()

    def _failed(
        self, error: str, kind: FailedKind = "error", batches: Iterable[tuple[int, ...]] = ()
    ) -> Failed:
        """Describe the end of the worker's shard."""
        assert self.shard
        self.alive = False
        items = tuple(sorted(item for batch in batches for item in batch))
        return Failed(
            shard=self.shard.index,
            error=error,
            kind=kind,
            traceback=self._process.said(),
            items=items,
        )

    def _send(self, message: object) -> None:
        try:
            self.conn.send(message)
        except OSError:
            self.alive = False


def _part(idle: Iterable[_Child]) -> None:
    """Let idle workers end in order, but not for ever."""
    asked = list(idle)
    for child in asked:
        child.part()
    until = time.monotonic() + GRACE
    for child in asked:
        child.parted(max(0.0, until - time.monotonic()))


def _dispatch(children: list[_Child], waiting: deque[Attempt]) -> None:
    """Give shards to idle workers, and the cores of those left idle to the busy ones."""
    idle = [child for child in children if not child.shard]
    starting = idle[: len(waiting)]
    busy = [child for child in children if child.shard] + starting
    shares = dict(zip(busy, _shares(len(busy)), strict=True))
    for child in busy:
        threads = 2 if child.device.startswith("cuda") else shares[child]
        if child in starting:
            child.start(waiting.popleft(), threads)
        else:
            child.spread(threads)


def _shares(workers: int) -> list[int]:
    cores = len(os.sched_getaffinity(0))
    return [max(1, (cores + n) // workers) for n in range(workers)]


def _busy(children: list[_Child]) -> Iterator[tuple[_Child, bool]]:
    """Wait a moment; yield the busy workers, and whether they have something to say."""
    busy = [child for child in children if child.shard]
    ready = wait([child.conn for child in busy], POLL)
    yield from ((child, child.conn in ready) for child in busy)


def encoder_threads(device: str) -> int:
    """Return how many threads one encoder should use, so that it keeps up with the scorer.

    A CPU's cores are all busy scoring; beside a CUDA device they are free.
    """
    return min(8, len(os.sched_getaffinity(0))) if _has_cuda(device) else 1


def _has_cuda(device: str) -> bool:
    return device == "cuda" or (device == "auto" and cuda_devices() > 0)


def _devices(device: str, workers: int | None) -> list[str]:
    """Name the device of each worker; raises Unavailable when CUDA is asked for and absent."""
    if not _has_cuda(device):
        return ["cpu"] * (workers or len(os.sched_getaffinity(0)))
    count = cuda_devices()
    if not count:
        raise Unavailable("device cuda: none is found; check the driver, or use --device cpu")
    return [f"cuda:{n % count}" for n in range(workers or count)]
