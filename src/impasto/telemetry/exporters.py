"""What sends spans and metrics: OTLP over HTTP, or Application Insights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from impasto.settings import otlp_is_set, secret

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from impasto.schema.telemetry import Telemetry

TIMEOUT = 2.0
"""Seconds that sending may take, repetitions included."""
CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"


def exporters(where: Telemetry) -> tuple[SpanExporter, MetricExporter, str]:
    """Return what sends spans and metrics, and where to, for people.

    Raises:
        BadInput: the variable with the connection string is not set.
        ImportError: the library is not installed.
    """
    return _azure() if where.exporter == "azure-monitor" else _otlp(where.endpoint)


def _otlp(endpoint: str) -> tuple[SpanExporter, MetricExporter, str]:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # The variables of this machine say best how it reaches a collector.
    base = "" if otlp_is_set() or not endpoint else endpoint.rstrip("/")
    return (
        OTLPSpanExporter(f"{base}/v1/traces" if base else None, timeout=TIMEOUT),
        OTLPMetricExporter(f"{base}/v1/metrics" if base else None, timeout=TIMEOUT),
        endpoint or "the collector of OTEL_EXPORTER_OTLP_ENDPOINT",
    )


def _azure() -> tuple[SpanExporter, MetricExporter, str]:
    # Else the exporter reports on itself to Microsoft.
    os.environ["APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL"] = "true"
    from azure.monitor.opentelemetry.exporter import (
        AzureMonitorMetricExporter,
        AzureMonitorTraceExporter,
    )

    how = {"connection_string": secret(CONNECTION), "disable_offline_storage": True}
    return (
        AzureMonitorTraceExporter(**how),
        AzureMonitorMetricExporter(**how),
        "Application Insights",
    )
