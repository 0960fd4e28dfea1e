"""Worker processes, as their driver sees them.

Imports nothing heavy, so that a nursery can be started before the driver knows its job.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from impasto.engines.messages import LONGEST_ORDER
from impasto.machine import open_standard_streams
from impasto.schema.job import Items
from impasto.secrecy import LONGEST, end_of
from impasto.settings import ENVIRONMENT
from impasto.storage.local import mapped
from impasto.tables.formats import is_table

TAIL = 4000
"""Characters kept of what a dead process printed."""
LEAVE = 5.0
"""Seconds that a nursery has to kill its workers and to end."""

_spare: list[Nursery] = []


class Nursery:
    """A process that has imported what workers need, and becomes one of them by each fork.

    Importing torch takes more than a second, and a fork a hundredth of that. The nursery never
    scores, so it holds no CUDA context and no client of a store; neither would survive a fork. When
    its socket closes it ends, with all of its workers, even if these hang or were stopped.
    """

    def __init__(self, kind: Items) -> None:
        """Start it; it imports its libraries in the background.

        Args:
            kind: what its workers will probably score; they can score all else too.
        """
        # Else the socket could get the number of a stream that is replaced in the new process.
        open_standard_streams()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._count = 0
        self._pids: dict[int, int] = {}
        self._codes: dict[int, int] = {}
        self._said = output_file()
        code = f"from impasto.engines.nursery import serve; serve({theirs.fileno()}, {kind!r})"
        with theirs:
            self._process = start_python(code, theirs, self._said)

    @property
    def alive(self) -> bool:
        """Whether it can become more workers."""
        return self._process.poll() is None

    def fork(self) -> WorkerProcess:
        """Return a new worker, which waits for a task as soon as the libraries are imported."""
        self._count += 1
        ours, theirs = socket.socketpair()
        said = (output_file(), output_file())
        with theirs, suppress(OSError):
            files = [theirs.fileno(), *(file.fileno() for file in said)]
            socket.send_fds(self._control, [f"fork {self._count}".encode()], files)
        return WorkerProcess(self, self._count, Connection(ours.detach()), said)

    def pid(self, number: int) -> int | None:
        """Return the process id of a worker, or None before it exists."""
        while self._receive(0.0):
            pass
        return self._pids.get(number)

    def exit_code(self, number: int, seconds: float | None = None) -> int | None:
        """Wait for a worker to end.

        Args:
            number: which worker.
            seconds: how long to wait; None is for ever.

        Returns:
            Its exit code, or minus the signal that ended it; None if it has not ended, or if the
            nursery has, which alone knows.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while number not in self._codes:
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._receive(left):
                break
        return self._codes.get(number)

    def kill(self, number: int) -> None:
        """End a worker, and all that it started, at once."""
        try:
            self._control.send(f"kill {number}".encode())
        except OSError:
            _kill_group(self._pids.get(number))
            return
        self.exit_code(number, LEAVE)

    def output_tail(self) -> str:
        """Return the end of what it has printed, such as why an import failed."""
        return tail_of(self._said)

    def stop(self) -> None:
        """End it and all of its workers at once."""
        self._control.close()
        if not self._count:
            # It has no workers to end, and would import all that they need before it ends itself.
            self._process.kill()
        try:
            self._process.wait(LEAVE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for number in self._pids.keys() - self._codes.keys():
            _kill_group(self._pids[number])
        self._said.close()

    def _receive(self, seconds: float | None) -> bool:
        """Take one message; returns whether one came within this many seconds."""
        try:
            self._control.settimeout(seconds)
            message = self._control.recv(LONGEST_ORDER)
        except OSError:
            return False
        if not message:
            return False
        kind, number, value = message.split()
        (self._pids if kind == b"pid" else self._codes)[int(number)] = int(value)
        return True


class WorkerProcess:
    """A process that waits for a task on a socket, and ends when the socket closes.

    Attributes:
        conn: the driver's end of the socket.
    """

    def __init__(
        self, nursery: Nursery, number: int, conn: Connection, said: tuple[IO[bytes], IO[bytes]]
    ) -> None:
        self._nursery, self._number = nursery, number
        self.conn = conn
        self._said = said

    def exit_reason(self) -> str:
        """Wait for the process to end and say how it ended."""
        code = self._nursery.exit_code(self._number)
        if code is None:
            return "its parent process ended"
        if code == -signal.SIGKILL:
            return f"signal {-code}, perhaps out of memory"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def output_tail(self) -> str:
        """Return the end of what the process has printed, on the stream that it used last."""
        files = sorted(self._said, key=lambda file: os.fstat(file.fileno()).st_mtime_ns)
        said = "".join(map(tail_of, files))[-TAIL:]
        # It never existed if the nursery could not import what it needs.
        return said if said or self._nursery.alive else self._nursery.output_tail()

    def resident(self) -> int:
        """Return the bytes of memory that the process holds, 0 when it has ended."""
        pid = self._nursery.pid(self._number)
        try:
            pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def wait(self, seconds: float) -> None:
        """Wait for the process to end, for this many seconds at most."""
        self._nursery.exit_code(self._number, seconds)

    def stop(self) -> None:
        """End the process, and all that it started, at once."""
        self.conn.close()
        self._nursery.kill(self._number)
        for file in self._said:
            file.close()


def probable_kind(scorer: str, source: str, items: Items | None = None) -> Items:
    """Guess what a job's workers will score; a wrong guess costs only time.

    Args:
        scorer: the scorer's name, with or without a model.
        source: URL or path of the source.
        items: what it is to be read as, if that is given.
    """
    if items:
        return items
    name = scorer.partition(":")[0]
    if name in {"script", "python", "onnx", "mlflow"} and is_table(source):
        return "rows"
    return "files" if name == "script" else "pictures"


@contextmanager
def spare(kind: Items) -> Iterator[None]:
    """Start a nursery for an engine of the block to take; stop it if none does."""
    _spare.append(Nursery(kind))
    try:
        yield
    finally:
        stop_spare()


def stop_spare() -> None:
    """Stop the spare nursery if there is one, since no engine will use it."""
    while _spare:
        _spare.pop().stop()


def take(kind: Items) -> Nursery:
    """Return the spare nursery, or a new one."""
    return _spare.pop() if _spare else Nursery(kind)


def start_python(code: str, inherited: socket.socket, said: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start an interpreter in a session of its own, which Ctrl-C does not reach.

    Args:
        code: what it runs.
        inherited: a socket that it has under the same number.
        said: where what it prints goes.
    """
    # What it starts inherits the mask, so that Ctrl-C reaches the driver alone, from the start.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with ENVIRONMENT:
            return subprocess.Popen(
                # -P keeps out modules that happen to be in the working folder.
                [sys.executable, "-P", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=[inherited.fileno()],
                start_new_session=True,
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def output_file() -> IO[bytes]:
    """Return a file without a name, for what a process prints."""
    with mapped(tempfile.gettempdir()):
        return tempfile.TemporaryFile()


def tail_of(said: IO[bytes]) -> str:
    """Return the end of what a process has printed, without secrets."""
    start = max(0, said.seek(0, os.SEEK_END) - TAIL - LONGEST)
    said.seek(start)
    return end_of(said.read().decode(errors="replace"), TAIL, cut=start > 0)


def _kill_group(pid: int | None) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
