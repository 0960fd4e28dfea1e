"""Metrics of the service's own requests, and all of its metrics together."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from impasto.server.metrics.jobs import JobMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from impasto.server.models.jobs import JobRow

LATENCIES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20)
"""Bounds of the histogram of latencies, in seconds."""
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE"}


class Metrics:
    """All metrics of one service."""

    def __init__(self, rows: Callable[[], Iterable[JobRow]]) -> None:
        """Prepare.

        Args:
            rows: returns what is known of all jobs, without a request to a store.
        """
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(JobMetrics(rows))
        self.requests = Counter(
            "impasto_http_requests",
            "Requests to the service.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self.latency = Histogram(
            "impasto_http_request_duration_seconds",
            "Time until a request's answer begins.",
            ("route",),
            buckets=LATENCIES,
            registry=self._registry,
        )
        self.open = Gauge(
            "impasto_http_requests_open",
            "Requests that are being answered, streams among them.",
            registry=self._registry,
        )
        info = Gauge("impasto_build_info", "What runs.", ("version",), registry=self._registry)
        info.labels(version("impasto")).set(1)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' format."""
        return generate_latest(self._registry)


class CountRequests:
    """Counts a service's requests by route; ids in paths are no labels."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        since, status = time.perf_counter(), 500
        latency: float | None = None

        async def counted(message: Message) -> None:
            nonlocal status, latency
            if message["type"] == "http.response.start":
                status, latency = message["status"], time.perf_counter() - since
            await send(message)

        self._metrics.open.inc()
        try:
            await self._app(scope, receive, counted)
        finally:
            self._metrics.open.dec()
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(method, route, str(status)).inc()
            took = time.perf_counter() - since if latency is None else latency
            self._metrics.latency.labels(route).observe(took)
