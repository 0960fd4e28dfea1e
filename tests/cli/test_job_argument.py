"""How commands name a job, and what an error that can be resumed says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from impasto.cli.job_argument import add_remedy, job_argument, name_job
from impasto.errors import BadInput, Incomplete, Interrupted
from support.command import call


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


@pytest.mark.parametrize("command", ["show", "logs", "retry", "resume", "cancel"])
def test_commands_in_a_message_are_completed_by_the_job(command: str, usual_home: str) -> None:
    error = Incomplete(f"job abc: 1 item failed; see `impasto {command}`")
    name_job(error, "abc", usual_home)
    assert str(error).endswith(f"see `impasto {command} abc`")
    error = Incomplete(f"job abc: 1 item failed; see `impasto {command}`")
    name_job(error, "abc", "az://jobs/home")
    assert str(error).endswith(f"see `impasto {command} abc --home az://jobs/home`")


def test_the_list_of_jobs_is_that_of_the_same_home(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    done = call("show", "abc", "--home", "other", inline=False)
    assert f"see 'impasto jobs --home {tmp_path / 'other'}'" in done.stderr
    assert "see 'impasto jobs'," in call("show", "abc", inline=False).stderr


def test_a_partly_failed_job_names_commands_that_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "in" / "good.png")
    (tmp_path / "in" / "bad.png").write_text("no picture")
    home = ["--home", "other"]
    done = call("run", "in", "--scorer", "identity", "-o", "out", *home)
    assert done.returncode == 3
    commands = re.findall(r"'impasto ([^']+)'", done.stderr.splitlines()[-1])
    assert {command.split()[0] for command in commands} == {"retry"}
    for command in commands:
        if command.startswith("retry"):
            assert call(*shlex.split(command), inline=False).returncode == 3


def test_jobs_that_an_id_begins_are_named(tmp_path: Path) -> None:
    ids = [f"ab{n}765f462d1a"[:12] for n in range(5)]
    for each in ids:
        (tmp_path / "jobs" / each).mkdir(parents=True)
        (tmp_path / "jobs" / each / "spec.json").write_text("{}")
    done = call("show", "ab", "--home", tmp_path)
    assert done.returncode == 2
    assert f"job ab: matches 5 jobs ({', '.join(ids[:4])}, ...); type more of the id" in done.stderr
