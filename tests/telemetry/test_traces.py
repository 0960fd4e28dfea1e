"""Traces and metrics of real jobs, as a collector gets them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from impasto.schema.telemetry import Telemetry
from impasto.settings import telemetry
from impasto.telemetry.open import telemeter
from impasto.telemetry.telemeter import LOGGER
from support.command import call, impasto
from support.otlp import Collector, check_tree, collecting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SQUARE = """
class Square:
    def score(self, batch):
        return [int(n) ** 2 for n in batch["n"]]
"""
ROWS, SHARDS = 12, 3


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    (tmp_path / "square.py").write_text(SQUARE)
    (tmp_path / "rows.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(ROWS)))
    words: list[object] = ["run", tmp_path / "rows.csv", "-o", tmp_path / "out.jsonl"]
    words += ["--scorer", f"python:{tmp_path / 'square.py'}:Square", "--device", "cpu"]
    words += ["--shard-frames", ROWS // SHARDS, "--home", tmp_path / "home", "--workers", 1]
    return words


def test_a_job_is_one_trace_across_driver_and_workers(
    collector: Collector, words: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "studio")
    done = impasto(*words)
    assert done.returncode == 0, done.stderr
    check_tree(collector, SHARDS, ROWS)
    (root,) = collector.named("job")
    assert root.facts["scorer"] == "python"
    assert root.facts["state"] == "done"
    assert root.facts["items"] == ROWS
    for step in ("plan", "start_engine", "assemble"):
        assert {span.parent for span in collector.named(step)} == {root.id}
    assert collector.total("jobs", state="done") == 1
    assert collector.total("shards", outcome="done") == SHARDS
    assert collector.total("items", outcome="done") == ROWS
    assert collector.total("shard.duration") == SHARDS
    assert collector.total("job.duration") == 1


def test_a_resumed_job_is_linked_to_the_trace_before(
    collector: Collector, words: list[object], tmp_path: Path
) -> None:
    (tmp_path / "impasto.toml").write_text(f'telemetry = "{collector.url}"\n')
    words += ["--config", tmp_path / "impasto.toml"]
    scorer = tmp_path / "square.py"
    scorer.write_text(SQUARE.replace("int(n)", "int(n) // (11 - int(n))"))
    assert call(*words).returncode == 3
    first, second = collector.named("job"), []
    assert [span.facts["state"] for span in first] == ["incomplete"]
    assert first[0].error
    scorer.write_text(SQUARE)
    (job,) = (path.name for path in (tmp_path / "home/jobs").iterdir())
    again = ["retry", job, "--home", tmp_path / "home", "--config", tmp_path / "impasto.toml"]
    done = call(*again, "--accept-changes")
    assert done.returncode == 0, done.stderr
    second = [span for span in collector.named("job") if span not in first]
    assert [span.links for span in second] == [[(first[0].trace, first[0].id)]]
    assert second[0].trace != first[0].trace


def test_a_shard_that_fails_is_a_span_with_its_error(
    collector: Collector, words: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, collector.url)
    (tmp_path / "square.py").write_text("import os\n" + SQUARE.replace("return", "os._exit(3) #"))
    assert impasto(*words, "--mini-batch", 1).returncode == 3
    errors = {span.error for span in collector.named("attempt")}
    assert all("the worker died" in error for error in errors)
    assert collector.total("shards", outcome="failed") == len(collector.named("attempt"))


@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "is silent"])
def test_a_dead_collector_holds_nothing_up_and_is_told_once(
    words: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, silent: bool
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen()
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{server.getsockname()[1]}")
        done = impasto(*words)
    assert done.returncode == 0
    assert (tmp_path / "out.jsonl").read_text().count("\n") == ROWS
    told = [line for line in done.stderr.splitlines() if "telemetry" in line]
    assert len(told) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "Transient" not in done.stderr


def test_what_does_not_arrive_is_given_up_soon() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        where = Telemetry(endpoint=f"http://127.0.0.1:{server.getsockname()[1]}")
        send = telemeter(where)
        for _ in range(3000):
            send.span("job").end()
        since = time.monotonic()
        send.flush(0.2)
        # The client itself would take half a minute.
        assert time.monotonic() - since < 10


def test_without_telemetry_nothing_of_it_is_imported(words: list[object]) -> None:
    code = (
        "import sys; from impasto.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*(m for m in sys.modules if m.startswith('opentelemetry')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words), "--engine", "inline", "--quiet"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == ""


def test_variables_of_opentelemetry_are_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert telemetry("") is None
    monkeypatch.setenv(ENDPOINT, "https://user:secret@collector:4318")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert telemetry("") == Telemetry(metrics=False)
    assert telemetry("off") is None
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert telemetry("http://collector:4318") is None


def test_application_insights_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Libraries in this process may have switched loggers off that they do not know.
    monkeypatch.setattr(LOGGER, "disabled", False)
    caplog.set_level("WARNING", LOGGER.name)
    where = telemetry("azure-monitor")
    assert where == Telemetry(exporter="azure-monitor")
    assert not telemeter(where).on
    assert "APPLICATIONINSIGHTS_CONNECTION_STRING: is not set" in caplog.text
    key = "InstrumentationKey=00000000-0000-0000-0000-000000000001"
    monkeypatch.setenv(
        "APPLICATIONINSIGHTS_CONNECTION_STRING", f"{key};IngestionEndpoint=http://127.0.0.1:9"
    )
    assert telemeter(where.model_copy(update={"service": "other"})).on
