"""Jobs that are submitted for a watcher: written, not run, and found by whoever finishes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from impasto import BadInput, JobSpec, Settings
from impasto.driver import api
from impasto.driver.detaching import detach
from impasto.jobs.job import Job
from impasto.jobs.presence import present
from impasto.jobs.state import standing
from impasto.jobs.waiting import Undriven
from impasto.storage.stores import Stores
from support import inprocess
from support.command import call
from support.jobs import spec
from support.stores import azure, keys

if TYPE_CHECKING:
    from conftest import MakeClip
    from support.cloud import Azurite


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def undriven(settings: Settings) -> list[Job]:
    return Undriven(Stores.of(settings).open_home(settings.home)).find()


def test_a_detached_job_waits_for_whoever_finishes_it(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    wanted = spec(clip(frames=14), tmp_path / "out.mp4")
    made = detach(wanted, settings)
    assert (made.state, made.output) == ("submitted", str(tmp_path / "out.mp4"))
    assert detach(wanted, settings).state == "already submitted"
    assert not inprocess.InProcess.ran
    (job,) = undriven(settings)
    assert job.id == made.job
    assert len([*job.journal.read()]) == 1
    assert api.finish(job, settings=settings).items == 14
    assert undriven(settings) == []
    assert detach(wanted, settings).state == "done"
    (tmp_path / "out.mp4").unlink()
    assert detach(wanted, settings).state == "submitted"
    api.finish(undriven(settings)[0], settings=settings)
    assert (tmp_path / "out.mp4").exists()


def test_a_job_that_runs_is_not_submitted_again(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    wanted = spec(clip(frames=14), tmp_path / "out.mp4")
    job = Job(Stores({}).open_home(settings.home), detach(wanted, settings).job)
    with present(job.folder, "local"):
        again = detach(wanted.model_copy(update={"max_failed": 3}), settings)
        assert (again.state, again.ignored) == ("already running", ("max_failed",))
        with pytest.raises(BadInput, match="is already running, for "):
            detach(wanted.model_copy(update={"output": str(tmp_path / "b.mp4")}), settings)


def test_a_job_that_waits_keeps_the_output_that_it_was_given(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    first = spec(clip(frames=14), tmp_path / "out.mp4")
    second = first.model_copy(update={"output": str(tmp_path / "b.mp4")})
    detach(first, settings)
    with pytest.raises(BadInput, match="is already submitted, for "):
        detach(second, settings)
    api.finish(undriven(settings)[0], settings=settings)
    assert (tmp_path / "out.mp4").exists()
    detach(second, settings)
    api.finish(undriven(settings)[0], settings=settings)
    assert (tmp_path / "b.mp4").exists()


def test_a_cancelled_job_is_submitted_again(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    wanted = spec(clip(frames=14), tmp_path / "out.mp4")
    job = Job(Stores({}).open_home(settings.home), detach(wanted, settings).job)
    job.cancel()
    assert standing(job, job.listing()).state == "cancelled"
    assert detach(wanted, settings).state == "submitted"
    assert [each.id for each in undriven(settings)] == [job.id]


def test_a_job_in_a_store_is_complete_for_a_watcher_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azurite: Azurite, clip: MakeClip
) -> None:
    control = azure(monkeypatch, azurite, account="ctlacct", role="control")
    data = azure(monkeypatch, azurite)
    assert control.profile
    assert data.profile
    stores = {"control": control.profile, "data": data.profile}
    away = Settings(home=f"{control.url}/home", stores=stores)
    local, output = str(clip(frames=14)), f"{data.url}/out.mp4"
    for given, thing in (
        ({"source": local, "output": output}, "source"),
        ({"source": output, "output": local}, "output"),
    ):
        with pytest.raises(BadInput, match=f"^{thing} .* where a watcher of that home may not be"):
            detach(JobSpec.model_validate(given), away)
    signed = f"{azurite.endpoint('dataacct')}/{data.url.rpartition('/')[2]}/in.mp4?sig=c2VjcmV0"
    with pytest.raises(BadInput, match="its signature stays in this process; for a watcher"):
        detach(JobSpec(source=signed, output=output), away)
    data.open().put_file("in.mp4", Path(local))
    (tmp_path / "needs.txt").write_text("numpy\n")
    wanted = JobSpec(
        source=f"{data.url}/in.mp4",
        output=output,
        scorer="identity",
        requirements=str(tmp_path / "needs.txt"),
    )
    made = detach(wanted, away)
    assert any("/needs.txt" in key for key in keys(control.open("home"), "staged"))
    (job,) = undriven(away)
    assert job.id == made.job
    assert job.spec().requirements != wanted.requirements


def test_the_command_says_who_runs_the_job(tmp_path: Path, clip: MakeClip) -> None:
    words = [clip(frames=14), "--scorer", "identity", "-o", tmp_path / "out.mp4", "--detach"]
    home = ["--home", tmp_path / "home"]
    said = call("submit", *words, *home)
    assert said.returncode == 0, said.stderr
    assert f"submitted to {tmp_path / 'home'}, where 'impasto watch' runs it; see" in said.stdout
    told = json.loads(call("submit", *words, *home, "--json").stdout)
    assert told["state"] == "already submitted"
    assert told["submission"] is None
    refused = call("submit", *words, *home, "--workers", "2")
    assert refused.returncode == 2
    assert "--workers: is the watcher's to decide; leave it out, or --detach" in refused.stderr
