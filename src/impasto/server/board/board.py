"""The board: one row per job of a home, kept fresh by one thread however many clients look.

A rare listing of all jobs compares a number per job without reading anything; a listing of names
alone finds new and deleted ones. Only jobs that run, were submitted a moment ago or are followed
are listed in each round, and a job is read again only once its objects have changed.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, OrderedDict, deque
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

from impasto.errors import BadInput, ImpastoError, Unavailable
from impasto.jobs.find import ids
from impasto.jobs.keys import JOB
from impasto.server.board.kept import KeptJob
from impasto.server.board.rows import job_row, unreadable
from impasto.server.board.snapshot import Change, Snapshot
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from impasto.jobs.listing import Listing
    from impasto.server.board.snapshot import Observer
    from impasto.server.models.jobs import JobRow
    from impasto.storage.store import Store

ROUND, ROUND_IN_STORE = 1.0, 2.0
"""Seconds between two rounds while somebody looks."""
NAMES, FULL, FULL_IN_STORE = 3.0, 3.0, 10.0
"""Seconds between two listings of the jobs' names, and of all that jobs hold."""
IDLE = 60.0
"""Seconds between two rounds while nobody looks."""
PART = 20
"""How many times as long as a listing of all the pause after it is; after a round, a tenth."""
ATTENTION = 30.0
"""Seconds for which somebody who has asked counts as looking."""
RECENT, RECENT_MOST = 120.0, 50
"""Seconds for which a job that nobody drives yet is looked at in each round, and how many are."""
SETTLED = 30.0
"""Seconds after its last change for which a done job that is followed is looked at each round."""
FRESH, FIRST = 5.0, 30.0
"""Seconds that a caller waits for a round after a pause, and for the very first one."""
KEPT = 32
"""Jobs whose records stay in memory although they neither run nor are followed."""
SHOW = 0.5
"""Seconds after which a long round shows what it has found so far."""
CHANGES = 1000
"""How many versions of the board are remembered, so that streams can resume."""


