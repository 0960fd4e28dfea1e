"""One stream of server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Response

from impasto.errors import ImpastoError
from impasto.server.logs.places import Place
from impasto.server.problems import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from starlette.types import Receive, Scope, Send

    from impasto.jobs.log_words import Level
    from impasto.server.access.caller import Caller
    from impasto.server.streaming.follower import Follower
    from impasto.server.streaming.hub import Hub

PING = 15.0
"""Seconds after which a stream without news says that it lives."""
PIECE = 1 << 16
"""Bytes that are sent at once; what a server keeps for a client that is slow to read."""
SLOW = 30.0
"""Seconds in which a client must take a piece; it may resume after that."""
CHECK = 5.0
"""Seconds between two checks whether the caller may still see what is streamed."""
RETRY = b"retry: 1000\n\n"
_LONGEST = 1 << 16


@dataclass(slots=True)
class Wanted:
    """What a stream is for.

    Attributes:
        caller: who reads it.
        check: returns who that is now; raises Refused once the token is valid no longer.
        job: the followed job's id, or "".
        level: the least that lines of its log matter.
        log_only: whether only that job's log is sent, until the job ends.
        last: the id of the last message that the client has, or "".
    """

    caller: Caller
    check: Callable[[], Caller]
    job: str = ""
    level: Level = "debug"
    log_only: bool = False
    last: str = ""


@dataclass(slots=True)
class _At:
    """How far a stream is."""

    jobs: int = -1
    detail: int = 0
    shards: int = 0
    previews: int = 0
    end: int = 0
    place: Place | None = None
    whole: bool = False
    pending: list[int] | None = None
    read: int = 0
    bell: asyncio.Event = field(default_factory=asyncio.Event)


class Stream(Response):
    """A response that goes on until its client leaves, or may not see it any more."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, wanted: Wanted) -> None:
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._hub, self._wanted, self._at = hub, wanted, _At()
        self._left = False
        board, _, place = wanted.last[:_LONGEST].partition("/")
        instance, _, version = board.partition("-")
        if instance == hub.board.instance and version.isascii() and version.isdigit():
            self._at.jobs = int(version[:15])
        self._at.place = Place.parse(place)
        self._at.whole = self._at.place is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send messages until the end."""
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
        )
        watching = asyncio.ensure_future(self._watch(receive))
        checking = asyncio.ensure_future(self._check())
        try:
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    # What waits for a slow client is a piece, not a whole list of jobs each.
                    for start in range(0, len(chunk), PIECE):
                        piece = chunk[start : start + PIECE]
                        body = {"type": "http.response.body", "body": piece, "more_body": True}
                        async with asyncio.timeout(SLOW):
                            await send(body)
            if not self._left:
                async with asyncio.timeout(SLOW):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, OSError):
            # It is too slow, or gone; its place is in the id of the last message that it has.
            pass
        finally:
            watching.cancel()
            checking.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._leave()

    async def _check(self) -> None:
        """End the stream once its caller may not see it any more."""
        while not self._left:
            await asyncio.sleep(CHECK)
            try:
                caller = await asyncio.to_thread(self._wanted.check)
            except Refused:
                self._leave()
            except ImpastoError:
                # The control store does not answer, which says nothing about the caller.
                pass
            else:
                if caller.tenant != self._wanted.caller.tenant:
                    self._leave()

    def _leave(self) -> None:
        self._left = True
        self._at.bell.set()

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        bell = self._at.bell
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._hub.listening(bell, self._wanted.caller.id))
            follower = None
            if job := self._wanted.job:
                follower = await stack.enter_async_context(self._hub.following(job, bell))
            yield RETRY
            while not self._left and not self._hub.closing:
                bell.clear()
                told = False
                async for chunk in self._turn(follower):
                    told = True
                    if len(chunk) <= PIECE:
                        yield chunk + self._id()
                    else:
                        # Long ones are the same bytes for many clients.
                        yield chunk
                        yield self._id()
                if self._wanted.log_only and self._at.end:
                    return
                if told or self._left or self._hub.closing:
                    continue
                try:
                    async with asyncio.timeout(PING):
                        await bell.wait()
                except TimeoutError:
                    yield b": ping\n\n"

    async def _turn(self, follower: Follower | None) -> AsyncIterator[bytes]:
        """Yield the messages of what is new, each without its id."""
        at = self._at
        if not self._wanted.log_only:
            at.jobs, data = self._hub.jobs_since(self._wanted.caller.tenant, at.jobs)
            if data:
                yield data
        if follower is None or not follower.began:
            return
        if not self._wanted.log_only:
            if follower.detail.version != at.detail:
                at.detail = follower.detail.version
                yield follower.detail.data
            if follower.version != at.shards:
                data, at.shards = follower.shards_since(at.shards), follower.version
                yield data
            if follower.previews.version != at.previews:
                at.previews = follower.previews.version
                yield follower.previews.data
        with suppress(ImpastoError):
            # What the store does not give now is sent in a later turn.
            async for data in self._log(follower):
                yield data
        end = follower.end
        unread = at.pending or at.read < len(follower.objects.found)
        if end and end.version != at.end and not unread:
            at.end = end.version
            yield end.data

    async def _log(self, follower: Follower) -> AsyncIterator[bytes]:
        """Yield the messages of what was not read yet of the log, a whole write at a time."""
        at, objects = self._at, follower.objects
        if at.pending is None:
            # Where a client resumes, what it lacks may lie between what it has.
            at.read = len(objects.found)
            at.place = at.place or Place()
            at.pending = objects.unread(at.place)
        while at.pending:
            some = follower.some(at.pending)
            data = await follower.page(some, self._wanted.level, whole=at.whole)
            at.place = objects.with_read(at.place or Place(), some)
            at.pending, at.whole = at.pending[len(some) :], False
            if data:
                yield data
        while at.read < len(objects.found):
            some = follower.some(range(at.read, len(objects.found)))
            data = await follower.page(some, self._wanted.level, whole=at.whole)
            at.read += len(some)
            at.place, at.whole = objects.after(at.read), False
            if data:
                yield data

    def _id(self) -> bytes:
        """Return the end of a message: the id from which a client that has it can resume."""
        place = f"/{self._at.place}" if self._at.place else ""
        return f"id: {self._hub.board.instance}-{max(0, self._at.jobs)}{place}\n\n".encode()
