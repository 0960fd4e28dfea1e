"""One worker process and what may happen to it, the same for all engines.

Its caller learns which items were being scored when it died, took too long, held too much memory or
fell silent.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from impasto.engines.messages import BatchMark, Rest, Resting, StartFailed
from impasto.machine import machine_memory
from impasto.schema.outcome import Attempt, Done, Failed, FailedKind
from impasto.schema.plan import Shard
from impasto.settings import hide_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.engines.process import WorkerProcess
    from impasto.schema.signatures import Signatures
    from impasto.worker.task import Task

POLL = 0.2
"""Seconds between two checks of a worker, and of whether to stop."""
START = 600.0
"""Seconds without a sign of life that a worker may take to load its scorer."""
GRACE = 10.0
"""Seconds that workers have to exit cleanly, when all is done."""
MOST = 0.8
"""Share of the machine's memory that one worker may hold."""


def memory_limit(memory: int | None) -> int:
    """Return the bytes that a worker on this machine may hold; None is most of all."""
    return memory or int(MOST * machine_memory())


class Supervisor:
    """One worker process, as seen by the caller that assigns its shards.

    Attributes:
        conn: the connection for its messages, for `multiprocessing.connection.wait`.
        device: ``cpu``, or ``cuda:<n>``.
        shard: the shard that it scores, or None.
        ready: whether it has loaded its scorer.
        alive: False once it has ended, or must be ended.
        sound: False once an attempt at a shard has failed.
        warm: whether it has a scorer loaded, from an earlier job.
    """

    def __init__(self, process: WorkerProcess, device: str) -> None:
        self.device = device
        self._task: Task | None = None
        self.shard: Shard | None = None
        self._threads = 0
        self._heard = 0.0
        self._looked = 0.0
        self._scoring: dict[tuple[int, ...], float] = {}
        self.alive = True
        self.sound = True
        self.warm = False
        self.ready = False
        self._process = process
        self.conn = self._process.conn

    @property
    def assigned(self) -> bool:
        """Whether it has a job."""
        return self._task is not None

    def assign(self, task: Task, signatures: Signatures) -> None:
        """Send the worker its task, once a job, and the signatures of the URLs in it."""
        if self._task is None:
            self._task = task
            # What the worker prints when it dies passes through here.
            hide_secrets(task.stores.values())
            # Signatures are sent to processes of this machine, by socket, and nowhere else.
            self._send((task, self.device, signatures.reveal()))

    def start(self, attempt: Attempt, threads: int) -> None:
        """Assign the worker a shard; a dead worker is noticed when its answer is read."""
        self.shard, self._threads, self._heard = attempt.shard, threads, time.monotonic()
        self._scoring.clear()
        self._send((attempt, threads))

    def set_threads(self, threads: int) -> None:
        """Let the worker score this many mini-batches at once from now on."""
        if threads != self._threads:
            self._threads = threads
            self._send(threads)

    def receive(self) -> Done | Failed | StartFailed | int | None:
        """Take one message: the outcome of the shard, or how many of its items are written.

        Returns:
            `StartFailed` when the scorer cannot be loaded; None when there is nothing to report.
        """
        try:
            message = self.conn.recv()
        except (EOFError, OSError):
            return self._died()
        self._heard, self.ready = time.monotonic(), True
        match message:
            case BatchMark(items=items, begun=True):
                self._scoring[items] = time.monotonic()
            case BatchMark(items=items):
                self._scoring.pop(items, None)
            case Done() | Failed() | StartFailed() | int():
                return message
        return None

    def finish(self, outcome: Done | Failed | StartFailed) -> None:
        """Forget the shard, whose outcome is known."""
        self.shard = None
        self.sound = self.sound and isinstance(outcome, Done)

    def rest(self, seconds: float) -> bool:
        """Let a worker without a shard leave its job, if it has one.

        Args:
            seconds: how long it may take.

        Returns:
            Whether it can go on to another job.
        """
        if not (self.alive and self.sound):
            return False
        self._send(Rest())
        until = time.monotonic() + seconds
        with suppress(EOFError, OSError):
            while self.conn.poll(max(0.0, until - time.monotonic())):
                if isinstance(self.conn.recv(), Resting):
                    self._task, self.ready, self.warm = None, False, True
                    return True
        self.alive = False
        return False

    def resident(self) -> int:
        """Return the bytes of memory that the process holds, 0 when it has ended."""
        return self._process.resident()

    def fault(self, memory: int) -> Failed | None:
        """Describe why a busy worker must be stopped, or return None when it need not be."""
        now = time.monotonic()
        if self.shard is None or self._task is None or now - self._looked < POLL:
            return None
        self._looked = now
        limit = self._task.spec.timeout
        stall = max(self._task.stall, 0 if self.ready else START)
        stall = max(stall, limit or 0) if self._scoring else stall
        if now - self._heard > stall:
            error = f"the worker did not respond for {stall:.0f} s and was stopped"
            return self._failed(error, "died", self._scoring)
        late = [items for items, since in self._scoring.items() if limit and now - since > limit]
        if late:
            return self._failed(f"scoring took over {limit:g} s (`timeout`)", "timeout", late)
        held = self.resident()
        if held > memory:
            return self._failed(
                f"the worker used {held / 1e9:.1f} GB of memory, over {memory / 1e9:.1f} GB "
                "(`memory`), and was stopped",
                "died",
                self._scoring,
            )
        return None

    def _died(self) -> Failed:
        """Describe a worker that went away."""
        self.alive = False
        error = f"the worker died ({self._process.exit_reason()})"
        lines = self._process.output_tail().strip().splitlines()
        if lines:
            error += f"; it printed last: {lines[-1]}"
        return self._failed(error, "died", self._scoring)

    def request_exit(self) -> None:
        """Ask an idle worker to exit cleanly."""
        self._send(None)

    def wait_exit(self, seconds: float) -> None:
        """Wait for a worker that was asked to exit."""
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
            traceback=self._process.output_tail(),
            items=items,
        )

    def _send(self, message: object) -> None:
        try:
            self.conn.send(message)
        except OSError:
            self.alive = False


def exit_cleanly(idle: Iterable[Supervisor]) -> None:
    """Let workers without a shard exit cleanly, within a time limit."""
    asked = list(idle)
    for worker in asked:
        worker.request_exit()
    until = time.monotonic() + GRACE
    for worker in asked:
        worker.wait_exit(max(0.0, until - time.monotonic()))
