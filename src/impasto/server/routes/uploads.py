"""Uploads: straight to the store where it can sign a URL for that, else through the service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from impasto.errors import BadInput
from impasto.server import uploads
from impasto.server.access.guard import Submitter
from impasto.server.context import Here
from impasto.server.models.submitting import Upload, UploadRequest
from impasto.server.problems import Refused
from impasto.storage.presigned import presign
from impasto.storage.receiving import receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PIECE = 1 << 20
"""Bytes that are handed on at once."""
SILENCE = 60.0
"""Seconds for which a client may send nothing."""

AGAIN = "ask for an upload of that size"

router = APIRouter(prefix="/uploads", tags=["uploads"])


@router.post("", status_code=201)
def ask(given: UploadRequest, caller: Submitter, context: Here) -> Upload:
    """Begin an upload: announce a file, and be told where to send it."""
    slot = uploads.new_slot(context, caller, given.name, given.bytes)
    source = slot.source
    place = slot.base.child(slot.key)
    direct = presign(context.stores, place, slot.size, context.serve.upload_ends)
    if direct:
        return Upload(
            url=direct.url, headers=direct.headers, source=source, expires=float(slot.expires)
        )
    url = f"/v1/uploads/{uploads.id_of(context, caller, slot)}/{quote(slot.name, safe='')}"
    return Upload(url=url, source=source, expires=float(slot.expires))


@router.put("/{upload}/{name}", status_code=204)
async def take(
    upload: str, name: str, request: Request, caller: Submitter, context: Here
) -> Response:
    """Send a file that was announced; it is in its place once all of it has come."""
    slot = await run_in_threadpool(uploads.slot_of, context, caller, upload, name)
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise Refused(411, "the request does not say how long its body is", "add Content-Length")
    if int(length) != slot.size:
        raise Refused(413, f"{slot.size:,} bytes were announced, and {int(length):,} come", AGAIN)
    async with context.receiving.turn(request.is_disconnected, caller.party):
        arriving = _Arriving(request, asyncio.get_running_loop())
        try:
            await run_in_threadpool(
                receive, context.stores, slot.base, slot.key, arriving.parts, slot.size
            )
        finally:
            arriving.end()
    return Response(status_code=204)


class _Arriving:
    """A request's body, for a thread that takes one piece after the other."""

    def __init__(self, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self._stream: AsyncIterator[bytes] = request.stream()
        self._loop = loop
        self._ended = False

    def end(self) -> None:
        """Yield nothing more, since nobody waits for it."""
        self._ended = True

    def parts(self) -> Iterator[bytes]:
        """Yield the pieces.

        Raises:
            BadInput: the client has gone, or has been silent for too long.
        """
        while not self._ended:
            piece = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            if not piece:
                return
            yield piece
        raise BadInput("the upload was broken off", "send it again")

    async def _next(self) -> bytes:
        held = bytearray()
        try:
            async with asyncio.timeout(SILENCE):
                while len(held) < PIECE:
                    part = await anext(self._stream, None)
                    if part is None:
                        break
                    held += part
        except (ClientDisconnect, TimeoutError):
            raise BadInput("the upload was broken off", "send it again") from None
        return bytes(held)
