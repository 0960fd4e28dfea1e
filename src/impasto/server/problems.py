"""Errors as the API answers them: ``application/problem+json``, as RFC 9457 defines it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
)
from impasto.secrecy import redact
from impasto.server.models.session import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

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
_TICKS = re.compile(r"`([^`]*)`")


class Refused(HTTPException):
    """A request that the caller may not make.

    Attributes:
        remedy: what to do, or "".
    """

    def __init__(
        self, status: int, fact: str, remedy: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, fact, headers)
        self.remedy = remedy


def unknown(what: str) -> Refused:
    """Return the answer for what does not exist, or belongs to another tenant."""
    return Refused(404, f"{what}: not found")


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
        remedy = error.remedy if isinstance(error, Refused) else ""
        return answer(error.status_code, str(error.detail), remedy, error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(422, f"{where}: {first['msg']}")
