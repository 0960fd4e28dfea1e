"""Exporters whose failures are told once, and that are left alone for a while after one."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from impasto.telemetry.telemeter import LOGGER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

REST = 10.0
"""Seconds after a failure in which nothing is sent; what comes up meanwhile is lost."""


class Health:
    """Whether what is sent arrives."""

    def __init__(self, target: str, *, quiet: bool) -> None:
        """Expect the best.

        Args:
            target: where it is sent, for people.
            quiet: whether nobody is told of failures.
        """
        self._target = target
        self._told = quiet
        self._rests_until = 0.0
        self._lock = threading.Lock()
        # The libraries have a line for each try, which would hide the job's own.
        for name in ("opentelemetry.exporter", "opentelemetry.sdk", "azure"):
            logger = logging.getLogger(name)
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.CRITICAL + 1)

    @property
    def rests(self) -> bool:
        """Whether nothing is sent for now."""
        return time.monotonic() < self._rests_until

    def failed(self) -> None:
        """Note that something did not arrive; the first time, it is told."""
        with self._lock:
            self._rests_until = time.monotonic() + REST
            told, self._told = self._told, True
        if not told:
            LOGGER.warning(
                "%s: does not take what is sent; traces and metrics are lost meanwhile",
                self._target,
            )


class SpanGuard(SpanExporter):
    """Sends spans, unless it rests."""

    def __init__(self, inner: SpanExporter, health: Health) -> None:
        self._inner, self._health = inner, health

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        if self._health.rests:
            return SpanExportResult.FAILURE
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            if result is not SpanExportResult.SUCCESS:
                self._health.failed()
        return result


class MetricGuard(MetricExporter):
    """Sends metrics, unless it rests."""

    def __init__(self, inner: MetricExporter, health: Health) -> None:
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)
        self._inner, self._health = inner, health

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **more: Any
    ) -> MetricExportResult:
        """Send metrics."""
        if self._health.rests:
            return MetricExportResult.FAILURE
        result = MetricExportResult.FAILURE
        try:
            result = self._inner.export(metrics_data, timeout_millis=timeout_millis, **more)
        finally:
            if result is not MetricExportResult.SUCCESS:
                self._health.failed()
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Do nothing: nothing waits here."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **more: Any) -> None:
        """Close the connection."""
        self._inner.shutdown(timeout_millis=timeout_millis, **more)
