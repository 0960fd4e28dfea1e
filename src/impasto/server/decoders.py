"""Processes that make pictures, and are kept for a while, since codecs take long to load.

A picture that crashes a codec, hangs it, or needs too much memory ends its process and one request.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from impasto.engines.process import output_file, start_python
from impasto.machine import open_standard_streams
from impasto.server.children import Kind, answered, ended, failed, resident
from impasto.server.turns import pause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from impasto.settings import Settings

MOST = 200
"""Pictures after which a process is replaced, so that nothing accumulates."""


def decoding() -> Kind:
    """Return what one of the processes may use, and how many there are."""
    return Kind("pictures", 2, 32, 2, seconds=30.0, memory=4 << 30, answer=16 << 20)


class Decoders:
    """Makes pictures in processes that are kept for a while.

    Attributes:
        kind: what each may use.
    """

    def __init__(self, settings: Settings) -> None:
        """Keep what the processes are told; none is started yet.

        Args:
            settings: how stores are reached.
        """
        self._settings = settings
        self._idle: list[_Decoder] = []
        self.kind = decoding()

    async def ask(self, left: Callable[[], Awaitable[bool]], whose: str, **given: Any) -> bytes:
        """Make a picture, and return its JPEG file.

        Args:
            left: tells whether the client has gone, such as `Request.is_disconnected`.
            whose: the party that asks, as in `Caller.party`.
            given: as `impasto.server.work.pictures.Pictures.picture` takes it.

        Raises:
            ImpastoError: there is no such picture, or it cannot be read.
            Refused: too many wait already, or the client has gone.
        """
        async with self.kind.turn(left, whose):
            decoder = self._take(given["job"], given["shard"])
            try:
                answer = await decoder.ask(json.dumps(given).encode(), left)
            except BaseException:
                # Also where the client has gone: what it decodes now is of no use.
                decoder.stop()
                raise
            decoder.last = given["job"], given["shard"]
            if decoder.asked < MOST:
                self._idle.append(decoder)
            else:
                decoder.stop()
        return answered(answer)

    def close(self) -> None:
        """End all that have nothing to do; the others end with their requests."""
        while self._idle:
            self._idle.pop().stop()

    def _take(self, job: str, shard: int) -> _Decoder:
        """Take a process, best the one that has just read the same shard."""
        for each in [*self._idle]:
            if not each.alive:
                self._idle.remove(each)
                each.stop()
        best = next((each for each in self._idle if each.last == (job, shard)), None)
        best = best or (self._idle[0] if self._idle else None)
        if best is None:
            return _Decoder(self._settings, self.kind)
        self._idle.remove(best)
        return best


class _Decoder:
    """One process.

    Attributes:
        last: the job and the shard that it read last.
        asked: how many pictures it was asked for.
    """

    def __init__(self, settings: Settings, kind: Kind) -> None:
        open_standard_streams()
        ours, theirs = socket.socketpair()
        self._said = output_file()
        self._kind = kind
        code = f"from impasto.server.work.decoding import serve; serve({theirs.fileno()})"
        with theirs:
            self._process = start_python(code, theirs, self._said)
        self._conn = Connection(ours.detach())
        told = {
            "settings": settings.model_dump(mode="json"),
            "queries": settings.signatures.reveal(),
        }
        self._conn.send_bytes(json.dumps(told).encode())
        self.last: tuple[str, int] | None = None
        self.asked = 0

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as it does when nobody asks for long."""
        return self._process.poll() is None

    async def ask(self, request: bytes, left: Callable[[], Awaitable[bool]]) -> bytes:
        """Return its answer; raises BadInput if it ends, or exceeds a limit."""
        self.asked += 1
        with suppress(OSError):
            self._conn.send_bytes(request)
        coming = asyncio.create_task(asyncio.to_thread(self._receive))
        try:
            until = time.monotonic() + self._kind.seconds
            while not coming.done():
                if time.monotonic() > until:
                    raise failed(self._kind, f"took more than {self._kind.seconds:g} seconds")
                if resident(self._process.pid) > (self._kind.memory or 0):
                    raise failed(self._kind, "needed too much memory")
                await pause(left)
        finally:
            if not coming.done():
                self._kill()
            answer = await asyncio.shield(coming)
        if answer is None:
            raise ended(self._kind, self._process.wait(), self._said)
        return answer

    def stop(self) -> None:
        """End it at once."""
        self._kill()
        self._conn.close()
        self._process.wait()
        self._said.close()

    def _receive(self) -> bytes | None:
        """Wait for its answer; None if it has ended, or answers too much."""
        try:
            return self._conn.recv_bytes(self._kind.answer)
        except (EOFError, OSError):
            self._kill()
            return None

    def _kill(self) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
