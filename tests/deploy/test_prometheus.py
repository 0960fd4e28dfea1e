"""The check of alerts and dashboard passes what is there, and finds what was planted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from checks import prometheus

ROOT = Path(__file__).parents[2]


def test_what_is_there_passes() -> None:
    assert prometheus.check(ROOT / "deploy") == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            prometheus.ALERTS,
            "impasto_home_up",
            "impasto_home_upp",
            "impasto_home_upp, which nothing",
        ),
        (prometheus.BOARD, "impasto_jobs", "impasto_job", "impasto_job, which nothing exports"),
        (prometheus.ALERTS, "expr: ", "exprs: ", "exprs"),
        (prometheus.ALERTS, "severity: warning", "severity: critical", "FAILED"),
    ],
)
def test_planted_errors_are_found(file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    for part in ("deploy/prometheus", "deploy/grafana", "docs"):
        shutil.copytree(ROOT / part, tmp_path / part)
    path = tmp_path / "deploy" / file
    assert old in path.read_text()
    path.write_text(re.sub(old, new, path.read_text(), count=1))
    found = prometheus.check(tmp_path / "deploy")
    assert any(said in each.text for each in found), found
