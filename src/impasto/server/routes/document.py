"""What the API is, as an OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from impasto.server.access.guard import Viewer

router = APIRouter(tags=["document"])


@router.get("/openapi.json", include_in_schema=False)
def document(caller: Viewer, request: Request) -> dict[str, Any]:
    """Return the document."""
    found: dict[str, Any] = request.app.openapi()
    return found
