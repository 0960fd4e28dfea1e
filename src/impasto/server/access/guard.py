"""The one gate of the API: who calls, and whether their role suffices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from impasto.schema.access import Role
from impasto.server.access.caller import Caller
from impasto.server.access.client import (
    CSRF,
    READING,
    Shown,
    address_of,
    has_csrf,
    is_foreign,
    shown,
)
from impasto.server.context import Here
from impasto.server.problems import Refused

if TYPE_CHECKING:
    from impasto.server.context import Context

OWN = "imp_"
"""How Impasto's own tokens begin."""
OPEN = "open this service's own page"
SHOW = "send Authorization: Bearer TOKEN; `impasto token create` makes one"
RESTART = "ask the administrator; the service reads tenants when it starts"


def caller_of(request: Request, context: Here) -> Caller:
    """Return who makes a request.

    Raises:
        Refused: 401 if nobody known does; 403 if the caller may do nothing here, or a page of
            another origin made the request; 429 if there are too many.
    """
    token = shown(request, context.serve)
    if token.by_cookie and is_foreign(request, context.serve):
        raise Refused(403, "a page of another origin made this request", OPEN)
    caller = identify(context, token, address_of(request, context.serve))
    changes = token.by_cookie and request.method not in READING
    if changes and not has_csrf(request, token.text):
        raise Refused(403, f"the header {CSRF} is missing or wrong", "load the page again")
    check_rate(context, caller)
    return caller


def identify(context: Context, token: Shown, address: str) -> Caller:
    """Return whose token it is; raises Refused.

    An address from which many wrong tokens came must wait, unless its token was right lately.
    """
    known = context.tokens.knows if token.text.startswith(OWN) else _issuer_knows(context)
    if token.text and not known(token.text):
        _must_wait(context.limits.failures.wait(address))
    caller = _caller(context, token) if token.text else None
    if caller is None:
        if token.text:
            context.limits.failures.take(address)
        raise _nobody()
    return caller


def again(request: Request, context: Context) -> Caller:
    """Return who made a request that is still being answered; it counts as no further request.

    Asks the store once in a few seconds, so call it in a thread.

    Raises:
        Refused: the token was revoked meanwhile, has expired, or may do nothing any more.
    """
    caller = _caller(context, shown(request, context.serve))
    if caller is None:
        raise _nobody()
    return caller


def _nobody() -> Refused:
    return Refused(401, "no valid token", SHOW, {"WWW-Authenticate": "Bearer"})


def check_rate(context: Context, caller: Caller) -> None:
    """Raise Refused with 429 if a caller makes too many requests."""
    _must_wait(context.limits.requests.take(caller.id))


def _must_wait(seconds: float) -> None:
    if seconds:
        after = str(math.ceil(seconds))
        raise Refused(429, "too many requests", f"wait {after} s", {"Retry-After": after})


def _issuer_knows(context: Context) -> Callable[[str], bool]:
    return context.issuer.knows if context.issuer else lambda _: False


def _caller(context: Context, token: Shown) -> Caller | None:
    """Return whose token it is, or None; raises Refused with 403 for one that may do nothing."""
    if token.text.startswith(OWN):
        found = context.tokens.find(token.text)
        if found is None:
            return None
        return _scoped(context, token, found.id, found.name, found.role, found.tenant)
    bearer = context.issuer.find(token.text) if context.issuer else None
    if bearer is None:
        return None
    if bearer.role is None:
        raise Refused(403, "your token gives you no role here", "ask the administrator for one")
    if bearer.tenant is None:
        raise Refused(403, "your token names no tenant", "ask the administrator for one")
    return _scoped(context, token, bearer.id, bearer.name, bearer.role, bearer.tenant)


def _scoped(
    context: Context, token: Shown, caller_id: str, name: str, role: Role, tenant: str
) -> Caller:
    serve, cookie = context.serve, token.by_cookie
    if not tenant:
        return Caller(caller_id, name, role, read=serve.read, write=serve.write, by_cookie=cookie)
    scope = serve.tenants.get(tenant)
    if scope is None:
        raise Refused(403, "your token's tenant is not known here", RESTART)
    return Caller(caller_id, name, role, tenant, scope.read, scope.write, scope.rules, cookie)


def _at_least(role: Role) -> Callable[[Caller], Caller]:
    def check(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        if not caller.may(role):
            raise Refused(
                403, f"this needs the role {role}", f"ask the administrator; yours is {caller.role}"
            )
        return caller

    return check


Viewer = Annotated[Caller, Depends(_at_least("viewer"))]
Submitter = Annotated[Caller, Depends(_at_least("submitter"))]
Operator = Annotated[Caller, Depends(_at_least("operator"))]
Admin = Annotated[Caller, Depends(_at_least("admin"))]


def _of_all(caller: Viewer) -> Caller:
    if caller.tenant:
        raise Refused(403, "this needs a token for all tenants", "ask the administrator")
    return caller


Overseer = Annotated[Caller, Depends(_of_all)]
"""A viewer who sees all tenants."""
