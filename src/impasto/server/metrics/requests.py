"""Metrics of the service's own requests, and all of its metrics together."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from impasto.server.metrics.counters import JobCounters
from impasto.server.metrics.jobs import JobMetrics
from impasto.server.metrics.rules import RuleMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from impasto.server.context import Context
    from impasto.server.models.jobs import JobRow
    from impasto.server.streaming.hub import Hub

LATENCIES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20)
"""Bounds of the histogram of latencies, in seconds."""
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE"}


class Metrics:
    """All metrics of one service."""

    def __init__(self, context: Context, hub: Hub) -> None:
        """Prepare; what the context's board finds is counted from its first round on.

        Args:
            context: what is known of jobs and rules, which no scrape waits for.
            hub: what serves streams.
        """
        self._registry = CollectorRegistry(auto_describe=False)
        self._board, self._counters = context.board, JobCounters(context.home, self._registry)
        context.board.observer = self._counters
        self._registry.register(JobMetrics(self._rows, self._counters))
        self._registry.register(RuleMetrics(context.looks.standings.peek))
        Gauge(
            "impasto_streams_open", "Streams that are open.", registry=self._registry
        ).set_function(lambda: hub.open)
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

    def _rows(self) -> Sequence[JobRow]:
        return self._board.peek().rows

    def text(self) -> bytes:
        """Return all metrics in Prometheus' format, as they are known; no store is waited for."""
        self._board.start()
        self._counters.want()
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
