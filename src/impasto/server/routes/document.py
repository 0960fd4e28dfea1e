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
    """Return an app's document; what all answers share is named but once by the routes."""
    found: dict[str, Any] = app.openapi()
    found["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    return found
