"""The first token of a home: an administrator's, given by a link that is shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from impasto.schema.url import is_loopback

if TYPE_CHECKING:
    from impasto.server.context import Context

FIRST = "access/first.json"


def first_link(context: Context, url: str) -> str | None:
    """Return a link that makes its reader the administrator, at the first start over a home.

    The token is in the link's fragment, which browsers never send. If the link was lost,
    `impasto token create` makes another token.

    Args:
        context: what routes work with.
        url: the page's, with its port.

    Returns:
        The link; None if there was one before, or others than this machine could reach the page.

    Raises:
        Unavailable: the control store does not answer.
    """
    if not (context.serve.loopback and is_loopback(urlsplit(url).netloc)):
        return None
    if not context.home.create(FIRST, b"{}"):
        return None
    _, text = context.tokens.create("admin", name="administrator")
    return f"{url.rstrip('/')}/#token={text}"
