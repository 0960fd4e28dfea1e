"""Where traces and metrics go, as it travels to workers."""

from __future__ import annotations

from typing import Literal

from impasto.schema.base import Frozen
from impasto.schema.bounds import Word


class Telemetry(Frozen):
    """Where traces and metrics go. It holds no secret: headers and keys are each machine's own.

    Attributes:
        exporter: ``otlp``, or ``azure-monitor`` for Application Insights.
        endpoint: base URL of the collector for OTLP; "" leaves that to each process's environment.
        service: the name that all of it goes by.
        traces: whether traces are sent.
        metrics: whether metrics are sent.
    """

    exporter: Literal["otlp", "azure-monitor"] = "otlp"
    endpoint: str = ""
    service: Word = "impasto"
    traces: bool = True
    metrics: bool = True
