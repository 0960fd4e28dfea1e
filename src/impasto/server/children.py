"""Child processes for all that decodes media or scores.

What a client or an outsider sends may crash a codec, hang, or need more memory than there is. In a
child process, that ends one request and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from impasto import errors
from impasto.engines.process import output_file, tail_of
from impasto.engines.supervisor import memory_limit
from impasto.machine import open_standard_streams
from impasto.schema.base import Frozen, read
from impasto.schema.bounds import Told
from impasto.server.child import DONE, WRONG
from impasto.server.turns import Turns, pause
from impasto.settings import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from impasto.settings import Settings


@dataclass
class Kind(Turns):
    """Child processes of one kind, and what each may use.

    Attributes:
        seconds: how long one may take.
        memory: bytes that one may hold; None is as many as a worker.
        answer: bytes that it may answer.
    """

    seconds: float
    memory: int | None
    answer: int


def scoring() -> Kind:
    """Return the kind of children that load a model and score an item."""
    return Kind("previews", 2, 6, 1, seconds=300.0, memory=None, answer=32 << 20)


def decoding() -> Kind:
    """Return the kind of children that decode pictures of a source or of a result."""
    return Kind("pictures", 4, 32, 4, seconds=60.0, memory=4 << 30, answer=32 << 20)


def planning() -> Kind:
    """Return the kind of children that look a source over."""
    return Kind("plans", 2, 8, 2, seconds=120.0, memory=None, answer=4 << 20)


class _Problem(Frozen):
    """An error that a child reports."""

    kind: str
    fact: Told
    remedy: Told = ""


class Children:
    """Starts child processes, and ends them.

    Attributes:
        scoring: those that load a model.
        decoding: those that decode single pictures.
        planning: those that look a source over.
    """

    def __init__(self, settings: Settings) -> None:
        """Keep what children are told.

        Args:
            settings: how stores are reached; a child inherits the environment, where their
                secrets are.
        """
        self._settings = settings
        self._alive: set[subprocess.Popen[bytes]] = set()
        self.scoring, self.decoding, self.planning = scoring(), decoding(), planning()

    async def ask(
        self,
        kind: Kind,
        target: str,
        left: Callable[[], Awaitable[bool]],
        whose: str,
        **given: Any,
    ) -> bytes:
        """Call a function in a new process, and return the bytes that it returns.

        Args:
            kind: what the process may use.
            target: ``module:function``; it is called with the settings and with ``given``.
            left: tells whether the client has gone, such as `Request.is_disconnected`.
            whose: the party that asks, as in `Caller.party`.
            given: values that JSON can hold.

        Raises:
            ImpastoError: the function raised it.
            BadInput: the process crashed, took too long, or used too much memory.
            Refused: too many wait already, or the client has gone.
        """
        request = {
            "target": target,
            "settings": self._settings.model_dump(mode="json"),
            "queries": self._settings.signatures.reveal(),
            "given": given,
        }
        async with kind.turn(left, whose):
            with output_file() as answer, output_file() as said:
                process = self._start(answer, said)
                try:
                    await asyncio.to_thread(_tell, process, json.dumps(request).encode() + b"\n")
                    most = memory_limit(kind.memory or self._settings.memory)
                    await _wait(process, kind, most, answer, left)
                finally:
                    # Also where this task is cancelled.
                    self._end(process)
                answer.seek(0)
                return _read(answer.read(kind.answer + len(WRONG)), process, said, kind)

    def close(self) -> None:
        """End all processes at once."""
        for process in [*self._alive]:
            self._end(process)

    def _start(self, answer: IO[bytes], said: IO[bytes]) -> subprocess.Popen[bytes]:
        open_standard_streams()
        with ENVIRONMENT:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "impasto.server.child"],
                stdin=subprocess.PIPE,
                stdout=answer,
                stderr=said,
                start_new_session=True,
            )
        self._alive.add(process)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End a process, with all that it started."""
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with suppress(OSError):
            if process.stdin:
                process.stdin.close()
        process.wait()
        self._alive.discard(process)


def _tell(process: subprocess.Popen[bytes], request: bytes) -> None:
    assert process.stdin
    # One that has died is noticed where it is waited for.
    with suppress(OSError):
        process.stdin.write(request)
        process.stdin.flush()


async def _wait(
    process: subprocess.Popen[bytes],
    kind: Kind,
    most: int,
    answer: IO[bytes],
    left: Callable[[], Awaitable[bool]],
) -> None:
    """Wait until a process has ended; raises BadInput once it exceeds a limit."""
    until = time.monotonic() + kind.seconds
    while process.poll() is None:
        if time.monotonic() > until:
            raise failed(kind, f"took more than {kind.seconds:g} seconds")
        if resident(process.pid) > most:
            raise failed(kind, f"needed more than {most >> 20:,} MiB of memory")
        if os.fstat(answer.fileno()).st_size > kind.answer:
            raise failed(kind, "made too much")
        await pause(left)


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds, 0 when it has ended."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _read(data: bytes, process: subprocess.Popen[bytes], said: IO[bytes], kind: Kind) -> bytes:
    """Return what a process has answered; raises what it says, or how it ended."""
    if process.returncode == 0 and data.startswith(DONE):
        return answered(data)
    if data.startswith(WRONG):
        answered(data)
    raise ended(kind, process.returncode, said)


def answered(data: bytes) -> bytes:
    """Return what a function has made, from a process's answer; raises the error that it raised."""
    if data.startswith(DONE):
        return data.removeprefix(DONE)
    problem = read(_Problem, data.removeprefix(WRONG))
    if problem is None:
        return b""
    known = getattr(errors, problem.kind, None)
    raise (known if known in _SIMPLE else errors.BadInput)(problem.fact, problem.remedy)


def ended(kind: Kind, code: int, said: IO[bytes]) -> errors.BadInput:
    """Return the error that a process ended before it answered."""
    lines = tail_of(said).strip().splitlines()
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return failed(kind, f"ended by {how}" + (f": {lines[-1]}" if lines else ""))


def failed(kind: Kind, why: str) -> errors.BadInput:
    """Return the error that a process of a kind could not do its work."""
    return errors.BadInput(f"the process for {kind.what} {why}", "check the file")


_SIMPLE = (
    errors.BadInput,
    errors.Missing,
    errors.Exists,
    errors.NotLoaded,
    errors.Changed,
    errors.Unavailable,
    errors.Denied,
)
"""Errors that a child's may be; another one counts as BadInput."""
