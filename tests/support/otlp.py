"""A collector for OTLP over HTTP, which remembers what it was sent."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Span:
    """A span as a collector sees it; ids are hexadecimal, times are seconds since 1970."""

    name: str
    trace: str
    id: str
    parent: str
    begun: float
    ended: float
    error: str
    facts: dict[str, Any]
    links: list[tuple[str, str]]
    process: str

    def within(self, other: Span) -> bool:
        return other.begun <= self.begun <= self.ended <= other.ended


@dataclass
class Collector:
    """What was sent so far.

    Attributes:
        url: its base URL.
        spans: the spans.
        numbers: the last value of each counter, and the count of each histogram, by the process
            that sent it, its name and labels.
    """

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    numbers: dict[tuple[str, str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == f"impasto.{name}"]

    def total(self, name: str, **labels: str) -> float:
        """Sum a counter, or the counts of a histogram, over all whose labels include these."""
        return sum(
            number
            for (_, called, told), number in self.numbers.items()
            if called == f"impasto.{name}" and set(labels.items()) <= set(told)
        )

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                process = _facts(each.resource.attributes)["service.instance.id"]
                for scope in each.scope_spans:
                    self.spans += [_span(span, process) for span in scope.spans]
        elif path == "/v1/metrics":
            for each in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                process = _facts(each.resource.attributes)["service.instance.id"]
                for scope in each.scope_metrics:
                    for metric in scope.metrics:
                        self._note(process, metric)

    def _note(self, process: str, metric: Any) -> None:
        points = metric.sum.data_points or metric.histogram.data_points
        for point in points:
            labels = tuple(sorted(_facts(point.attributes).items()))
            number = (
                point.count if metric.histogram.data_points else point.as_double or point.as_int
            )
            self.numbers[process, metric.name, labels] = number


def _facts(attributes: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes
    }


def _span(span: Any, process: str) -> Span:
    return Span(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        begun=span.start_time_unix_nano / 1e9,
        ended=span.end_time_unix_nano / 1e9,
        error=span.status.message if span.status.code == 2 else "",
        facts={key.removeprefix("impasto."): it for key, it in _facts(span.attributes).items()},
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        process=process,
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on this machine."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()


def check_tree(collector: Collector, shards: int, items: int) -> None:
    """Check that the spans of a job are one tree, in which all work lies within its parent."""
    (root,) = collector.named("job")
    assert not root.parent
    assert {span.trace for span in collector.spans} == {root.trace}
    attempts = {span.id: span for span in collector.named("attempt")}
    assert {span.parent for span in attempts.values()} == {root.id}
    on_workers = {span.id: span for span in collector.named("shard")}
    assert sorted(span.facts["shard"] for span in on_workers.values()) == [*range(shards)]
    assert sum(span.facts["items"] for span in on_workers.values()) == items
    for span in on_workers.values():
        assert span.process != root.process
        parent = attempts[span.parent]
        assert span.within(parent)
        assert span.facts["shard"] == parent.facts["shard"]
        assert span.facts["worker"] == parent.facts["worker"]
    for stage in ("read", "score", "write"):
        spans = collector.named(stage)
        assert {span.parent for span in spans} == on_workers.keys()
        for span in spans:
            assert span.within(on_workers[span.parent])
            assert span.facts["busy_seconds"] >= 0
    assert all(span.within(root) for span in collector.spans)
