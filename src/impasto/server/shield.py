"""What holds for every request and answer: hosts, sizes of bodies, and headers that protect."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from impasto.schema.url import is_loopback
from impasto.server.problems import Refused, answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from impasto.server.config import ServeSettings

LARGEST_BODY = 1 << 20
"""Bytes of the largest body of all routes but those for uploads."""
BODY_SECONDS = 60.0
"""Seconds in which such a body must have come."""
_UPLOAD = re.compile(r"/v1/uploads/[^/]+/[^/]+")
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def policies(stores: tuple[str, ...]) -> tuple[str, str]:
    """Return the content security policies of the page and of the API's answers.

    Args:
        stores: origins of the stores that the page sends uploads to.
    """
    more = "".join(f" {origin}" for origin in stores)
    passive = (
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; "
    )
    page = f"{passive}script-src 'self'; connect-src 'self'{more}; form-action 'self'"
    return page, f"{passive}form-action 'none'"


class Shield:
    """ASGI middleware; it passes streams on as they come.

    Args:
        app: what it protects.
        serve: how the service runs.
        stores: as for `policies`.
    """

    def __init__(self, app: ASGIApp, serve: ServeSettings, stores: tuple[str, ...] = ()) -> None:
        self._app, self._serve = app, serve
        self._page, self._api = policies(stores)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._protect(scope["path"], MutableHeaders(raw=message.setdefault("headers", [])))
            await send(message)

        refused = self._refusal(scope)
        if refused:
            headers = {"Connection": "close"}
            await answer(refused.status_code, refused.detail, refused.remedy, headers)(
                scope, receive, sending
            )
            return
        try:
            await self._app(scope, self._bounded(scope, receive), sending)
        except Exception:
            if not started:
                await answer(500, "internal error", "see the service's log")(
                    scope, receive, sending
                )
            raise

    def _refusal(self, scope: Scope) -> Refused | None:
        headers = Headers(scope=scope)
        # A name that an attacker's server resolves to this machine is not one of its own names.
        if self._serve.loopback and not is_loopback(headers.get("host", "")):
            return Refused(421, "the host's name is not this service's", "open it by 127.0.0.1")
        size = headers.get("content-length", "")
        if size.isdecimal() and int(size) > self._most(scope):
            return _too_large()
        return None

    def _most(self, scope: Scope) -> int:
        """Return the bytes of the largest body that a request may have."""
        return self._serve.max_upload if _is_upload(scope) else LARGEST_BODY

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        size, most = 0, self._most(scope)
        # An upload's pieces have a limit of their own.
        whole = _is_upload(scope)
        until = asyncio.get_running_loop().time() + BODY_SECONDS

        async def receiving() -> Message:
            nonlocal size, whole
            try:
                async with asyncio.timeout_at(None if whole else until):
                    message = await receive()
            except TimeoutError:
                raise Refused(408, "the body took too long", "send it again") from None
            size += len(message.get("body", b""))
            whole = whole or not message.get("more_body", False)
            if size > most:
                raise _too_large()
            return message

        return receiving

    def _protect(self, path: str, headers: MutableHeaders) -> None:
        api = path.startswith("/v1/")
        for name, value in _HEADERS.items():
            headers[name] = value
        # A file that somebody made has a stricter one of its own.
        headers.setdefault("content-security-policy", self._api if api else self._page)
        if self._serve.tls_cert:
            headers["strict-transport-security"] = "max-age=31536000"
        if api:
            headers.setdefault("cache-control", "no-store")


def _is_upload(scope: Scope) -> bool:
    return scope["method"] == "PUT" and _UPLOAD.fullmatch(scope["path"]) is not None


def _too_large() -> Refused:
    return Refused(413, "the body is too large", "send less, or upload it as a file")
