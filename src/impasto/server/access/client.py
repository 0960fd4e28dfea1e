"""What a request says about who sends it: address, token, and whether a browser sent it itself."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from fastapi import Request

    from impasto.server.config import ServeSettings

CSRF = "X-Impasto-CSRF"
"""The header that proves that a page of our own made a request."""
READING = {"GET", "HEAD"}
"""Methods that change nothing."""
_WITH_PORT = re.compile(r"([0-9.]+):\d+|\[([0-9A-Fa-f:.]+)\](?::\d+)?")
_NETWORK = 64
"""Bits of an IPv6 address that tell networks apart; one machine may have all the others."""


class Shown(NamedTuple):
    """The token that a request shows.

    Attributes:
        text: its text; "" if there is none.
        by_cookie: whether the browser sent it by itself.
    """

    text: str
    by_cookie: bool = False


def cookie_name(serve: ServeSettings) -> str:
    """Return the name of the cookie that holds a token.

    Browsers take one that begins with ``__Host-`` by HTTPS only, and never from another host.
    """
    return "__Host-impasto" if serve.secure else "impasto"


def shown(request: Request, serve: ServeSettings) -> Shown:
    """Return the token that a request shows; a header counts more than a cookie."""
    header = request.headers.get("authorization")
    if header is None:
        return Shown(request.cookies.get(cookie_name(serve), ""), by_cookie=True)
    scheme, _, text = header.partition(" ")
    return Shown(text.strip() if scheme.lower() == "bearer" else "")


def address_of(request: Request, serve: ServeSettings) -> str:
    """Return the address, or the IPv6 network, that a request comes from.

    Behind a proxy that is the last one in ``X-Forwarded-For``: the proxy's own word, while all
    before it is the client's.
    """
    text = request.client.host if request.client else ""
    if serve.behind_proxy:
        hops = request.headers.getlist("x-forwarded-for")
        text = hops[-1].rpartition(",")[2].strip() if hops else text
        # Some, such as Azure's Application Gateway, add the port.
        if match := _WITH_PORT.fullmatch(text):
            text = match[1] or match[2]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text[:45]
    address = getattr(address, "ipv4_mapped", None) or address
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, _NETWORK), strict=False))


def csrf_of(token: str) -> str:
    """Return what the header `CSRF` must hold where the browser sends a token by itself."""
    return hmac.new(token.encode(), b"impasto csrf", hashlib.sha256).hexdigest()


def has_csrf(request: Request, token: str) -> bool:
    """Return whether a page that knows the token's proof made a request."""
    given = request.headers.get(CSRF, "")
    return hmac.compare_digest(given.encode(), csrf_of(token).encode())


def is_foreign(request: Request, serve: ServeSettings) -> bool:
    """Return whether a browser says that a page of another origin made a request."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    names = {request.headers.get("host", "")}
    if serve.behind_proxy:
        names.add(request.headers.get("x-forwarded-host", ""))
    # The origin of a page in a sandbox is "null", which has no host.
    return urlsplit(origin).netloc not in names - {""}
