"""The local engine: worker processes on this machine.

A worker is a fresh interpreter (never a fork: neither CUDA nor the store's client survives one)
that talks over a socket. It ends when the socket closes, so none outlives its driver.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import Counter, deque
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from impasto.engines import Control, Task
from impasto.errors import BadInput, Unavailable
from impasto.spec import Done, Failed, Frozen, Shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

POLL = 0.2
"""Seconds between two looks at whether to stop."""
TAIL = 4000
"""Characters kept of what a dead worker printed."""


class Ready(Frozen):
    """A worker has loaded its scorer."""


class Broken(Frozen):
    """A worker could not load its scorer.

    Attributes:
        error: one line.
        bad_input: whether the user must act.
        traceback: the worker's own.
    """

    error: str
    bad_input: bool
    traceback: str


class LocalEngine:
    """Runs shards on processes of this machine: one a core, or one a CUDA device."""

    def __init__(self, workers: int | None, device: str, control: Control) -> None:
        """Configure; nothing starts before the context is entered.

        Args:
            workers: how many processes, or None for one a device or core.
            device: ``auto``, ``cpu`` or ``cuda``.
            control: how the caller watches and stops the engine.
        """
        self._workers = workers
        self._device = device
        self._control = control
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        """Start a first worker, which imports its libraries while the job is planned."""
        self._children.append(_Child(_devices(self._device, self._workers)[0]))
        return self

    def __exit__(self, *error: object) -> None:
        """Stop every worker at once."""
        for child in self._children:
            child.stop()
        self._children.clear()

    def run(self, task: Task, shards: Sequence[Shard]) -> Iterator[Done | Failed]:
        """Run each shard once; see `Engine.run`."""
        waiting = deque(shards)
        self._staff(task, len(waiting))
        while True:
            if self._control.stopping():
                waiting.clear()
            _dispatch(self._children, waiting)
            if not any(child.shard for child in self._children):
                return
            for child in _readable(self._children):
                outcome = self._receive(child)
                if outcome is None:
                    continue
                child.shard = None
                if not child.alive:
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
            return child.died()
        match message:
            case Done() | Failed():
                return message
            case Ready():
                child.ready = True
            case Broken():
                kind = BadInput if message.bad_input else Unavailable
                raise kind(message.error)
            case int() if child.shard:
                self._control.progress(child.shard.index, message)
        return None


class _Child:
    """The driver's side of one worker process."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.task: Task | None = None
        self.shard: Shard | None = None
        self.threads = 0
        self.ready = False
        self.alive = True
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self._process = _spawn(theirs, self._said)
        self.conn = Connection(ours.detach())

    def employ(self, task: Task) -> None:
        """Tell the worker its task, once."""
        if self.task is None:
            self.task = task
            self._send((task, self.device))

    def start(self, shard: Shard, threads: int) -> None:
        """Give the worker a shard; a dead worker is noticed when its answer is read."""
        self.shard, self.threads = shard, threads
        self._send((shard, threads))

    def spread(self, threads: int) -> None:
        """Let the worker score this many mini-batches at once from now on."""
        if threads != self.threads:
            self.threads = threads
            self._send(threads)

    def died(self) -> Failed:
        """Describe a worker that went away; raises Unavailable if it never got ready."""
        self.alive = False
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if code == -signal.SIGKILL:
            how += ", perhaps out of memory"
        said = self._tail()
        if not self.ready:
            last = said.strip().splitlines()[-1:] or ["it said nothing"]
            raise Unavailable(f"a worker died while starting ({how}): {last[0]}")
        assert self.shard
        return Failed(
            shard=self.shard.index, error=f"the worker died ({how})", traceback=said, worker=""
        )

    def stop(self) -> None:
        """End the process at once."""
        self.conn.close()
        self._process.kill()
        self._process.wait()
        self._said.close()

    def _send(self, message: object) -> None:
        try:
            self.conn.send(message)
        except OSError:
            self.alive = False

    def _tail(self) -> str:
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - TAIL))
        return self._said.read().decode(errors="replace")


def _spawn(theirs: socket.socket, said: IO[bytes]) -> subprocess.Popen[bytes]:
    code = f"from impasto.engines.local import serve; serve({theirs.fileno()})"
    # A worker inherits the mask, so that Ctrl-C reaches the driver alone, from the first moment.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with theirs:
            return subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=[theirs.fileno()],
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dispatch(children: list[_Child], waiting: deque[Shard]) -> None:
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


def _readable(children: list[_Child]) -> list[_Child]:
    ready = wait([child.conn for child in children if child.shard], POLL)
    return [child for child in children if child.conn in ready]


def encoder_threads(device: str) -> int:
    """Return how many threads one encoder should use, so that it keeps up with the scorer.

    A CPU's cores are all busy scoring; beside a CUDA device they are free.
    """
    return min(8, len(os.sched_getaffinity(0))) if _has_cuda(device) else 1


def _has_cuda(device: str) -> bool:
    return device == "cuda" or (device == "auto" and Path("/dev/nvidiactl").exists())


def _devices(device: str, workers: int | None) -> list[str]:
    """Name the device of each worker; raises Unavailable when CUDA is asked for and absent."""
    cuda = 0
    if _has_cuda(device):
        import torch

        cuda = torch.cuda.device_count()
        if device == "cuda" and not cuda:
            raise Unavailable("device cuda: none is found; check the driver, or use --device cpu")
    if cuda:
        return [f"cuda:{n % cuda}" for n in range(workers or cuda)]
    return ["cpu"] * (workers or len(os.sched_getaffinity(0)))


def serve(fd: int) -> None:
    """Be a worker process: take shards from a socket until it closes."""
    import torch

    from impasto.worker import Worker

    conn = Connection(fd)
    try:
        task, device = conn.recv()
    except EOFError:
        return
    inbox: queue.Queue[Shard] = queue.Queue()
    threads = 1

    def listen() -> None:
        nonlocal threads
        try:
            while True:
                match conn.recv():
                    case (Shard() as shard, int() as count):
                        threads = count
                        inbox.put(shard)
                    case int() as count:
                        threads = count
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        worker = Worker(task, device)
    except Exception as error:  # noqa: BLE001 (the driver raises it)
        bad = isinstance(error, BadInput)
        conn.send(Broken(error=_line(error), bad_input=bad, traceback=traceback.format_exc()))
        return
    conn.send(Ready())
    while True:
        shard = inbox.get()
        try:
            for step in worker.run(shard, lambda: threads):
                conn.send(step)
        except Exception as error:  # noqa: BLE001 (a shard's error is an outcome)
            conn.send(
                Failed(
                    shard=shard.index,
                    error=_line(error),
                    retry=not isinstance(error, BadInput),
                    traceback=traceback.format_exc(),
                    worker=worker.name,
                )
            )


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, BadInput) else f"{type(error).__name__}: {text}"
