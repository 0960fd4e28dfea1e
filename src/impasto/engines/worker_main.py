"""The inside of a local worker process: takes jobs and their shards from a socket."""

from __future__ import annotations

import io
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from impasto import secrecy
from impasto.engines.messages import Alive, BatchMark, Rest, Resting
from impasto.engines.one_thread import one_thread
from impasto.engines.outcomes import BatchMarks, outcomes, start_failed
from impasto.machine import own_device
from impasto.schema.events import Stream
from impasto.schema.outcome import Attempt
from impasto.schema.signatures import Signatures
from impasto.telemetry.open import telemeter
from impasto.telemetry.telemeter import WORKERS_PATIENCE
from impasto.worker.kept import KeptScorer
from impasto.worker.task import Said, Task
from impasto.worker.worker import Worker

if TYPE_CHECKING:
    from typing import TypeAlias

PRINTED = 100_000
"""Characters of a stream during a mini-batch that are logged, counted from its end."""
KEPT = 1000
"""Texts that wait to be logged; of more, the oldest are dropped."""
OFTEN = 0.02
"""Seconds between two reports of a shard's progress."""
_FILES: dict[Stream, int] = {"stdout": 1, "stderr": 2}
"""The descriptors of a process's streams."""
Order: TypeAlias = "Attempt | Rest | tuple[Task, Signatures] | None"
"""What the driver wants: a shard scored, the job left, another job begun, or an orderly end."""


class _Channel(BatchMarks):
    """The worker's side of the socket: `WorkerEvents`, and exit when the driver closes it.

    Attributes:
        threads: how many mini-batches may be scored at once.
        orders: what the driver wants, in order.
    """

    def __init__(self, conn: Connection) -> None:
        super().__init__()
        self._conn = conn
        self._sending = threading.Lock()
        self._reading = threading.Lock()
        self._said: list[Said] = []
        self._read: dict[Stream, int] = dict.fromkeys(_FILES, 0)
        self.threads = 1
        self.orders: queue.Queue[Order] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: object) -> None:
        """Send a message to the driver."""
        with self._sending:
            self._conn.send(message)

    @contextmanager
    def scoring(self, items: tuple[int, ...]) -> Iterator[None]:
        """Report that a mini-batch is being scored; see `WorkerEvents`."""
        self._collect(())
        with super().scoring(items):
            self.send(BatchMark(items=items, begun=True))
            yield
            self._collect(self.marked())
            # No end is sent if the block raises: the error may be the fault of these items.
            self.send(BatchMark(items=items, begun=False))

    def alive(self) -> None:
        """Report that a long mini-batch is still being worked on; see `WorkerEvents`."""
        self.send(Alive())

    def printed(self, *, whole: bool) -> list[Said]:
        """Return what this process has printed since the last time; see `WorkerEvents`."""
        self._collect(self.marked(), whole=whole)
        with self._reading:
            said, self._said = self._said, []
        return said

    def forget(self) -> None:
        """Forget the job that is left: its items, and what was printed, which is in its log."""
        # A probe of mini-batch sizes may have left some behind.
        self.blamed()
        with self._reading:
            # Else a process that lives for weeks would fill the disk.
            for stream, file in _FILES.items():
                os.ftruncate(file, 0)
                os.lseek(file, 0, os.SEEK_SET)
                self._read[stream] = 0

    def _collect(self, items: tuple[int, ...], *, whole: bool = False) -> None:
        """Take the lines that were printed since the last time, while these items were scored."""
        sys.stdout.flush()
        sys.stderr.flush()
        with self._reading:
            for stream in _FILES:
                if text := self._text(stream, whole=whole):
                    self._said.append(Said(text, items, stream))
            del self._said[:-KEPT]

    def _text(self, stream: Stream, *, whole: bool) -> str:
        """Return what was printed to a stream since the last time."""
        # Workers' output goes to files.
        file, before = _FILES[stream], self._read[stream]
        size = os.fstat(file).st_size
        if size == before:
            return ""
        start = max(before, size - PRINTED - secrecy.LONGEST)
        said = os.pread(file, size - start, start)
        if not whole:
            # The rest of a line may be on its way, and half a secret would not be recognised.
            said = said[: said.rfind(b"\n") + 1]
        if not said:
            return ""
        self._read[stream] = start + len(said)
        return secrecy.end_of(said.decode(errors="replace"), PRINTED, cut=start > before)

    def _listen(self) -> None:
        try:
            while True:
                match self._conn.recv():
                    case (Attempt() as attempt, int() as count):
                        self.threads = count
                        self.orders.put(attempt)
                    case int() as count:
                        self.threads = count
                    case (Task() as task, _, queries):
                        self.orders.put((task, Signatures(queries)))
                    case Rest() | None as order:
                        self.orders.put(order)
        except (EOFError, OSError):
            os._exit(0)


def serve(fd: int) -> None:
    """Be a worker process: take jobs and their shards from a socket until it closes."""
    conn = Connection(fd)
    secrecy.guard()
    try:
        task, device, queries = conn.recv()
    except EOFError:
        return
    channel = _Channel(conn)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A print is one write, so that a secret in it is never read in halves.
        sys.stdout.reconfigure(line_buffering=True)
    with one_thread() if device == "cpu" else nullcontext():
        _run(task, Signatures(queries), own_device(device), channel)


def _run(task: Task, signatures: Signatures, device: str, channel: _Channel) -> None:
    """Work for one job after the other until no more come, or one cannot begin."""
    kept = KeptScorer(device)
    order: Order = (task, signatures)
    while isinstance(order, tuple):
        try:
            worker = Worker(order[0], device, channel, order[1], kept)
        except Exception as error:  # noqa: BLE001 (the driver raises it)
            channel.send(start_failed(error))
            return
        # From here on its end is the end of an attempt, not a failure to start.
        channel.alive()
        order = _score(worker, channel)
        if order is None:
            worker.close()
            break
        worker.leave()
        channel.forget()
        order = _rest(order, kept, channel)
    else:
        kept.close()
    telemeter(task.telemetry, quiet=True).flush(WORKERS_PATIENCE)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of libraries may be waiting for ever; nothing is left to be written.
    os._exit(0)


def _score(worker: Worker, channel: _Channel) -> Order:
    """Score shards until another order comes, and return that."""
    while isinstance(order := channel.orders.get(), Attempt):
        reported = 0.0
        for step in outcomes(worker, order, lambda: channel.threads, channel):
            now = time.monotonic()
            if not isinstance(step, int) or now - reported > OFTEN:
                reported = now
                channel.send(step)
    return order


def _rest(order: Order, kept: KeptScorer, channel: _Channel) -> Order:
    """Wait for another job, and say whenever asked that there is none; None is an orderly end."""
    while isinstance(order, Rest):
        if not kept.fresh():
            # A new process would import what is there now.
            return None
        channel.send(Resting())
        order = channel.orders.get()
    return order
