"""Ray on this machine: it may not start, and none of its processes outlives its driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from support import SCRIPTS
from support.command import COMMAND, found, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    # Sockets are below it, and their names are limited to 107 characters.
    with tempfile.TemporaryDirectory(prefix="ro", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield os.environ | {"RAY_TMPDIR": folder, "HOME": str(tmp_path)}


def test_no_process_of_ray_outlives_a_driver_that_is_killed(
    tmp_path: Path, env: Mapping[str, str]
) -> None:
    (tmp_path / "rows.csv").write_text("number,order\n0,wait\n1,fine\n")
    scorer = f"python:{SCRIPTS / 'obedient.py'}:Obedient"
    words = ["run", tmp_path / "rows.csv", "--scorer", scorer, "--folder", tmp_path]
    words += ["-o", tmp_path / "o.jsonl", "--home", tmp_path / "home", "--device", "cpu"]
    more = ["--engine", "ray", "--workers", "1"]
    process = subprocess.Popen(
        [*COMMAND, *map(str, words), *more], env=env, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: found(tmp_path, "begun-0") or process.poll() is not None, 120)
    assert process.poll() is None, process.communicate()
    left = psutil.Process(process.pid).children(recursive=True)
    assert {"gcs_server", "raylet"} <= {each.name() for each in left}
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(left, 30)
    assert not alive


LATE = """
import json, time
from types import SimpleNamespace

import psutil
from impasto.engines.ray.environment import configure_ray
configure_ray()
from impasto.engines.ray import connection
from impasto.errors import Unavailable
from impasto.schema.job import JobSpec
from impasto.settings import Settings
from impasto.storage.stores import Stores
from ray._private import node, services

seen, starts = {}, []
start = services.start_ray_process

def counted(command, kind, *more, **how):
    starts.append(kind)
    return start(command, kind, *more, **how)

def late(*_):
    seen.update((each.pid, each) for each in psutil.Process().children(recursive=True))
    # Ray waits until this clock has gone on by 30 seconds.
    clock.monotonic = lambda: time.monotonic() + 31 * (len(seen) > 3)
    raise RuntimeError("no such node")

services.start_ray_process, services.get_node = counted, late
clock = node.time = SimpleNamespace(**vars(time))
connection.LONGER = 1.0
spec = JobSpec(source="a.csv", scorer="identity", output="b.csv")
told = ""
try:
    connection.join(Settings(home="home", engine="ray"), spec, Stores({}))
except Unavailable as error:
    told = str(error)
alive = [it.name() for it in seen.values() if it.is_running() and it.status() != "zombie"]
print(json.dumps([told, starts.count("raylet"), alive, len(seen)]))
"""


def test_ray_that_is_late_twice_is_told_of_in_one_line_and_leaves_nothing(
    tmp_path: Path, env: Mapping[str, str]
) -> None:
    words = [sys.executable, "-c", LATE]
    done = subprocess.run(
        words, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    told, starts, alive, seen = json.loads(done.stdout)
    assert told.startswith("Ray cannot be started on this machine (The current node timed out")
    assert told.endswith("; try again when it is less busy, or use `engine=local`")
    assert (starts, alive) == (2, [])
    assert seen > 3
