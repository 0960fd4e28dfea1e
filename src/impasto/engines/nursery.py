"""The inside of a nursery: imports what workers need, then becomes one of them by each fork."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import traceback
import warnings
from contextlib import suppress
from importlib import import_module
from select import select
from typing import TYPE_CHECKING

from impasto.engines.messages import LONGEST_ORDER

if TYPE_CHECKING:
    from impasto.schema.job import Items

NAME = b"impasto-worker"
"""The name of a worker in lists of processes, which show the nursery's command line for it."""
_SET_NAME = 15
"""PR_SET_NAME of prctl(2)."""
_NEEDED = {
    "pictures": (
        "torch",
        "impasto.worker.worker",
        "impasto.worker.pictures",
        "impasto.outputs.images",
        "impasto.outputs.video",
        "impasto.sources.images",
        "impasto.sources.video",
    ),
    "rows": ("impasto.worker.worker", "impasto.sources.table"),
    "files": ("impasto.worker.worker", "impasto.sources.files"),
}


def serve(fd: int, kind: Items) -> None:
    """Be a nursery until its owner closes the socket.

    Args:
        fd: the socket, on which messages ask for forks and for kills.
        kind: what workers will probably score.
    """
    # Imports create a million objects that live for ever; scanning them for garbage again and again
    # would take a fifth of the time.
    gc.disable()
    for module in (*_NEEDED[kind], "impasto.engines.worker_main"):
        import_module(module)
    if kind == "rows":
        # An extra, whose absence is the driver's to report.
        with suppress(ImportError):
            import_module("pandas")
    # Else the first collection in a worker would copy every page that it shares with the others.
    gc.freeze()
    _Nursery(socket.socket(fileno=fd)).serve()
    # Taking a million objects apart would keep the driver waiting.
    os._exit(0)


class _Nursery:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._numbers: dict[int, int] = {}
        # Written to by every signal, so that `select` notices the end of a worker.
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def serve(self) -> None:
        try:
            while True:
                sources = [self._control.fileno(), self._woken]
                ready, _, _ = select(sources, [], [])
                if self._woken in ready:
                    self._reap()
                if sources[0] in ready and not self._obey():
                    return
        finally:
            for pid in self._numbers:
                _kill(pid)

    def _obey(self) -> bool:
        """Take one message; returns False when there is nobody left to send any."""
        try:
            message, files, _, _ = socket.recv_fds(self._control, LONGEST_ORDER, 3)
        except OSError:
            return False
        if not message:
            return False
        order, number = message.split()
        if order == b"fork":
            self._fork(int(number), *files)
        else:
            for pid, known in self._numbers.items():
                if known == int(number):
                    _kill(pid)
        return True

    def _fork(self, number: int, conn: int, out: int, err: int) -> None:
        with warnings.catch_warnings():
            # Libraries' threads are idle by now, and know how to survive a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            self._be_worker(conn, out, err)
        # Here too, since the worker may not have come to it when it is to be killed.
        with suppress(OSError):
            os.setpgid(pid, pid)
        for file in (conn, out, err):
            os.close(file)
        self._numbers[pid] = number
        self._tell(f"pid {number} {pid}")

    def _be_worker(self, conn: int, out: int, err: int) -> None:
        """Become a worker, and never return."""
        code = 1
        try:
            # A separate group, so that whatever a user's script starts ends with it.
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            os.close(self._woken)
            os.close(self._wake)
            for stream, file in ((1, out), (2, err)):
                os.dup2(file, stream)
                os.close(file)
            ctypes.CDLL(None).prctl(_SET_NAME, NAME, 0, 0, 0)
            if numpy := sys.modules.get("numpy"):
                # Python's own generator sees to this by itself.
                numpy.random.seed()
            gc.enable()

            from impasto.engines.worker_main import serve

            serve(conn)
            code = 0
        except BaseException:  # noqa: BLE001 (the nursery's code must not run twice)
            traceback.print_exc()
        finally:
            os._exit(code)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)
        with suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                # Whatever its script started ends with it: now, while no other group can get the
                # number.
                _kill(ended.si_pid)
                _, status = os.waitpid(ended.si_pid, 0)
                number = self._numbers.pop(ended.si_pid)
                self._tell(f"end {number} {os.waitstatus_to_exitcode(status)}")

    def _tell(self, message: str) -> None:
        with suppress(OSError):
            self._control.send(message.encode())


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
