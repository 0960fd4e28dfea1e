"""A followed job: looked at once for all streams that follow it."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from impasto.errors import ImpastoError
from impasto.jobs.log_filter import LogFilter
from impasto.jobs.state import last_word
from impasto.schema.events import Cancelled, Finished, Stopped
from impasto.server.board.rows import Shards, job_detail, job_row, running
from impasto.server.logs.places import LogObjects
from impasto.server.logs.reader import LogReader
from impasto.server.models.events import EndEvent, LogEvent, PreviewsEvent, ShardsEvent
from impasto.server.models.items import SHOWN, PreviewPair
from impasto.server.streaming.message import Message, message
from impasto.server.streaming.shared import SharedMessages

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from impasto.jobs.listing import Listing
    from impasto.jobs.log_words import Level
    from impasto.server.board.board import Board
    from impasto.server.board.kept import KeptJob
    from impasto.server.models.jobs import JobDetail, JobRow

QUIET = 5.0
"""Seconds without a new object after which the log of a job that has ended counts as complete."""
PAGE = 256 << 10
"""Bytes of a log that one message holds, unless a single write to the log was larger."""
SHARED = 64
"""Objects of a log at most in one message. Messages begin and end where others' do, so that clients
who read a log from its beginning share them."""
VERSIONS = 300
"""Changes of shards that are remembered."""


class Follower:
    """One job, for all streams that follow it; used on the event loop.

    Attributes:
        waiting: set when something is new: one event per stream.
        objects: the objects of its log.
        detail: all else that is known of it, as a message with its version.
        previews: its pairs of pictures, likewise.
        version: of its shards.
        end: how it ended, with a number of its own for each end; None while it goes on.
        began: set once it was looked at.
    """

    def __init__(self, board: Board, job_id: str) -> None:
        self.waiting: set[asyncio.Event] = set()
        self.objects = LogObjects()
        self.detail = self.previews = Message(0, b"")
        self.version = 0
        self.end: Message | None = None
        self.began = False
        self._board, self._id = board, job_id
        self._job: KeptJob = board.follow(job_id)
        self._reader = LogReader(self._job)
        self._looks, self._ends, self._grew = (-1, False), 0, time.monotonic()
        self._known = False
        self._shown: JobDetail | None = None
        self._shards = Shards(None, {}, {}, {}, {}, {}, {})
        self._changes: list[tuple[int, set[int]]] = []
        self._shard_messages: dict[int, bytes] = {}
        self._pairs: list[int] = []
        self._messages = SharedMessages()

    def close(self) -> None:
        """Follow it no longer."""
        self._board.unfollow(self._id)

    def take_in(self) -> bool:
        """Take in what the board's last look found; returns whether anything is new.

        Called in a thread, once at a time.
        """
        there = self._id in self._board.peek().by_id
        self._known, gone = self._known or there, self._known and not there
        if not gone:
            self._job = self._board.kept(self._id)
        with self._job.lock:
            if not self._job.looks:
                self._job.look()
            if (self._job.looks, gone) == self._looks and self.end is not None:
                return False
            self._looks = (self._job.looks, gone)
            listing = self._job.listing()
            if self.objects.add(listing):
                self._grew = time.monotonic()
            row = None if gone else job_row(self._job)
            self._take_state(row, listing)
            if row is not None and row.readable:
                with suppress(ImpastoError):
                    self._take_parts(row, listing)
        self.began = True
        return True

    def shards_since(self, version: int) -> bytes:
        """Return the message of the shards that changed since a version; 0 or less is all."""
        if version not in self._shard_messages:
            known = [shards for at, shards in self._changes if at > version]
            whole = version <= 0 or len(known) != self.version - version
            chosen = None if whole else set().union(*known)
            event = ShardsEvent(shards=self._shards.rows(chosen), whole=whole)
            self._shard_messages[version] = message("shards", event)
        return self._shard_messages[version]

    def some(self, numbers: Sequence[int]) -> list[int]:
        """Return the first of some objects of the log, as many as one message holds."""
        size, some = 0, list[int]()
        for number in numbers:
            size += self.objects.found[number].size
            if some and (size > PAGE or number // SHARED != some[0] // SHARED):
                break
            some.append(number)
        return some

    async def page(self, numbers: Sequence[int], level: Level, *, whole: bool) -> bytes:
        """Return the message of some objects of the log; b"" if none of their lines matter.

        Raises:
            Unavailable: the store does not answer.
        """
        read = partial(self._read, numbers, level, whole)
        return await self._messages.get((*numbers, level, whole), read)

    def _read(self, numbers: Sequence[int], level: Level, whole: bool) -> bytes:
        objects = [self.objects.found[number] for number in numbers]
        lines = [line for page in self._reader.lines(objects, LogFilter(level)) for line in page]
        return message("log", LogEvent(lines=lines, whole=whole)) if lines or whole else b""

    def _take_state(self, row: JobRow | None, listing: Listing) -> None:
        """Find out whether the job has ended, and its log is complete."""
        if row is not None and not self._has_ended(row, listing):
            self.end = None
            return
        event = EndEvent(state=row.state if row else "removed", error=row.error if row else "")
        data = message("end", event)
        if self.end is None or self.end.data != data:
            self._ends += 1
            self.end = Message(self._ends, data)

    def _has_ended(self, row: JobRow, listing: Listing) -> bool:
        if not row.readable:
            return True
        if row.state in {"running", "waiting"}:
            return False
        last = last_word(self._job, listing)
        if row.state == "stopped" and last is None:
            return False
        said = isinstance(last, Finished | Stopped | Cancelled)
        return said or time.monotonic() - self._grew > QUIET

    def _take_parts(self, row: JobRow, listing: Listing) -> None:
        detail = job_detail(self._job, row)
        if detail != self._shown:
            self._shown = detail
            self.detail = Message(self.detail.version + 1, message("detail", detail))
        shards = Shards.of(self._job, running(detail.drivers))
        if (changed := shards.changed(self._shards)) or not self.version:
            self._shards = shards
            self._changes = [*self._changes[-VERSIONS:], (self.version + 1, changed)]
            self._shard_messages = {}
            self.version += 1
        pairs = sorted(listing.previews)[:SHOWN]
        if pairs != self._pairs or not self.previews.version:
            self._pairs = pairs
            event = PreviewsEvent(pairs=[PreviewPair(item=item) for item in pairs])
            self.previews = Message(self.previews.version + 1, message("previews", event))
