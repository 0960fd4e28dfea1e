"""Where jobs are scored."""

from __future__ import annotations

from fastapi import APIRouter

from impasto.server.access.guard import Viewer
from impasto.server.context import Here
from impasto.server.models.machines import ClusterView
from impasto.server.problems import Refused

router = APIRouter(tags=["cluster"])


@router.get("/cluster")
def cluster(caller: Viewer, context: Here) -> ClusterView:
    """Show the machines and workers, and what is waited for."""
    if caller.tenant:
        raise Refused(403, "the machines are shown only to who sees all jobs")
    return context.looks.cluster.get()
