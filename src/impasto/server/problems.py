"""Errors as the API answers them: ``application/problem+json``, as RFC 9457 defines it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from impasto.errors import (
    BadInput,
    Changed,
    Exists,
    ImpastoError,
    Incomplete,
    Interrupted,
    Missing,
    Unavailable,
    meant,
)
from impasto.schema.refusal import fact_of
from impasto.secrecy import redact
from impasto.server.models.session import Problem
from impasto.server.models.submitting import OPERATORS, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI

STATUS: tuple[tuple[type[ImpastoError], int], ...] = (
    (Missing, 404),
    (Exists, 409),
    (Changed, 409),
    (Incomplete, 409),
    (Interrupted, 409),
    (BadInput, 422),
    (Unavailable, 503),
)
"""The status of each error, the most special first; any other is 500."""
_ROUTING = {404: "there is no such route", 405: "the route does not take this method"}
_JSON = "the header Content-Type: application/json"
_TICKS = re.compile(r"`([^`]*)`")


class Refused(HTTPException):
    """A request that the caller may not make.

    Attributes:
        remedy: what to do.
    """

    def __init__(
        self, status: int, fact: str, remedy: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, fact, headers)
        self.remedy = remedy


def unknown(what: str) -> Refused:
    """Return the answer for what does not exist, or belongs to another tenant."""
    return Refused(404, f"{what}: not found", "check its name; only what is yours is shown")


def answer(
    status: int, title: str, remedy: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return a problem as a response, without secrets."""
    problem = Problem(status=status, title=_plain(title), remedy=_plain(remedy))
    return JSONResponse(
        problem.model_dump(),
        status,
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def _plain(text: str) -> str:
    # Names that a client has sent may hold halves of characters, which no answer can.
    text = text.encode(errors="replace").decode()
    return _TICKS.sub(r"\1", redact(" ".join(text.split())))


def add(app: FastAPI) -> None:
    """Let an app answer every error as a problem."""

    @app.exception_handler(ImpastoError)
    async def _ours(_: Request, error: ImpastoError) -> JSONResponse:
        status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
        return answer(status, error.fact, error.remedy)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error, Refused):
            return answer(error.status_code, error.detail, error.remedy, error.headers)
        fact = _ROUTING.get(error.status_code, str(error.detail))
        return answer(error.status_code, fact, "see /v1/openapi.json", error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(422, *_wrong(request, error.errors()))


def _wrong(request: Request, found: Sequence[Any]) -> tuple[str, str]:
    """Return what is wrong with a request, and what to do about it."""
    # A field that is missing may be one that is misspelt.
    first = min(found, key=lambda each: each["type"] != "extra_forbidden")
    place, *path = map(str, first["loc"])
    if first["type"] == "json_invalid":
        return f"the body is not JSON: {first['ctx']['error'].lower()}", "correct it"
    if not path:
        return "the body is not a JSON object", f"send one, with {_JSON}"
    name, fact = ".".join(path), fact_of(first)
    if first["type"] == "missing":
        return f"{name}: is missing", "add it"
    if first["type"] != "extra_forbidden":
        return f"{name}: {fact}", "correct it"
    names = _fields(request) if place == "body" and len(path) == 1 else ()
    if "options" in names and path[0] in OPTIONS | OPERATORS:
        return f"{name}: is not a field of the body", "write it into options"
    choices = f"choose from {', '.join(names)}" if names else "leave it out"
    return f"{name}: unknown field", meant(path[0], names) or choices


def _fields(request: Request) -> tuple[str, ...]:
    """Return the names of the fields that the body of a request may have."""
    route = request.scope.get("route")
    body = getattr(route, "body_field", None)
    model = body.field_info.annotation if body else None
    return tuple(getattr(model, "model_fields", ()))
