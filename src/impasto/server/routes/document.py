"""What the API is, as an OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request

from impasto.server.access.guard import Viewer
from impasto.server.models.session import Problem

router = APIRouter(tags=["document"])


@router.get("/openapi.json", include_in_schema=False)
def document(caller: Viewer, request: Request) -> dict[str, Any]:
    """Return the document."""
    return described(request.app)


def described(app: FastAPI) -> dict[str, Any]:
    """Return an app's document; what all answers share is named but once by the routes.

    A route's summary is the first line of its description, instead of its function's name.
    """
    found: dict[str, Any] = app.openapi()
    for operations in found["paths"].values():
        for each in operations.values():
            each["summary"] = each["description"].partition("\n")[0].rstrip(".")
    found["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    return found
