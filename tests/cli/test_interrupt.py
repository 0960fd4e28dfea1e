"""Signals are answered at any moment of a job, and cost nothing that was done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from support.command import call, found, impasto, start, wait_for

if TYPE_CHECKING:
    from pathlib import Path

STOPPING = "stopping: finishing "
DOING = {"planning": "reading", "scoring": "scoring", "assembling": "writing the records"}
"""What a job says of itself, by its stage."""
BOUND = 10
"""Seconds in which a signal must be answered, on a machine that is busy with other tests."""
ROWS, COLUMNS = 1500, 1000
MOMENTS = [
    *(("planning", seconds) for seconds in (0, 0.03, 0.06, 0.1)),
    *(("scoring", shards) for shards in (0, 1, 3)),
    *(("assembling", seconds) for seconds in (0, 0.4, 1.0)),
]
"""Stages of a job, and how far they are: seconds that the driver has computed, or shards done."""


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """A command that spends seconds on every stage."""
    folder = tmp_path_factory.mktemp("wide")
    source, script = folder / "wide.csv", folder / "echo.py"
    with source.open("w") as file:
        file.write(",".join(f"c{n}" for n in range(COLUMNS)) + "\n")
        for row in range(ROWS):
            file.write(",".join(str((row * 7 + n) % 1000) for n in range(COLUMNS)) + "\n")
    script.write_text("def run(mini_batch):\n    return mini_batch\n")
    return ["run", source, "--scorer", f"script:{script}", "--shard-frames", 150, "--workers", 1]


@pytest.fixture(scope="module")
def whole(words: list[object], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the command makes when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("whole")
    done = impasto(*words, "-o", folder / "o.csv", "--home", folder / "home")
    assert done.returncode == 0, done.stderr
    return (folder / "o.csv").read_bytes()


def reach(process: subprocess.Popen[str], home: Path, stage: str, amount: float) -> None:
    """Wait until a job is this far in a stage, or further."""
    assert process.stderr
    while f": {DOING[stage]}" not in process.stderr.readline():
        assert process.poll() is None
    if stage == "scoring":
        wait_for(lambda: found(home, "jobs/*/done/*.json") >= amount)
        return
    driver = psutil.Process(process.pid)
    began = driver.cpu_times().user
    wait_for(lambda: driver.cpu_times().user - began >= amount)


def stop(process: subprocess.Popen[str]) -> str:
    """Send SIGTERM, and again where shards are to finish; returns what was said after that."""
    said = ""
    # Its end is then not the one that is expected.
    watch = threading.Timer(BOUND, process.kill)
    watch.start()
    process.send_signal(signal.SIGTERM)
    assert process.stderr
    for line in process.stderr:
        said += line
        if STOPPING in line:
            process.send_signal(signal.SIGTERM)
    process.wait()
    watch.cancel()
    return said


def test_a_signal_is_answered_at_any_moment(
    words: list[object], whole: bytes, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    full = [*words, "-o", tmp_path / "o.csv", "--home", home]
    for stage, amount in MOMENTS:
        process = start(*full)
        reach(process, home, stage, amount)
        workers = psutil.Process(process.pid).children(recursive=True)
        said = stop(process)
        assert process.returncode == 130, (stage, amount, said)
        # On a busy machine, a signal sent while the job is planned may come after that.
        scores = stage == "scoring" or (stage == "planning" and ": scoring" in said)
        assert (STOPPING in said) == scores, (stage, amount, said)
        assert said.splitlines()[-1].startswith("impasto: stopped: ")
        assert not psutil.wait_procs(workers, BOUND)[1]
        assert not list(tmp_path.glob("*o.csv*"))
    done = impasto(*full)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.csv").read_bytes() == whole


def test_a_job_that_is_stopped_while_it_is_planned_says_so_as_json(
    words: list[object], tmp_path: Path
) -> None:
    home = ("--home", tmp_path / "home")
    process = start(*words, "-o", tmp_path / "o.csv", *home, "--json")
    reach(process, tmp_path / "home", "planning", 0)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=BOUND)
    (job,) = (tmp_path / "home" / "jobs").iterdir()
    said = json.loads(out)
    assert (said["job"], said["exit_code"]) == (job.name, 130)
    assert call("show", job.name, *home).returncode == 0


EARLY = """
import os, signal, sys

class Signal:
    def find_spec(self, name, *_):
        if name == "impasto.cli.main":
            os.kill(os.getpid(), signal.SIGTERM)

sys.argv = ["impasto", "run", "in.csv"]
sys.meta_path.insert(0, Signal())
from impasto.__main__ import main
main()
"""


def test_a_signal_before_anything_is_loaded_ends_with_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EARLY], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "impasto: stopped before anything began\n"
