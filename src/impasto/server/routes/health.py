"""Whether the service lives, and whether it can work; the only routes without a token."""

from __future__ import annotations

from fastapi import APIRouter

from impasto.schema.base import Frozen
from impasto.server.context import Here

router = APIRouter(tags=["health"])


class Health(Frozen):
    """Whether the service lives."""

    status: str = "ok"


@router.get("/health")
def health() -> Health:
    """Say that the service answers."""
    return Health()


@router.get("/ready")
def ready(context: Here) -> Health:
    """Say whether the control store answers, so that requests can be served."""
    context.board.check()
    return Health()
