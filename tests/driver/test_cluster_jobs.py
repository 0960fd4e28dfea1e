"""The jobs of a cluster as values, from its submissions and the records of a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.driver.cluster_jobs import SHOWN, ClusterJob, cluster_jobs
from impasto.engines.ray.status import Submission
from impasto.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_all_that_run_are_listed_and_only_the_last_others(tmp_path: Path) -> None:
    home = str(tmp_path)
    ended = [Submission("0123456789ab", number, "done", home) for number in range(100, 50, -1)]
    first = Submission("ba9876543210", 1, "running", "az://control/elsewhere")
    listed = [*cluster_jobs([*ended, first], Settings(home=home))]
    assert listed == [*map(ClusterJob, [*ended[:SHOWN], first])]


def test_a_job_without_a_plan_has_no_shards_yet(tmp_path: Path) -> None:
    waiting = Submission("0123456789ab", 1, "waiting", str(tmp_path))
    assert [*cluster_jobs([waiting], Settings(home=str(tmp_path)))] == [ClusterJob(waiting)]
