"""The one gate of the API: who calls, and whether their role suffices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from impasto.schema.access import Role
from impasto.server.access.caller import Caller
from impasto.server.context import Here
from impasto.server.problems import Refused


def caller_of(request: Request, context: Here) -> Caller:
    """Return who makes a request; raises Refused with 401 if nobody known does."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    token = context.tokens.find(text.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise Refused(401, "no valid token", headers={"WWW-Authenticate": "Bearer"})
    scope = context.serve.tenants.get(token.tenant) if token.tenant else None
    return Caller(
        token.id,
        token.name,
        token.role,
        token.tenant,
        scope.read if scope else () if token.tenant else context.serve.read,
        scope.write if scope else () if token.tenant else context.serve.write,
        scope.rules if scope else () if token.tenant else None,
    )


def _at_least(role: Role) -> Callable[[Caller], Caller]:
    def check(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        if not caller.may(role):
            raise Refused(403, f"this needs the role {role}", f"you are {caller.role}")
        return caller

    return check


Viewer = Annotated[Caller, Depends(_at_least("viewer"))]
Submitter = Annotated[Caller, Depends(_at_least("submitter"))]
Operator = Annotated[Caller, Depends(_at_least("operator"))]
Admin = Annotated[Caller, Depends(_at_least("admin"))]
