"""The page: a fixed table of files that are read once; it holds no data, so it needs no token."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from impasto.server.problems import unknown

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

router = APIRouter(include_in_schema=False)

TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
"""Types by suffix; files with any other are not served."""
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page.

    Attributes:
        type: its media type.
        etag: of its content, quoted.
        data: its content.
        packed: the content as gzip, or b"" where that saves nothing.
    """

    type: str
    etag: str
    data: bytes
    packed: bytes


def _asset(name: str, data: bytes) -> Asset:
    packed = b"" if name.endswith(".woff2") else gzip.compress(data, mtime=0)
    etag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    return Asset(TYPES[name.rpartition(".")[2]], etag, data, packed)


def _walk(folder: Traversable, below: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _walk(entry, f"{below}{entry.name}/")
        elif entry.name.rpartition(".")[2] in TYPES:
            found[f"{below}{entry.name}"] = entry.read_bytes()
    return found


@cache
def assets() -> tuple[str, dict[str, Asset]]:
    """Return the release of the page, a digest of all of it, and its files by name."""
    found = _walk(files("impasto.server") / "static")
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0{hashlib.sha256(found[name]).hexdigest()}\n".encode())
    release = digest.hexdigest()[:12]
    # Modules import each other by relative URLs, so all of a release have its digest in theirs.
    found["index.html"] = found["index.html"].replace(b"/static/", f"/static/{release}/".encode())
    return release, {name: _asset(name, data) for name, data in found.items()}


def _send(request: Request, asset: Asset, caching: str) -> Response:
    headers = {
        "Cache-Control": caching,
        "ETag": asset.etag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    known = (each.strip() for each in request.headers.get("if-none-match", "").split(","))
    # Proxies that compress an answer make its validator a weak one.
    if asset.etag in {each.removeprefix("W/") for each in known}:
        return Response(status_code=304, headers=headers)
    coding = request.headers.get("accept-encoding", "")
    if asset.packed and "gzip" in coding:
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, headers=headers, media_type=asset.type)
    return Response(asset.data, headers=headers, media_type=asset.type)


@router.get("/")
def page(request: Request) -> Response:
    """Answer the page itself."""
    return _send(request, assets()[1]["index.html"], "no-cache")


@router.get("/static/{release}/{name:path}")
def static(request: Request, release: str, name: str) -> Response:
    """Answer a file of the page; one of another release is never kept by the browser."""
    current, table = assets()
    asset = table.get(name)
    if asset is None or name == "index.html":
        raise unknown("page")
    return _send(request, asset, _FOREVER if release == current else "no-cache")
