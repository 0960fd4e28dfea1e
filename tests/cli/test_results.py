"""What a command says at the end of a job."""

from __future__ import annotations

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
