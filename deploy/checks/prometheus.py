"""Alerts for Prometheus, and the dashboard for Grafana."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from checks.finding import Finding

NAME = "Prometheus and Grafana: alerts, their tests, metrics that are asked for"
CANNOT = (
    "Grafana: no Grafana has shown the dashboard; only that its metrics exist is checked.",
    "Prometheus: labels of metrics are checked by the tests of the service, not here.",
)
ALERTS, TESTS, BOARD = "prometheus/rules.yml", "prometheus/rules_test.yml", "grafana/impasto.json"
METRICS = "docs/observability.md"
"""Where all metrics are listed, beside the folder; a test compares the list with the service."""


def check(deploy: Path) -> list[Finding]:
    """Return what is wrong with the alerts and the dashboard.

    Args:
        deploy: the folder with ``prometheus`` and ``grafana``.
    """
    found = [
        *_promtool(deploy, ALERTS, "check", "rules"),
        *_promtool(deploy, TESTS, "test", "rules"),
    ]
    documented = (deploy.parent / METRICS).read_text()
    known = {*re.findall(r"`(impasto_\w+)`", documented)}
    for file, line, query in queries(deploy):
        for name in re.findall(r"\bimpasto_\w+", query):
            if not {name, re.sub(r"_(bucket|count|sum)$", "", name)} & known:
                found.append(Finding(file, line, f"asks for {name}, which nothing exports"))
    return found


def queries(deploy: Path) -> list[tuple[str, int, str]]:
    """Return what the dashboard and the alerts ask for: file, line, and the query in PromQL.

    Args:
        deploy: the folder with ``prometheus`` and ``grafana``.
    """
    text = (deploy / BOARD).read_text()
    lines = text.splitlines()
    asked = []
    for panel in json.loads(text)["panels"]:
        for target in panel["targets"]:
            written = json.dumps(target["expr"], ensure_ascii=False)
            at = next((n for n, line in enumerate(lines, 1) if written in line), 0)
            asked.append((BOARD, at, str(target["expr"])))
    for number, line in enumerate((deploy / ALERTS).read_text().splitlines(), 1):
        if match := re.match(r" +expr: (.+)$", line):
            asked.append((ALERTS, number, match[1]))
    return asked


def _promtool(deploy: Path, file: str, *command: str) -> list[Finding]:
    try:
        done = subprocess.run(
            ["promtool", *command, str(deploy / file)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return [Finding(file, 0, "promtool is missing; install Prometheus")]
    if not done.returncode:
        return []
    said = " ".join((done.stdout + done.stderr).split()).replace(f"{deploy}/", "")
    return [Finding(file, 1, said[:500])]
