"""The trace of a job on a real Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.command import wait_for
from support.otlp import check_tree, collecting
from support.raycase import ROWS, SHARDS, finished

if TYPE_CHECKING:
    from pathlib import Path

    from support.raycase import Case


def test_a_job_on_a_cluster_is_one_trace(case: Case, tmp_path: Path) -> None:
    with collecting() as collector:
        (tmp_path / "impasto.toml").write_text(f'telemetry = "{collector.url}"\n')
        finished(case.cluster.start(*case.ray({}), "--config", tmp_path / "impasto.toml"))
        # Workers end after the job, and send what is left.
        wait_for(lambda: len(collector.named("shard")) == SHARDS, 20)
    check_tree(collector, SHARDS, ROWS)
