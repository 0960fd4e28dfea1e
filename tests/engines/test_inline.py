"""The inline engine: a scorer runs in the caller's own process, where a debugger can stop it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from impasto.cli.main import app
from impasto.driver import api
from impasto.errors import BadInput, Incomplete
from impasto.schema.job import JobSpec
from impasto.settings import Settings
from support.command import COMMAND, impasto

if TYPE_CHECKING:
    from conftest import MakeClip
    from impasto.schema.progress import Progress

WHERE = """
import os, threading

class Where:
    batch = 2

    def score(self, batch):
        if (batch["n"] == 3).any():
            raise ValueError("not this one")
        print("scoring", list(batch["n"]))
        return [{"pid": os.getpid(), "thread": threading.current_thread().name}] * len(batch)
"""
BREAKS = """
class Breaks:
    batch = 2

    def score(self, batch):
        doubled = [2 * n for n in batch["n"]]
        breakpoint()
        return doubled
"""
INTERRUPTED = """
import os, signal
from pathlib import Path

class Interrupted:
    batch = 2

    def score(self, batch):
        mark = Path(__file__).with_name("was-interrupted")
        if 2 in list(batch["n"]) and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGINT)
        return [int(n) for n in batch["n"]]
"""


def words(tmp_path: Path, code: str, *more: object) -> list[object]:
    """Return a command that scores eight rows in two shards with a class of this code."""
    name = code.split("class ")[1].split(":")[0]
    (tmp_path / "rows.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(8)))
    (tmp_path / "model.py").write_text(code)
    words = ["run", tmp_path / "rows.csv", "--scorer", f"python:{tmp_path / 'model.py'}:{name}"]
    words += ["-o", tmp_path / "out.jsonl", "--home", tmp_path / "home", "--shard-frames", "4"]
    return [*words, "--engine", "inline", *more]


def typed(command: list[object], keys: str) -> subprocess.CompletedProcess[str]:
    """Run a command and type something at it."""
    return subprocess.run(
        [*COMMAND, *map(str, command)],
        input=keys,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def records(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def test_a_job_is_the_same_and_has_the_same_bytes_as_with_the_local_engine(
    tmp_path: Path, clip: MakeClip
) -> None:
    made = {}
    for engine in ("local", "inline"):
        folder = tmp_path / engine
        settings = Settings(home=str(folder / "home"), engine=engine)
        painting = Path(api.__file__).parents[1] / "scorers/data/painting.jpg"
        spec = JobSpec(
            source=str(clip(frames=12)),
            output=str(folder / "out.mp4"),
            params={"style": str(painting)},
            shard_frames=6,
        )
        result = api.run(spec, settings=settings)
        made[engine] = (result.job, result.sha256)
    assert made["inline"] == made["local"]


def test_a_scorer_runs_in_the_callers_process_and_thread_and_what_it_refuses_is_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.engines.process.Nursery", None)
    words(tmp_path, WHERE)
    spec = JobSpec(
        source=str(tmp_path / "rows.csv"),
        output=str(tmp_path / "out.jsonl"),
        scorer=f"python:{tmp_path / 'model.py'}:Where",
        shard_frames=4,
        max_failed=1,
    )
    seen: list[Progress] = []
    settings = Settings(home=str(tmp_path / "home"), engine="inline")
    result = api.run(spec, settings=settings, on_progress=seen.append)
    assert [error.item for error in result.aside] == [3]
    assert "ValueError: not this one" in result.aside[0].error
    made = [(it["pid"], it["thread"]) for it in records(tmp_path) if "pid" in it]
    assert made == [(os.getpid(), threading.current_thread().name)] * 7
    assert "scoring [4, 5]" in capsys.readouterr().out
    assert max(event.workers.running for event in seen) == 1
    assert not list((tmp_path / "home").glob("facts/**/*.json")), "a debugger's pauses are no facts"


def test_too_many_refused_items_make_a_job_incomplete(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words(tmp_path, WHERE)])
    assert isinstance(done.exception, Incomplete)


def test_no_worker_process_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.engines.process.Nursery", None)
    command = words(tmp_path, WHERE, "--max-failed", "1", "--workers", "1")
    done = CliRunner().invoke(app, [str(word) for word in command])
    assert done.exit_code == 0, done.exception


def test_a_breakpoint_stops_in_the_scorer_and_the_job_goes_on_from_it(tmp_path: Path) -> None:
    done = typed(words(tmp_path, BREAKS), "p doubled\n" + "c\n" * 9)
    assert done.returncode == 0, done.stderr
    assert "[0, 2]" in done.stdout
    assert [it["output"] for it in records(tmp_path)] == [2 * n for n in range(8)]


def test_quitting_the_debugger_stops_the_job_at_once_and_keeps_what_is_done(
    tmp_path: Path,
) -> None:
    done = typed(words(tmp_path, BREAKS), "c\nc\nq\n")
    assert done.returncode == 130, done.stderr
    assert "stopped: 4 of 8 rows scored and kept; " in done.stderr
    shown = impasto("jobs", "--json", "--home", tmp_path / "home")
    assert json.loads(shown.stdout)["shards_done"] == 1
    assert not (tmp_path / "out.jsonl").exists()


def test_ctrl_c_finishes_the_shard_and_another_engine_does_the_rest(tmp_path: Path) -> None:
    command = words(tmp_path, INTERRUPTED)
    stopped = impasto(*command)
    assert stopped.returncode == 130, stopped.stderr
    assert "stopped: 4 of 8 rows scored and kept" in stopped.stderr
    done = impasto(*command, "--engine", "local")
    assert done.returncode == 0, done.stderr
    assert [it["output"] for it in records(tmp_path)] == list(range(8))


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--workers", "2", "--engine inline is a single process"),
        ("--workers", "1:", "--engine inline is a single process"),
        ("--memory", "8GB", "--engine inline has none"),
        ("--address", "auto", "is for workers of a cluster"),
    ],
)
def test_options_of_other_engines_are_refused(
    option: str, value: str, why: str, tmp_path: Path
) -> None:
    command = words(tmp_path, WHERE, option, value)
    done = CliRunner().invoke(app, [str(word) for word in command])
    assert isinstance(done.exception, BadInput)
    assert str(done.exception).startswith(option)
    assert why in str(done.exception)


def test_a_time_limit_is_said_not_to_be_enforced(tmp_path: Path) -> None:
    done = impasto(*words(tmp_path, WHERE, "--timeout", "5", "--max-failed", "1"))
    assert done.returncode == 0, done.stderr
    assert "note: --timeout: is not enforced by --engine inline" in done.stderr
