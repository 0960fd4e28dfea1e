"""The service as an ASGI application."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from impasto.server import problems
from impasto.server.metrics.requests import CountRequests, Metrics
from impasto.server.routes import (
    cluster,
    document,
    events,
    health,
    items,
    jobs,
    metrics,
    outputs,
    page,
    pictures,
    rules,
    session,
    steering,
    submitting,
    timings,
    tokens,
    uploads,
)
from impasto.server.shield import Shield
from impasto.server.streaming.hub import Hub

if TYPE_CHECKING:
    from impasto.server.context import Context

ROUTERS = (
    health.router,
    session.router,
    tokens.router,
    document.router,
    jobs.router,
    submitting.router,
    uploads.router,
    steering.router,
    metrics.router,
    timings.router,
    events.router,
    pictures.router,
    items.router,
    outputs.router,
    rules.router,
    cluster.router,
)
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for status, text in {
        400: "the request cannot be read",
        401: "there is no valid token",
        403: "the token's role does not suffice",
        404: "there is no such thing, or it is another tenant's",
        409: "what is there is in the way",
        413: "the body is too large",
        421: "the host's name is not this service's",
        422: "a value is wrong",
        429: "too many requests",
        503: "a store or cluster does not answer",
    }.items()
}
"""Answers that any route may give instead of its own."""


def create_app(context: Context) -> FastAPI:
    """Return the service over a home."""
    app = FastAPI(
        title="Impasto",
        version=version("impasto"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses=REFUSALS,
        redirect_slashes=False,
    )
    app.state.context = context
    app.state.hub = Hub(context.board)
    app.state.metrics = Metrics(context, app.state.hub)
    problems.add(app)
    app.add_middleware(Shield, serve=context.serve, stores=context.upload_origins)
    # The last one is the outermost: what is refused counts too.
    app.add_middleware(CountRequests, metrics=app.state.metrics)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    app.include_router(page.router)
    return app
