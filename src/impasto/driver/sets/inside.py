"""The inside of a process that runs jobs of a set: takes them from a socket until it closes."""

from __future__ import annotations

import _thread
import os
import queue
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from impasto import secrecy
from impasto.driver import api
from impasto.engines.warm import WarmWorkers
from impasto.errors import ImpastoError, StoppedAtOnce
from impasto.schema.job import JobSpec
from impasto.schema.progress import Progress
from impasto.schema.signatures import Signatures
from impasto.settings import Settings

if TYPE_CHECKING:
    from impasto.schema.outcome import Result

OFTEN = 0.1
"""Seconds between two reports of the same stage."""


@dataclass(frozen=True, slots=True)
class Task:
    """A job to run.

    Attributes:
        spec: what to do.
        settings: how it runs.
        queries: the signatures of the URLs in both (`Signatures.reveal`), which no pickle holds.
    """

    spec: JobSpec
    settings: Settings
    queries: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended.

    Attributes:
        result: its result, or None.
        error: why there is none.
    """

    result: Result | None = None
    error: ImpastoError | None = None


class Stop:
    """Asks to finish the running shards and no more; ``at_once`` to drop them."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.at_once = at_once


def serve(fd: int) -> None:
    """Be such a process.

    Args:
        fd: the socket; tasks come from it, and what becomes of them is told to it.
    """
    # Ctrl-C reaches the command, which tells what it means.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    secrecy.guard()
    inside = _Inside(Connection(fd))
    with suppress(KeyboardInterrupt), WarmWorkers() as warm:
        while task := inside.tasks.get():
            inside.tell(_run(task, warm, inside))


class _Inside:
    """This process's side of the socket.

    Attributes:
        tasks: what to run; None asks for the end.
        stop: set when no further shard shall begin.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._stage, self._told = "", 0.0
        self.tasks: queue.Queue[Task | None] = queue.Queue()
        self.stop = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, message: Ended | Progress) -> None:
        """Send a message; progress within a stage is told now and then."""
        if isinstance(message, Progress):
            now = time.monotonic()
            if message.stage == self._stage and now - self._told < OFTEN:
                return
            self._stage, self._told = message.stage, now
        with suppress(OSError):
            self._conn.send(message)

    def _listen(self) -> None:
        try:
            while True:
                match self._conn.recv():
                    case Task() as task:
                        self.tasks.put(task)
                    case Stop() as asked:
                        self.stop.set()
                        if asked.at_once:
                            _thread.interrupt_main()
                    case _:
                        self.tasks.put(None)
        except (EOFError, OSError):
            # The command is gone, and its jobs with it.
            os._exit(1)


def _run(task: Task, warm: WarmWorkers, inside: _Inside) -> Ended:
    signatures = Signatures(task.queries)
    try:
        result = api.run(
            task.spec.signed(signatures),
            settings=task.settings.signed(signatures),
            on_progress=inside.tell,
            stop=inside.stop,
            warm=warm,
        )
    except ImpastoError as error:
        return Ended(error=error)
    except KeyboardInterrupt:
        return Ended(error=StoppedAtOnce("stopped at once"))
    return Ended(result)
