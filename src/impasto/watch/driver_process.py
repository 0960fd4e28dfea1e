"""Driver processes, as a watcher sees them.

Each drives one order at a time, and keeps workers with their model for the next one. A job that
kills its driver, such as by a file that crashes a codec, kills nothing else.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from impasto.engines.process import output_file, start_python, tail_of
from impasto.machine import open_standard_streams
from impasto.watch.dispatch import Waiting
from impasto.watch.orders import Order

STALL = 3600.0
"""Seconds without a sign of life after which a driver process counts as hung."""
TELL = 60.0
"""Seconds between two lines about how far a job is."""
MOST = 200
"""Orders after which a process is replaced, so that nothing accumulates."""


class DriverProcess:
    """A process that drives orders, one after the other.

    Attributes:
        conn: for its messages, for `multiprocessing.connection.wait`.
        waiting: what it drives now, or None.
        job: the id of the job that it drives, once it is known.
        recipe: of its last order: it has workers for it.
        since: when it began its order, or became idle, by `time.monotonic`.
        ready: whether it has started well.
    """

    def __init__(self) -> None:
        """Start it; it imports its libraries in the background."""
        open_standard_streams()
        ours, theirs = socket.socketpair()
        self._said = output_file()
        code = f"from impasto.watch.driver_main import serve; serve({theirs.fileno()})"
        with theirs:
            self._process = start_python(code, theirs, self._said)
        self.conn = Connection(ours.detach())
        self.waiting: Waiting | None = None
        self.job = ""
        self.recipe = ""
        self.since = self._heard = time.monotonic()
        self.ready = False
        self._told = 0.0
        self._orders = 0

    @property
    def worn(self) -> bool:
        """Whether it should be replaced before its next order."""
        return self._orders >= MOST or self._process.poll() is not None

    @property
    def hung(self) -> bool:
        """Whether it has been silent for too long."""
        return self.waiting is not None and time.monotonic() - self._heard > STALL

    def is_due(self) -> bool:
        """Return whether people should hear now how far its job is; it is then told."""
        now = time.monotonic()
        due = now - max(self._told, self.since) >= TELL
        if due:
            self._told = now
        return due

    def start(self, waiting: Waiting, order: Order) -> None:
        """Give it an order; a dead process is noticed when its answer is read."""
        self.waiting, self.job, self.recipe = waiting, "", f"{waiting.rule}/{waiting.recipe}"
        self.since = self._heard = time.monotonic()
        self._orders += 1
        with suppress(OSError):
            self.conn.send(order)

    def receive(self) -> object:
        """Take one message.

        Raises:
            EOFError: the process has ended.
        """
        try:
            message = self.conn.recv()
        except OSError:
            raise EOFError from None
        self._heard, self.ready = time.monotonic(), True
        return message

    def finish(self) -> None:
        """Forget its order, which has ended."""
        self.waiting, self.job, self.since = None, "", time.monotonic()

    def ask_to_stop(self) -> None:
        """Ask it to finish the running shards and no more."""
        with suppress(OSError):
            self.conn.send("stop")

    def stop(self) -> None:
        """End it, with all of its workers, at once."""
        self.conn.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._said.close()

    def exit_reason(self) -> str:
        """Wait for the process to end; say how it ended, and what it printed last."""
        code = self._process.wait()
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        lines = tail_of(self._said).strip().splitlines()
        return f"{reason}; it printed last: {lines[-1]}" if lines else reason
