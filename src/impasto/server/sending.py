"""Files as answers: with ranges (RFC 9110), and so that no browser runs what is in them."""

from __future__ import annotations

import re
from email.utils import formatdate, parsedate_to_datetime
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from impasto.server.problems import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request
    from starlette.types import Receive, Scope, Send

    from impasto.server.access.caller import Caller
    from impasto.server.access.limits import Limits
    from impasto.server.content import Content

SHOWN = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".avi": "video/x-msvideo",
    ".ts": "video/mp2t",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
"""Types, by suffix, that browsers show and that run nothing."""
SAVED = {
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
    ".avif": "image/avif",
}
"""Types, by suffix, that are only offered to be saved, as is everything else."""
OTHER = "application/octet-stream"
ALONE = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox; "
    "frame-ancestors 'none'"
)
"""What a browser that opens such a file by itself may load: nothing but the file."""

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})")


class Sending(StreamingResponse):
    """Pieces of a file; its end is noted also where the client goes before it has come.

    Args:
        content: the file.
        part: the half-open range that is sent.
        ended: is called once nothing more is sent.
        status: the answer's status.
        headers: its headers.
        kind: its media type.
    """

    def __init__(
        self,
        content: Content,
        part: tuple[int, int],
        ended: Callable[[], None],
        status: int,
        headers: dict[str, str],
        kind: str,
    ) -> None:
        self._content, self._pieces, self._ended = content, content.part(*part), ended
        super().__init__(self._pieces, status, headers, kind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # No thread is reading any more. One whose reading has not begun closes nothing itself.
            self._pieces.close()
            self._content.close()
            self._ended()


def send(
    request: Request,
    content: Content,
    caller: Caller,
    limits: Limits,
    *,
    download: bool = False,
) -> Response:
    """Answer a request for a file: all of it, a range, or that nothing has changed.

    Args:
        request: the request, GET or HEAD.
        content: the file; it is closed once it is sent.
        caller: whom it is sent to.
        limits: how much callers may do.
        download: whether it is to be saved rather than shown.

    Raises:
        Refused: the range is not in the file, or too many files are on their way to the caller.
    """
    headers = _headers(content, download=download)
    if _known(request.headers.get("if-none-match", ""), content):
        content.close()
        return Response(status_code=304, headers=headers)
    kind = headers.pop("Content-Type")
    given = request.headers.get("range", "") if request.method == "GET" else ""
    try:
        part = wanted(given, content.size) if _still(request, content) else None
    except Refused:
        content.close()
        raise
    start, stop = part or (0, content.size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    status = 206 if part else 200
    if request.method == "HEAD" or start == stop:
        content.close()
        return Response(status_code=status, headers=headers, media_type=kind)
    if not limits.files.take(caller.id):
        content.close()
        raise Refused(
            429, "too many files are on their way to you", "read them", {"Retry-After": "5"}
        )
    ended = partial(limits.files.give, caller.id)
    return Sending(content, (start, stop), ended, status, headers, kind)


def wanted(header: str, size: int) -> tuple[int, int] | None:
    """Return the half-open range that a header asks for; None is the whole file.

    What is no single range of bytes is ignored, as RFC 9110 allows.

    Raises:
        Refused: the range is not in the file; 416.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        if match[2] and int(match[2]) < start:
            return None
        stop = min(int(match[2]) + 1, size) if match[2] else size
    if start >= stop:
        raise Refused(
            416,
            "the range is not in the file",
            f"the file has {size:,} bytes",
            {"Content-Range": f"bytes */{size}"},
        )
    return start, stop


def disposition(name: str, *, download: bool) -> str:
    """Return the header that names a file, as RFC 6266 writes it."""
    way = "attachment" if download else "inline"
    plain = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", name)
    exact = quote(name, safe="", errors="replace")
    return f"{way}; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def _headers(content: Content, *, download: bool) -> dict[str, str]:
    suffix = PurePosixPath(content.name).suffix.lower()
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(content.name, download=download or suffix not in SHOWN),
        "Content-Security-Policy": ALONE,
        "Content-Type": SHOWN.get(suffix) or SAVED.get(suffix, OTHER),
        "ETag": content.etag,
        "Last-Modified": formatdate(content.modified, usegmt=True),
        "X-Content-Type-Options": "nosniff",
    }


def _known(header: str, content: Content) -> bool:
    """Return whether a client has this version already."""
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return content.etag in tags or "*" in tags


def _still(request: Request, content: Content) -> bool:
    """Return whether a range is wanted of this version."""
    condition = request.headers.get("if-range", "").strip()
    if not condition or condition == content.etag:
        return True
    if condition.startswith(('"', "W/")):
        return False
    try:
        return int(parsedate_to_datetime(condition).timestamp()) == int(content.modified)
    except (ValueError, OverflowError):
        return False
