"""Metrics, and that the dashboard and the alerts ask for those that exist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from impasto.driver import api
from impasto.server.metrics.jobs import JobMetrics
from impasto.server.models.jobs import JobRow
from support import inprocess
from support.jobs import spec
from support.serving import Serving

if TYPE_CHECKING:
    from conftest import MakeClip

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/rules.yml"


def queries() -> list[str]:
    board = json.loads((DEPLOY / "grafana/impasto.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return asked + re.findall(r"^ +expr: (.+)$", RULES.read_text(), re.MULTILINE)


def promtool(*words: object, text: bytes = b"") -> None:
    command = ["promtool", *map(str, words)]
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_query_asks_for_metrics_and_labels_that_jobs_and_requests_make(
    tmp_path: Path, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    serving = Serving(tmp_path)
    api.run(spec(clip(), tmp_path / "out.mp4"), settings=serving.context.settings)
    client = serving.client("viewer")
    client.get("/v1/jobs/0123456789ab")
    client.get("/v1/nowhere/0123456789ab")
    text = client.get("/v1/metrics").text
    promtool("check", "metrics", text=text.encode())
    assert "0123456789ab" not in text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    values = {(s.name, *sorted(s.labels.items())): s.value for s in samples}
    assert values["impasto_jobs", ("state", "done")] == 1
    assert values["impasto_items_done_total",] > 0
    assert values["impasto_job_duration_seconds_count",] == 1
    documented = (DEPLOY.parent / "docs/observability.md").read_text()
    assert {*re.findall(r"`(impasto_\w+)`", documented)} == {
        re.sub(r"_(bucket|count|sum)$", "", sample.name)
        for sample in samples
        if not sample.name.endswith("_created")
    }
    labels: dict[str, set[str]] = {}
    for sample in samples:
        labels.setdefault(sample.name, set()).update(sample.labels)
    for query in queries():
        names = re.findall(r"\bimpasto_\w+", query)
        assert names
        assert {*names} <= labels.keys(), query
        known = set().union(*(labels[name] for name in names))
        matched = re.findall(r"(\w+)=~?\"", query)
        grouped = ",".join(re.findall(r"by \(([^)]*)\)", query)).replace(" ", "").split(",")
        assert {*matched, *filter(None, grouped)} <= known, query


def test_metrics_are_for_callers_that_see_all_tenants(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    assert serving.client(None).get("/v1/metrics").status_code == 401
    assert serving.client("admin", "acme").get("/v1/metrics").status_code == 403


def test_counters_never_shrink() -> None:
    rows = [JobRow(job="a", state="running", items_done=5, shards_done=1)]
    metrics = JobMetrics(lambda: rows)

    def items() -> float:
        found = {s.name: s.value for family in metrics.collect() for s in family.samples}
        return found["impasto_items_done_total"]

    assert items() == 5
    rows[:] = [JobRow(job="a", state="running", items_done=3)]
    assert items() == 5
    rows[:] = [JobRow(job="b", state="done", items_done=2)]
    assert items() == 7


def test_alerts_fire_when_they_should() -> None:
    promtool("check", "rules", RULES)
    promtool("test", "rules", DEPLOY / "prometheus/rules_test.yml")
