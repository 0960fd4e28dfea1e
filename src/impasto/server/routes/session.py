"""Who the caller is; and a token in a cookie, for pages, whose scripts never see it again."""

from __future__ import annotations

import time
from importlib.metadata import version

from fastapi import APIRouter, Request, Response

from impasto.server.access.caller import Caller
from impasto.server.access.client import (
    Shown,
    address_of,
    cookie_name,
    csrf_of,
    is_foreign,
    shown,
)
from impasto.server.access.guard import OPEN, OWN, Viewer, check_rate, identify
from impasto.server.context import Context, Here
from impasto.server.models.session import Login, Session
from impasto.server.problems import Refused

router = APIRouter(tags=["session"])
LONGEST = 7 * 86400
"""Seconds for which a browser keeps a token."""
COOKIE = 3800
"""Characters of the longest token that fits into a cookie."""


@router.get("/session")
def session(caller: Viewer, context: Here, request: Request) -> Session:
    """Tell who the caller is, and what this service can do."""
    return _session(context, caller, shown(request, context.serve).text)


@router.post("/session")
def log_in(login: Login, context: Here, request: Request, response: Response) -> Session:
    """Keep a token in a cookie that scripts cannot read and no other site can use."""
    if is_foreign(request, context.serve):
        raise Refused(403, "a page of another origin made this request", OPEN)
    token = Shown(login.token.strip(), by_cookie=True)
    caller = identify(context, token, address_of(request, context.serve))
    check_rate(context, caller)
    if len(token.text) > COOKIE:
        raise Refused(422, "token: is too long for a cookie", "use a token of `impasto token`")
    _set_cookie(response, context, token.text, _age(context, token.text))
    return _session(context, caller, token.text)


@router.delete("/session", status_code=204)
def log_out(caller: Viewer, context: Here, response: Response) -> None:
    """Remove the cookie; the token stays valid."""
    _set_cookie(response, context, "", 0)


def _session(context: Context, caller: Caller, text: str) -> Session:
    return Session(
        name=caller.name,
        role=caller.role,
        tenant=caller.tenant,
        csrf=csrf_of(text) if caller.by_cookie else "",
        can_write=bool(caller.write),
        watches=context.serve.watch,
        version=version("impasto"),
    )


def _age(context: Context, text: str) -> int:
    """Return for how many seconds a browser should keep a token that was just identified."""
    token = context.tokens.find(text) if text.startswith(OWN) else None
    left = token.expires - time.time() if token and token.expires else LONGEST
    return max(1, min(LONGEST, int(left)))


def _set_cookie(response: Response, context: Context, text: str, age: int) -> None:
    response.set_cookie(
        cookie_name(context.serve),
        text,
        max_age=age,
        path="/",
        httponly=True,
        samesite="strict",
        secure=context.serve.secure,
    )
