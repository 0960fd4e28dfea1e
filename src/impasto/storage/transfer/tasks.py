"""Many tasks at once, such as copies of one object each: started, counted, stopped.

A task's failure does not affect the others, and is reported at the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from impasto.errors import ImpastoError, Incomplete, Interrupted, Unavailable
from impasto.storage.store import MANY, Stat

Item = TypeVar("Item")

BUDGET = 96 << 20
"""Approximate bytes in flight at once."""
GIVE_UP = 10
"""Tasks in a row that found no store or disk available, after which no more are started."""
TICK = 0.2
"""Maximum seconds between two reports of progress."""
VERBS = {"copying": "copied", "deleting": "deleted"}


@dataclass(slots=True)
class Tally:
    """How far copying or deleting is.

    Attributes:
        stage: what is happening now.
        done: bytes that are at the target, or objects that are gone.
        total: how many of these there will be in the end.
        resumed: of ``done``, the bytes that an earlier run copied.
        objects: objects dealt with, whatever the outcome.
        of: how many there are.
        skipped: objects that an earlier run copied.
        failed: objects that could not be copied or deleted.
        seconds: since the beginning.
        warnings: what the user should know about the sources.
    """

    stage: Literal["listing", "copying", "deleting"] = "listing"
    done: int = 0
    total: int = 0
    resumed: int = 0
    objects: int = 0
    of: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> int:
        """Objects that this run copied or deleted."""
        return self.objects - self.skipped - self.failed


@dataclass(frozen=True, slots=True)
class Observer:
    """An observer of a transfer, which may stop it.

    Attributes:
        update: called in the caller's thread, now and then.
        failed: called in the caller's thread with the error of one object of several.
        stop: once set, running tasks are finished and `Interrupted` is raised.
    """

    update: Callable[[Tally], None] = lambda _: None
    failed: Callable[[ImpastoError], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a task.

    Attributes:
        objects: how many it dealt with.
        resumed: bytes that an earlier run copied, so that there was nothing to do; else None.
        errors: the errors of those of its objects that failed.
    """

    objects: int = 1
    resumed: int | None = None
    errors: Sequence[ImpastoError] = ()


DONE = Outcome()


class TransferQueue:
    """Tasks, from their listing to the end.

    Attributes:
        tally: how far it is.
    """

    def __init__(self, stage: Literal["copying", "deleting"], watch: Observer) -> None:
        self.tally = Tally()
        self._stage, self._watch = stage, watch
        self._began = time.perf_counter()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def note(self, line: str) -> None:
        """Add a warning about the sources."""
        self.tally.warnings += (line,)

    def listed(self, stats: Iterable[Stat]) -> Iterator[Stat]:
        """Pass a listing on, and show how long it is so far; raises Interrupted."""
        for stat in stats:
            if self.tally.of % 1000 == 0:
                self._tell()
                self._check_stop()
            self.tally.of += 1
            yield stat

    def add(self, count: int) -> None:
        """Count bytes, or objects, from any thread."""
        with self._lock:
            self.tally.done += count

    def do(
        self,
        items: Sequence[Item],
        act: Callable[[Item], Outcome],
        weight: Callable[[Item], int],
        *,
        of: int,
        total: int,
    ) -> Tally:
        """Do every task, whatever happens to the others.

        Args:
            items: what there is to do.
            act: does one, in a thread; what it raises is the error of its only object.
            weight: bytes of a task that are in flight at once.
            of: how many objects there are.
            total: what `add` will have counted in the end.

        Raises:
            Incomplete: some of several objects failed; if there was only one, its own error is
                raised.
            Interrupted: the user stopped it.
        """
        tally = self.tally
        tally.stage, tally.of, tally.total = self._stage, of, total
        self._tell()
        first: ImpastoError | None = None
        in_a_row = 0
        for future in self._ended(items, act, weight):
            outcome = _outcome(future)
            self._count(outcome)
            for error in outcome.errors:
                first = first or error
                in_a_row = in_a_row + 1 if isinstance(error, Unavailable) else 0
            if not outcome.errors:
                in_a_row = 0
            if in_a_row >= GIVE_UP:
                self._over.set()
            self._tell()
        self._conclude(first)
        return tally

    def _ended(
        self,
        items: Sequence[Item],
        act: Callable[[Item], Outcome],
        weight: Callable[[Item], int],
    ) -> Iterator[Future[Outcome]]:
        """Start tasks as there is room, and yield each one that has ended."""
        running: dict[Future[Outcome], int] = {}
        waiting = list(reversed(items))
        pool = ThreadPoolExecutor(MANY, "work")
        try:
            while True:
                while waiting and not (self._watch.stop.is_set() or self._over.is_set()):
                    more = weight(waiting[-1])
                    full = len(running) == MANY or sum(running.values()) + more > BUDGET
                    if running and full:
                        break
                    running[pool.submit(act, waiting.pop())] = more
                if not running:
                    return
                ended, _ = wait(running, TICK, FIRST_COMPLETED)
                self._tell()
                for future in ended:
                    del running[future]
                    yield future
        finally:
            # Without waiting, since a user who interrupts does not want to wait.
            pool.shutdown(wait=False, cancel_futures=True)

    def _count(self, outcome: Outcome) -> None:
        tally = self.tally
        tally.objects += outcome.objects
        tally.failed += len(outcome.errors)
        if outcome.resumed is not None:
            tally.skipped += 1
            tally.resumed += outcome.resumed
            self.add(outcome.resumed)
        for error in outcome.errors if tally.of > 1 else ():
            self._watch.failed(error)

    def _conclude(self, first: ImpastoError | None) -> None:
        self._check_stop()
        tally = self.tally
        if first and tally.of == 1:
            raise first
        if first:
            left = tally.of - tally.objects + tally.failed
            raise Incomplete(
                f"{left} of {tally.of} objects were not {VERBS[self._stage]}, the first: {first}",
                "run the same command to try them again",
            )

    def _check_stop(self) -> None:
        tally = self.tally
        listing = tally.stage == "listing"
        if self._watch.stop.is_set() and (listing or tally.objects < tally.of):
            fact = "nothing was done yet" if listing else f"{tally.objects} of {tally.of} are done"
            raise Interrupted(f"{self._stage}: stopped, {fact}", "run the same command to continue")

    def _tell(self) -> None:
        self.tally.seconds = time.perf_counter() - self._began
        self._watch.update(self.tally)


def _outcome(future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except ImpastoError as error:
        return Outcome(errors=[error])
