"""What a command says at the end of a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.command import call

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
from pathlib import Path

def run(mini_batch):
    for x in mini_batch["x"]:
        if str(x) in Path(__file__).with_name("mood").read_text().split():
            raise ValueError(f"not {x}")
    return list(mini_batch["x"])
"""
RUN = ("run", "t.csv", "--scorer", "script:score.py", "-o", "o.csv")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in: a table of eight rows, of which a script refuses two."""
    (tmp_path / "score.py").write_text(SCRIPT)
    (tmp_path / "mood").write_text("2 5")
    (tmp_path / "t.csv").write_text("x\n" + "".join(f"{n}\n" for n in range(8)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return tmp_path


def job_in(home: Path) -> str:
    (job,) = (home / "jobs").iterdir()
    return job.name


def test_an_output_is_called_what_was_typed_or_where_it_is(here: Path) -> None:
    assert call(*RUN, "--max-failed", 2).stdout.startswith("o.csv: 8 rows, 2 failed")
    resumed = call("resume", job_in(here / "home"))
    assert resumed.stdout.startswith(f"{here / 'o.csv'}: 8 rows, 2 failed")


def test_a_run_that_scored_a_part_says_how_many(here: Path) -> None:
    assert call(*RUN).returncode == 3
    (here / "mood").write_text("")
    retried = call("retry", job_in(here / "home")).stdout
    assert retried.startswith(f"{here / 'o.csv'}: 2 of 8 rows in ")
    assert call(*RUN).stdout.startswith("o.csv: 8 rows, done already")


def test_what_failed_is_named_above_the_line_that_says_what_comes_next(here: Path) -> None:
    done = call(*RUN, "--shard-frames", 4)
    job = job_in(here / "home")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-3:] == [
        "failed: row 3 (line 4): ValueError: not 2",
        "failed: row 6 (line 7): ValueError: not 5",
        f"impasto: job {job}: 6 of 8 rows written to o.csv; 2 failed, see o.failed.jsonl; "
        f"'impasto retry {job}' tries them again, --max-failed 2 accepts them",
    ]
    assert "\nfailed: " not in call(*RUN, "--shard-frames", 4, "--quiet").stderr


def test_show_says_once_what_failed_and_how_to_go_on(here: Path) -> None:
    call(*RUN)
    job = job_in(here / "home")
    shown = call("show", job).stdout
    assert "state        incomplete, 75%: 6 of 8 rows done, 2 failed\n" in shown
    assert "ended with" not in shown
    assert shown.count("failed: row 3 (line 4): ValueError: not 2\n") == 1
    assert shown.endswith(
        f"to go on: impasto retry {job}\nto accept: impasto resume {job} --max-failed 2\n"
    )
    assert f"{job[:6]}  incomplete   75%  " in call("jobs").stdout
    accepted = call("resume", job, "--max-failed", 2)
    assert accepted.returncode == 0
    assert "state        done, 100%: 8 of 8 rows, 2 failed\n" in call("show", job).stdout


def test_show_says_once_why_a_shard_failed(here: Path) -> None:
    (here / "score.py").write_text("def run(mini_batch):\n    return 1\n")
    call(*RUN, "--shard-frames", 4)
    shown = call("show", job_in(here / "home")).stdout
    assert "ended with" not in shown
    assert "failed: row 1 (line 2), row 2 (line 3), " in shown
    assert "to accept" not in shown


def test_a_driver_speaks_json_to_programs_that_collect_logs(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "mood").write_text("")
    monkeypatch.setenv("IMPASTO_LOG", "json")
    done = call(*RUN, "--json")
    *said, result = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.stderr, result["items"]) == ("", 8)
    assert {line["process"] for line in said} == {"driver"}
    assert {line["level"] for line in said} == {"info"}
    assert {line["job"] for line in said} == {result["job"]}
