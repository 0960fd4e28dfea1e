"""A process that runs jobs of a set, as the command sees it.

A file that crashes a codec while it is planned kills one job, and not the others.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from impasto.driver.sets.inside import Ended, Stop, Task
from impasto.engines.process import output_file, start_python, tail_of
from impasto.errors import Incomplete
from impasto.machine import open_standard_streams

if TYPE_CHECKING:
    from impasto.driver.sets.members import Member
    from impasto.schema.progress import Progress
    from impasto.settings import Settings

ENDING = 10.0
"""Seconds in which a process must end its workers when it is asked to."""


class SetProcess:
    """A process that runs one job at a time, and keeps workers for the next one.

    Attributes:
        conn: for its messages, for `multiprocessing.connection.wait`.
        member: the job that it runs, or None.
        last: how far that is; None before there was any progress.
    """

    def __init__(self) -> None:
        """Start it; it imports its libraries in the background."""
        open_standard_streams()
        ours, theirs = socket.socketpair()
        self._said = output_file()
        code = f"from impasto.driver.sets.inside import serve; serve({theirs.fileno()})"
        with theirs:
            self._process = start_python(code, theirs, self._said)
        self.conn = Connection(ours.detach())
        self.member: Member | None = None
        self.last: Progress | None = None

    def start(self, member: Member, settings: Settings) -> None:
        """Give it a job; a dead process is noticed when its answer is read."""
        self.member, self.last = member, None
        queries = (settings.signatures | member.spec.signatures).reveal()
        with suppress(OSError):
            self.conn.send(Task(member.spec, settings, queries))

    def receive(self) -> Ended | None:
        """Take one message; returns how the job ended, or None where it goes on."""
        try:
            message = self.conn.recv()
        except (EOFError, OSError):
            return Ended(error=self._crash())
        if isinstance(message, Ended):
            return message
        self.last = message
        return None

    def ask_to_stop(self, *, at_once: bool = False) -> None:
        """Ask it to finish the running shards and no more, or to drop them."""
        with suppress(OSError):
            self.conn.send(Stop(at_once=at_once))

    @property
    def usable(self) -> bool:
        """Whether it runs a job, or can run one."""
        return self.member is not None or self._process.poll() is None

    def ask_to_end(self) -> None:
        """Ask it to end once it has no job and its workers have ended."""
        with suppress(OSError):
            self.conn.send(None)

    def end(self) -> None:
        """Wait for the end that it was asked for; kill it and its workers if that is too long."""
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.conn.close()
        self._said.close()

    def _crash(self) -> Incomplete:
        code = self._process.wait()
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        lines = tail_of(self._said).strip().splitlines()
        said = f"; it printed last: {lines[-1]}" if lines else ""
        return Incomplete(f"its driver ended ({reason}){said}", "run the same command again")
