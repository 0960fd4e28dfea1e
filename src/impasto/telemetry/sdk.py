"""Traces and metrics by OpenTelemetry's SDK; imported only where they are sent somewhere."""

from __future__ import annotations

import os
import socket
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from impasto.secrecy import redact
from impasto.telemetry.exporters import exporters
from impasto.telemetry.health import Health, MetricGuard, SpanGuard
from impasto.telemetry.telemeter import PATIENCE, Span, Telemeter

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, Meter
    from opentelemetry.trace import Span as OtelSpan

    from impasto.schema.telemetry import Telemetry

NAMESPACE = "impasto"
DELAY = 500
"""Milliseconds until a span that has ended is sent; a worker may not live much longer."""
QUEUE = 20_000
"""Spans that may wait to be sent; of more, some are lost."""
DURATIONS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
"""Bounds of histograms, in seconds."""
_W3C = TraceContextTextMapPropagator()


class SdkSpan(Span):
    """A piece of work in a trace."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, set_span_in_context(span))
        self.context = carrier.get("traceparent", "")

    def note(self, **facts: str | int | float) -> None:
        """Add facts; their names get the prefix ``impasto.``."""
        self._span.set_attributes({_named(name): fact for name, fact in facts.items()})

    def link(self, context: str) -> None:
        """Say that another trace is related, by a span in it; "" is none."""
        other = get_current_span(_within(context)).get_span_context()
        if other.is_valid:
            self._span.add_link(other)

    def fail(self, error: str) -> None:
        """Say that it failed, and why."""
        self._span.set_status(Status(StatusCode.ERROR, redact(error)))

    def end(self, at: float | None = None) -> None:
        """End it, now or at a time in seconds since 1970."""
        self._span.end(None if at is None else _nano(at))


class SdkTelemeter(Telemeter):
    """Sends spans, counts and durations."""

    on = True

    def __init__(self, where: Telemetry, *, quiet: bool) -> None:
        """Set up.

        Args:
            where: where to.
            quiet: whether nobody is told when that fails.

        Raises:
            BadInput: a variable is missing.
            ImportError: a library is not installed.
        """
        spans, metrics, target = exporters(where)
        self._health = Health(target, quiet=quiet)
        resource = Resource.create(
            {
                "service.name": where.service,
                "service.version": version("impasto"),
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            }
        )
        # No provider ends by itself, since that would hold up the end of the process.
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        if where.traces:
            self._traces.add_span_processor(
                BatchSpanProcessor(
                    SpanGuard(spans, self._health),
                    max_queue_size=QUEUE,
                    schedule_delay_millis=DELAY,
                )
            )
        self._tracer = self._traces.get_tracer("impasto")
        self._resource = resource
        self._exporter = MetricGuard(metrics, self._health) if where.metrics else None
        self._metrics: MeterProvider | None = None
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def span(
        self, name: str, parent: str = "", *, begun: float | None = None, **facts: str | int | float
    ) -> Span:
        """Begin a span; see `Telemeter.span`."""
        span = self._tracer.start_span(
            _named(name),
            _within(parent) if parent else None,
            attributes={_named(key): fact for key, fact in facts.items()},
            start_time=None if begun is None else _nano(begun),
        )
        return SdkSpan(span)

    def count(self, name: str, amount: float, unit: str = "", **facts: str) -> None:
        """Add to a counter, whose name gets the prefix ``impasto.``."""
        if name not in self._counters:
            self._counters[name] = self._meter().create_counter(_named(name), unit)
        self._counters[name].add(amount, facts)

    def took(self, name: str, seconds: float, **facts: str) -> None:
        """Add a duration to a histogram, whose name gets the prefix ``impasto.``."""
        if name not in self._histograms:
            self._histograms[name] = self._meter().create_histogram(
                _named(name), "s", explicit_bucket_boundaries_advisory=DURATIONS
            )
        self._histograms[name].record(seconds, facts)

    def flush(self, patience: float = PATIENCE) -> None:
        """Send what waits to be sent, or give up after so many seconds."""
        if self._health.rests:
            return
        # The SDK itself keeps to no limit.
        sending = threading.Thread(target=self._send, daemon=True)
        sending.start()
        sending.join(patience)
        if sending.is_alive():
            self._health.failed()

    def _send(self) -> None:
        self._traces.force_flush()
        if self._metrics:
            self._metrics.force_flush()

    def _meter(self) -> Meter:
        """Return what makes counters; workers have none, and send no metrics."""
        if self._metrics is None:
            readers = [PeriodicExportingMetricReader(self._exporter)] if self._exporter else []
            self._metrics = MeterProvider(readers, self._resource, shutdown_on_exit=False)
        return self._metrics.get_meter("impasto")


def _within(context: str) -> Context:
    return _W3C.extract({"traceparent": context}, Context())


def _nano(seconds: float) -> int:
    return int(seconds * 1e9)


def _named(name: str) -> str:
    return f"{NAMESPACE}.{name}"
