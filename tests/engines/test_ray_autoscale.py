"""An autoscaler brings machines for the workers of a job, and takes them away."""

from __future__ import annotations

import json
from pathlib import Path

from support import SCRIPTS
from support.command import found, wait_for
from support.raycluster import Cluster

SCORER = f"python:{SCRIPTS / 'obedient.py'}:Obedient"


def test_machines_come_for_the_workers_of_a_job_and_go_when_it_is_done(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("number,order\n" + "".join(f"{n},wait\n" for n in range(6)))
    with Cluster(scaling={"CPU": 1, "GPU": 1}) as cluster:
        assert cluster.raylets() == 0
        process = cluster.start(
            *("run", rows, "--scorer", SCORER, "--folder", tmp_path, "--shard-frames", 1),
            *("-o", tmp_path / "out.jsonl", "--home", tmp_path / "home", "--device", "cpu"),
            *("--engine", "ray", "--address", cluster.address),
            *("--gpus-per-worker", 1, "--workers", "0:3"),
        )
        wait_for(lambda: found(tmp_path, "begun-*") == 3 or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        assert cluster.raylets() == 3
        (tmp_path / "go").touch()
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        wait_for(lambda: cluster.raylets() == 0, 60)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").open()]
    assert lines == [{"item": n, "output": 2 * n} for n in range(6)]
