"""Where jobs are scored."""

from __future__ import annotations

from fastapi import APIRouter

from impasto.server.access.guard import Overseer
from impasto.server.context import Here
from impasto.server.models.machines import ClusterView

router = APIRouter(tags=["cluster"])


@router.get("/cluster")
def cluster(caller: Overseer, context: Here) -> ClusterView:
    """Show the machines and workers, and what is waited for."""
    return context.looks.cluster.get()
