"""What all streams of a process share: one message for many, and one look at each followed job."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError
from impasto.server.models.events import JobsEvent
from impasto.server.problems import Refused
from impasto.server.streaming.follower import Follower
from impasto.server.streaming.message import message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from impasto.server.board.board import Board
    from impasto.server.models.jobs import JobRow

LOOK = 1.0
"""Seconds after which a job that may have ended is thought about again without news."""


MOST = 250
"""Streams that a caller may have open at once, at one instance."""


class Hub:
    """Shared by all streams; used on the event loop, but for `close`.

    Attributes:
        board: what is known of all jobs.
        closing: whether streams are to end.
        open: how many streams there are.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.closing = False
        self.open = 0
        self._waiting: set[asyncio.Event] = set()
        self._callers: Counter[str] = Counter()
        self._followers: dict[str, Follower] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: Callable[[], None] = lambda: None
        self._at = -1
        self._made: dict[tuple[str, int], bytes] = {}

    def close(self) -> None:
        """End all streams; may be called by any thread, and by a handler of signals."""
        self.closing = True
        if self._loop:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ring)

    def check_room(self, caller: str) -> None:
        """Raise Refused with 429 if a caller has too many streams open."""
        if self._callers[caller] >= MOST:
            raise Refused(429, f"you have {MOST} streams open", "close some", {"Retry-After": "5"})

    @asynccontextmanager
    async def listening(self, bell: asyncio.Event, caller: str) -> AsyncIterator[None]:
        """Set an event at each news of the board, until the end of the block.

        Args:
            bell: the event.
            caller: the id of who listens.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._leave = self.board.listen(partial(_call, self._loop, self._ring))
        self._waiting.add(bell)
        self.open += 1
        self._callers[caller] += 1
        try:
            yield
        finally:
            self.open -= 1
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]
            self._waiting.discard(bell)
            if not self._waiting:
                self._leave()
                self._loop = None

    @asynccontextmanager
    async def following(self, job_id: str, bell: asyncio.Event) -> AsyncIterator[Follower]:
        """Follow a job until the end of the block; sets the event at its news."""
        follower = self._followers.get(job_id)
        if follower is None:
            follower = self._followers[job_id] = Follower(self.board, job_id)
            self._tasks[job_id] = asyncio.ensure_future(self._follow(follower))
        follower.waiting.add(bell)
        try:
            yield follower
        finally:
            follower.waiting.discard(bell)
            if not follower.waiting and self._followers.get(job_id) is follower:
                del self._followers[job_id]
                self._tasks.pop(job_id).cancel()
                follower.close()

    def jobs_since(self, tenant: str, version: int) -> tuple[int, bytes]:
        """Return the version of the board, and the message of what changed since another.

        Args:
            tenant: whose jobs; "" for all.
            version: -1 for all jobs.

        Returns:
            The message is b"" if nothing has changed that concerns the tenant.
        """
        now = self.board.peek()
        if version == now.version:
            return version, b""
        if self._at != now.version:
            self._at, self._made = now.version, {}
        key = (tenant, version)
        if key not in self._made:
            changed = self.board.changed_since(version) if version >= 0 else None
            if changed is None and version >= 0:
                self._made[key] = self.jobs_since(tenant, -1)[1]
            else:
                self._made[key] = _jobs_message(now.by_id, now.rows, tenant, changed)
        return now.version, self._made[key]

    def _ring(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
        for bell in self._waiting:
            bell.set()

    async def _follow(self, follower: Follower) -> None:
        while True:
            news = self._news
            with suppress(ImpastoError):
                if await asyncio.to_thread(follower.take_in):
                    for bell in [*follower.waiting]:
                        bell.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await news.wait()


def _call(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(ring)


def _jobs_message(
    by_id: Mapping[str, JobRow],
    rows: Sequence[JobRow],
    tenant: str,
    changed: Mapping[str, str] | None,
) -> bytes:
    if changed is None:
        seen = [row for row in rows if tenant in ("", row.tenant)]
        return message("jobs", JobsEvent(rows=seen, whole=True))
    mine = [job for job, whose in changed.items() if tenant in ("", whose)]
    if not mine:
        return b""
    there = [by_id[job] for job in mine if job in by_id]
    return message("jobs", JobsEvent(rows=there, gone=[job for job in mine if job not in by_id]))
