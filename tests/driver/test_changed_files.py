"""A script that was corrected while its job was not complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto import BadInput, Settings
from impasto.driver import api
from impasto.errors import Incomplete
from support import inprocess
from support.command import call
from support.jobs import spec, the_job

if TYPE_CHECKING:
    from pathlib import Path

    from impasto import JobSpec

SCRIPT = """
def run(mini_batch):
    return [6 // (x - 2) for x in mini_batch["x"]]
"""
CORRECTED = """
def run(mini_batch):
    return [100 if x == 2 else "new" for x in mini_batch["x"]]
"""


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


@pytest.fixture
def failed(tmp_path: Path, settings: Settings) -> JobSpec:
    """A job of which the third row fails."""
    (tmp_path / "score.py").write_text(SCRIPT)
    (tmp_path / "t.csv").write_text("x\n0\n1\n2\n3\n")
    scorer = f"script:{tmp_path / 'score.py'}"
    job = spec(tmp_path / "t.csv", tmp_path / "o.csv", scorer=scorer)
    with pytest.raises(Incomplete, match="1 failed"):
        api.run(job, settings=settings)
    return job


def test_a_retry_names_the_file_that_changed_and_scores_nothing(
    tmp_path: Path, settings: Settings, failed: JobSpec
) -> None:
    (tmp_path / "score.py").write_text(CORRECTED)
    inprocess.InProcess.ran = []
    job = the_job(settings).id
    for command in ("retry", "resume"):
        done = call(command, job, "--home", settings.home)
        assert done.returncode == 2
        assert f"job {job}: {tmp_path / 'score.py'} has changed since the job began" in done.stderr
        assert "--accept-changes scores what is left with the new version" in done.stderr
    assert inprocess.InProcess.ran == []


def test_an_accepted_change_scores_what_failed_and_is_told_of(
    tmp_path: Path, settings: Settings, failed: JobSpec
) -> None:
    (tmp_path / "score.py").write_text(CORRECTED)
    job = the_job(settings)
    done = call("retry", job.id, "--accept-changes", "--home", settings.home)
    assert done.returncode == 0, done.stderr
    assert "note: score.py has changed; its new version is used\n" in done.stderr
    assert "made with 2 versions of the job's files" in done.stderr
    lines = (tmp_path / "o.csv").read_text().splitlines()
    assert lines == ["item,output", "0,-3", "1,-6", "2,100", "3,6"]
    shown = call("show", job.id, "--home", settings.home).stdout
    assert f"script {tmp_path / 'score.py'}: " in shown
    assert job.result() is not None


def test_later_runs_go_on_with_the_accepted_version_and_know_the_first_one(
    tmp_path: Path, settings: Settings, failed: JobSpec
) -> None:
    (tmp_path / "score.py").write_text(SCRIPT.replace("x - 2", "x - 2.0"))
    job = the_job(settings)
    with pytest.raises(Incomplete, match="1 failed"):
        api.finish(job, settings=settings, retry=True, accept_changes=True)
    with pytest.raises(Incomplete, match="1 failed"):
        api.finish(job, settings=settings, retry=True)
    (tmp_path / "score.py").write_text(SCRIPT)
    with pytest.raises(BadInput, match=r"a later version of .*score\.py was accepted in it"):
        api.run(failed, settings=settings)
    (tmp_path / "score.py").write_text(CORRECTED)
    with pytest.raises(BadInput, match=r"score\.py has changed"):
        api.finish(job, settings=settings, retry=True)
    assert len(job.notes.changes()) == 1


def test_a_finished_job_is_not_passed_off_as_the_work_of_an_earlier_version(
    tmp_path: Path, settings: Settings, failed: JobSpec
) -> None:
    (tmp_path / "score.py").write_text(CORRECTED)
    job = the_job(settings)
    assert api.finish(job, settings=settings, retry=True, accept_changes=True).failed == 0
    (tmp_path / "score.py").write_text(SCRIPT)
    with pytest.raises(BadInput, match=rf"`impasto rm {job.id}`"):
        api.run(failed, settings=settings)


def test_a_corrected_script_is_told_of_the_job_that_it_could_complete(
    tmp_path: Path, settings: Settings, failed: JobSpec
) -> None:
    (tmp_path / "score.py").write_text(CORRECTED)
    job = the_job(settings)
    told = rf"o\.csv: holds what job {job.id} has done so far; complete it with `impasto retry"
    with pytest.raises(BadInput, match=told):
        api.run(failed, settings=settings)
    (tmp_path / "o.csv").write_text("mine")
    with pytest.raises(BadInput, match=rf"o\.csv: has been changed since job {job.id} left it"):
        api.finish(job, settings=settings, retry=True, accept_changes=True)


def test_nothing_is_accepted_where_nothing_changed_or_the_source_did(
    tmp_path: Path, settings: Settings, failed: JobSpec
) -> None:
    job = the_job(settings)
    with pytest.raises(BadInput, match="none of its files has changed"):
        api.finish(job, settings=settings, retry=True, accept_changes=True)
    (tmp_path / "t.csv").write_text("x\n7\n")
    (tmp_path / "score.py").write_text(CORRECTED)
    with pytest.raises(BadInput, match=r"t\.csv: it, or a file"):
        api.finish(job, settings=settings, retry=True, accept_changes=True)
    assert job.notes.changes() == []
