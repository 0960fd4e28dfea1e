"""Metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from impasto.server.access.guard import Viewer
from impasto.server.metrics.requests import Metrics
from impasto.server.problems import Refused

router = APIRouter(tags=["metrics"])


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def read_metrics(request: Request, caller: Viewer) -> Response:
    """Return the service's metrics, for callers that see all tenants."""
    if caller.tenant:
        raise Refused(403, "metrics are of all tenants", "use a token without a tenant")
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)
