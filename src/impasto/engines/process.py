"""A worker's process, as its driver sees it.

Imports nothing heavy, so that a first process can be started before the driver knows its job: a
worker needs seconds to import torch.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from impasto.machine import open_standard_streams
from impasto.secrecy import LONGEST, end_of
from impasto.settings import ENVIRONMENT
from impasto.storage.local import mapped

TAIL = 4000
"""Characters kept of what a dead worker printed."""

_spare: list[WorkerProcess] = []


class WorkerProcess:
    """A fresh interpreter that waits for a task on a socket, and ends when the socket closes.

    Never a fork: neither CUDA nor the store's client survives one.

    Attributes:
        conn: the driver's end of the socket.
    """

    def __init__(self) -> None:
        # Else the socket could get the number of a stream that is replaced in the new process.
        open_standard_streams()
        ours, theirs = socket.socketpair()
        self.conn = Connection(ours.detach())
        with mapped(tempfile.gettempdir()):
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        code = f"from impasto.engines.worker_main import serve; serve({theirs.fileno()})"
        # The worker inherits the mask, so that Ctrl-C reaches the driver alone, from the start.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with theirs, ENVIRONMENT:
                self._process = subprocess.Popen(
                    # -P keeps out modules that happen to be in the working folder.
                    [sys.executable, "-P", "-c", code],
                    stdin=subprocess.DEVNULL,
                    stdout=self._said,
                    stderr=self._said,
                    pass_fds=[theirs.fileno()],
                    # A separate group, so that whatever a user's script starts ends with it.
                    start_new_session=True,
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # Ends the whole group once this process is gone, even if the worker hangs or was stopped.
        self._watcher = subprocess.Popen(
            ["sh", "-c", 'read -r _; kill -9 -"$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def exit_reason(self) -> str:
        """Wait for the process to end and say how it ended."""
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return f"signal {-code}, perhaps out of memory"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def output_tail(self) -> str:
        """Return the end of what the process has printed."""
        start = max(0, self._said.seek(0, os.SEEK_END) - TAIL - LONGEST)
        self._said.seek(start)
        return end_of(self._said.read().decode(errors="replace"), TAIL, cut=start > 0)

    def resident(self) -> int:
        """Return the bytes of memory that the process holds, 0 when it has ended."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def wait(self, seconds: float) -> None:
        """Wait for the process to end, for this many seconds at most."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def stop(self) -> None:
        """End the process at once."""
        self.conn.close()
        # First, since the number of an ended group may be reused for another one.
        self._watcher.kill()
        self._watcher.wait()
        if self._watcher.stdin:
            self._watcher.stdin.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._said.close()


@contextmanager
def spare() -> Iterator[None]:
    """Start a process for the first worker of the block to take; stop it if none does."""
    _spare.append(WorkerProcess())
    try:
        yield
    finally:
        stop_spare()


def stop_spare() -> None:
    """Stop the spare process if there is one, since no worker will use it."""
    while _spare:
        _spare.pop().stop()


def take() -> WorkerProcess:
    """Return the spare process, or a new one."""
    return _spare.pop() if _spare else WorkerProcess()