class Board:
    """All jobs of a home; methods may be called by any thread.

    Attributes:
        instance: tells this board's versions from those of another process.
        observer: is told what is found, or None; set before the board starts.
    """

    def __init__(self, home: Store) -> None:
        self.instance = secrets.token_hex(4)
        self.observer: Observer | None = None
        self._home, self._local = home, home.place.local
        self._lock = threading.Condition()
        self._state = Snapshot(0, (), MappingProxyType({}))
        self._rows: dict[str, JobRow] = {}
        self._dirty: dict[str, str] = {}
        self._changes: deque[Change] = deque(maxlen=CHANGES)
        self._marks: dict[str, int] = {}
        self._kept: OrderedDict[str, KeptJob] = OrderedDict()
        self._followed: Counter[str] = Counter()
        self._bells: set[Callable[[], None]] = set()
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._rounds, self._round_at = 0, -IDLE
        self._seen = self._next_full = self._next_names = self._checked = -IDLE
        self._error: ImpastoError | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to keep the rows fresh, if that has not begun."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="board")
                self._thread.start()

    def close(self) -> None:
        """Keep them fresh no longer; a request that hangs is not waited for."""
        self._stopped.set()
        self._wake.set()
        if self._thread:
            self._thread.join(1.0)

    def peek(self) -> Snapshot:
        """Return what is known, which may be a minute old if nobody looks."""
        return self._state

    def now(self) -> Snapshot:
        """Return what is known, a few seconds old at most.

        Raises:
            Unavailable: the store does not answer.
        """
        self.start()
        with self._lock:
            idle = time.monotonic() - self._seen > ATTENTION
            self._seen = time.monotonic()
            rounds = self._rounds
            if not rounds or (idle and time.monotonic() - self._round_at > ROUND_IN_STORE):
                self._next_full = self._seen
                self._wake.set()
                most = FRESH if rounds else FIRST
                self._lock.wait_for(lambda: self._rounds > rounds or self._error, most)
            if self._error and time.monotonic() - self._round_at > ATTENTION:
                raise self._error
            if not self._rounds:
                raise self._error or Unavailable(
                    f"{self._home.place}: its jobs are still being listed", "try again"
                )
        return self._state

    def check(self) -> None:
        """Raise Unavailable unless the store answers, or has answered a moment ago."""
        with self._lock:
            known = time.monotonic() - max(self._round_at, self._checked) < ROUND_IN_STORE
        if not known:
            self._home.stat("access/first.json")
            self._checked = time.monotonic()

    def look(self, job_id: str) -> JobRow | None:
        """Look at a job now, because it was changed; returns its row, or None if it is gone."""
        row = self._look(job_id)
        self._publish()
        return row

    def kept(self, job_id: str) -> KeptJob:
        """Return a job whose records stay in memory; lock it, and look, before reading it."""
        with self._lock:
            job = self._kept.get(job_id) or KeptJob(self._home, job_id)
            self._kept[job_id] = job
            self._kept.move_to_end(job_id)
            spare = [each for each in self._kept if not self._is_live(each)]
            for each in spare[: max(0, len(spare) - KEPT)]:
                if each != job_id:
                    del self._kept[each]
            return job

    def follow(self, job_id: str) -> KeptJob:
        """Look at a job in each round until `unfollow` is called as often."""
        self.start()
        with self._lock:
            self._followed[job_id] += 1
        self._wake.set()
        return self.kept(job_id)

    def unfollow(self, job_id: str) -> None:
        """Look at a job only as its state demands again."""
        with self._lock:
            self._followed[job_id] -= 1
            if self._followed[job_id] <= 0:
                del self._followed[job_id]

    def listen(self, bell: Callable[[], None]) -> Callable[[], None]:
        """Call a function after each round, and each change, until the returned one is called."""
        self.start()
        with self._lock:
            self._bells.add(bell)
        self._wake.set()
        return lambda: self._bells.discard(bell)

    def changed_since(self, version: int) -> dict[str, str] | None:
        """Return the tenants of the jobs that changed since a version, by id.

        Returns None if that is no longer known.
        """
        with self._lock:
            if version == self._state.version:
                return {}
            known = [each for each in self._changes if each.version > version]
            if version > self._state.version or not known or known[0].version != version + 1:
                return None
            return {job: tenant for each in known for job, tenant in each.jobs.items()}

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            began = time.monotonic()
            error: ImpastoError | None = None
            try:
                self._round(began)
            except ImpastoError as met:
                error = met
            except Exception as met:  # noqa: BLE001 (nothing may end the thread)
                error = Unavailable(f"the list of jobs: {type(met).__name__}: {met}", "report this")
            took = time.monotonic() - began
            if self.observer:
                self.observer.round_ended(well=error is None)
            self._tell(error)
            pace = ROUND if self._local else ROUND_IN_STORE
            pause = max(pace, took * PART / 10)
            while not self._wake.wait(pause) and not self._attended():
                pause = IDLE - (time.monotonic() - began)
                if pause <= 0:
                    break

    def _attended(self) -> bool:
        return bool(self._bells) or time.monotonic() - self._seen < ATTENTION

    def _tell(self, error: ImpastoError | None) -> None:
        with self._lock:
            self._error = error
            if error is None:
                self._rounds += 1
                self._round_at = time.monotonic()
            self._lock.notify_all()
            bells = [*self._bells]
        for bell in bells:
            with suppress(RuntimeError):
                # Its event loop may have ended.
                bell()

    def _round(self, now: float) -> None:
        """Look at what may have changed."""
        due: set[str] = set()
        if now >= self._next_full or not self._attended():
            due |= self._compare()
            took = time.monotonic() - now
            self._next_full = now + took + max(FULL if self._local else FULL_IN_STORE, took * PART)
            self._next_names = now + NAMES
        elif now >= self._next_names:
            self._next_names = now + NAMES
            due |= self._gone_and_new({*ids(self._home)})
        due |= self._live()
        shown = time.monotonic()
        for _ in self._each(due):
            if time.monotonic() - shown > SHOW:
                shown = time.monotonic()
                self._publish()
        self._publish()

    def _each(self, due: Iterable[str]) -> Iterable[object]:
        if self._local:
            return map(self._look, due)
        return in_order(self._look, due, MANY)

    def _live(self) -> set[str]:
        """Return the jobs that each round looks at."""
        now = time.time()
        with self._lock:
            live = {job for job in {*self._rows, *self._followed} if self._is_live(job)}
            recent = [
                row.job
                for row in self._state.rows
                if row.state in {"waiting", "stopped"}
                and row.readable
                and now - row.changed < RECENT
            ]
        return live | {*recent[:RECENT_MOST]}

    def _is_live(self, job_id: str) -> bool:
        row = self._rows.get(job_id)
        if row is None or row.state == "running":
            return row is not None or job_id in self._followed
        ended = row.state == "done" and time.time() - row.changed > SETTLED
        return job_id in self._followed and not ended

    def _compare(self) -> set[str]:
        """Return the jobs whose objects differ from what they were at the last look."""
        marks: dict[str, int] = {}
        for stat in self._home.walk_ours("jobs"):
            _, _, rest = stat.key.partition("/")
            job, _, key = rest.partition("/")
            if key and JOB.fullmatch(job):
                marks[job] = marks.get(job, 0) + hash((key, stat.size, stat.modified))
        self._gone_and_new({*marks})
        return {job for job, mark in marks.items() if self._marks.get(job) != mark}

    def _gone_and_new(self, known: set[str]) -> set[str]:
        """Forget the jobs that are gone; returns those that are new."""
        with self._lock:
            gone, new = self._marks.keys() - known, known - self._marks.keys()
        for job in gone:
            self._put(job, None)
            with self._lock:
                self._marks.pop(job, None)
        return new

    def _look(self, job_id: str) -> JobRow | None:
        job = self.kept(job_id)
        with job.lock:
            mark = 0
            try:
                mark = _mark(job.look())
                same = self._marks.get(job_id) == mark and not self._is_live(job_id)
                row = self._rows.get(job_id) if same else job_row(job)
                if self.observer and row and not same:
                    self.observer.looked(job, row)
            except BadInput as error:
                row = unreadable(job_id, error)
            with self._lock:
                self._marks[job_id] = mark
            self._put(job_id, row)
        return row

    def _put(self, job_id: str, row: JobRow | None) -> None:
        with self._lock:
            before = self._rows.get(job_id)
            if before == row:
                return
            if known := row or before:
                self._dirty[job_id] = known.tenant
            if row:
                self._rows[job_id] = row
                return
            self._rows.pop(job_id, None)
            self._kept.pop(job_id, None)
            if self.observer:
                self.observer.gone(job_id)

    def _publish(self) -> None:
        with self._lock:
            if not self._dirty:
                return
            version = self._state.version + 1
            rows = tuple(sorted(self._rows.values(), key=lambda row: (-row.started, row.job)))
            self._state = Snapshot(version, rows, MappingProxyType(dict(self._rows)))
            self._changes.append(Change(version, self._dirty))
            self._dirty = {}
            bells = [*self._bells]
        for bell in bells:
            with suppress(RuntimeError):
                bell()


def _mark(listing: Listing) -> int:
    """Return the number that a listing of all gives a job of these objects."""
    return sum(hash((key, size, listing.times[key])) for key, size in listing.sizes.items())
