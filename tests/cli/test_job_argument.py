"""How commands name a job, and what an error that can be resumed says."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from impasto.cli.job_argument import add_remedy, job_argument
from impasto.errors import BadInput, Incomplete, Interrupted


@pytest.fixture(autouse=True)
def usual_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "usual"))
    return str(tmp_path / "usual")


def test_a_job_of_the_usual_home_is_named_by_its_id(usual_home: str) -> None:
    assert job_argument("abc", usual_home) == "abc"


def test_a_job_of_another_home_is_named_with_it_for_a_shell(tmp_path: Path) -> None:
    home = str(tmp_path / "my jobs")
    assert shlex.split(job_argument("abc", home)) == ["abc", "--home", home]


def test_an_error_that_can_be_resumed_names_the_command() -> None:
    error = Incomplete("job abc: stopped; 24 of 48 frames are done and kept", job="abc")
    add_remedy(error, "az://jobs/home")
    command = "'impasto resume abc --home az://jobs/home'"
    assert str(error).endswith(
        f"are done and kept; run the same command, or {command}, to continue"
    )


def test_a_job_that_stays_cancelled_is_not_resumed_by_the_same_command(usual_home: str) -> None:
    error = Interrupted("job abc: was cancelled", job="abc")
    add_remedy(error, usual_home, as_submitted=True)
    assert str(error) == "job abc: was cancelled; run 'impasto resume abc' to continue"


def test_an_error_that_cannot_be_resumed_stays_as_it_is(usual_home: str) -> None:
    error = BadInput("clip.mp4: no such file; check the path")
    add_remedy(error, usual_home)
    assert str(error) == "clip.mp4: no such file; check the path"
