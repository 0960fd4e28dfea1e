"""Jobs that an earlier version began go on, with the same ids, to the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from impasto.schema.job import JobSpec
from support.write_home import JOBS, SPOILED, checked, lay_out, made, upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import MotoS3

DATA = Path(__file__).parents[1] / "data" / "home-0.1"
EXPECTED = json.loads((DATA / "expected.json").read_text())
SHOWN = json.loads((DATA / "shown.json").read_text())


@pytest.fixture(scope="module", autouse=True)
def _sources(s3: MotoS3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The sources and scripts, where the earlier version found them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in lay_out(s3, tmp_path_factory.mktemp("config")).items():
            patch.setenv(name, value)
        upload(DATA / "sources")
        yield


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What the earlier version left."""
    return shutil.copytree(DATA / "home", tmp_path / "home")


def digest(name: str, folder: Path) -> str:
    return hashlib.sha256(made(name, folder)).hexdigest()


def records(home: Path, name: str) -> dict[str, bytes]:
    folder = home / "jobs" / EXPECTED[name]["job"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


def log(home: Path, name: str) -> list[dict[str, Any]]:
    """All that a job logged."""
    files = (home / "jobs" / EXPECTED[name]["job"] / "logs").iterdir()
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def scored(home: Path, name: str) -> list[int]:
    """The shard of every item that was scored, as often as it was."""
    return sorted(line["shard"] for line in log(home, name) if line["event"] == "item")


@pytest.mark.parametrize("name", JOBS)
def test_a_job_resumes_without_scoring_again_what_is_done(
    name: str, home: Path, tmp_path: Path
) -> None:
    before, items = records(home, name), scored(home, name)
    done = {path for path in before if path.startswith("done/")}
    assert len(done) == SHOWN[name]["shards_done"]

    result = json.loads(checked("resume", EXPECTED[name]["job"], "--home", home, "--json"))

    told = SHOWN[name]
    assert (result["items"], result["failed"]) == (told["items"], told["items_failed"])
    assert digest(name, tmp_path) == EXPECTED[name]["sha256"]
    after = records(home, name)
    assert {path: after.get(path) for path in done} == {path: before[path] for path in done}
    finished = {int(path[5:10]) for path in done}
    again = [shard for shard in scored(home, name) if shard in finished]
    assert again == [shard for shard in items if shard in finished]


@pytest.mark.parametrize("name", JOBS)
def test_the_same_command_makes_the_same_job_and_the_same_bytes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOILED", SPOILED if name == "rows" else "")
    words = [*JOBS[name], "--overwrite", "--home", tmp_path / "home", "--json"]
    result = json.loads(checked(*words))
    assert result["job"] == EXPECTED[name]["job"]
    assert digest(name, tmp_path) == EXPECTED[name]["sha256"]


def test_what_the_earlier_version_set_aside_is_tried_again_alone(
    home: Path, tmp_path: Path
) -> None:
    job = EXPECTED["rows"]["job"]
    checked("resume", job, "--home", home, "--overwrite")
    items = len(scored(home, "rows"))
    result = json.loads(checked("retry", job, "--home", home, "--json"))
    assert (result["items"], result["failed"]) == (60, 0)
    assert digest("rows", tmp_path) == EXPECTED["rows"]["retried"]
    assert len(scored(home, "rows")) == items + 1


def test_jobs_lists_what_the_earlier_version_left(home: Path) -> None:
    listed = [json.loads(line) for line in checked("jobs", "--home", home, "--json").splitlines()]
    found = {job["job"]: (job["state"], job["shards_done"], job["shards"]) for job in listed}
    assert found == {
        EXPECTED["video"]["job"]: ("stopped", 4, 6),
        EXPECTED["rows"]["job"]: ("stopped", 3, 6),
        EXPECTED["finished"]["job"]: ("done", 3, 3),
    }


@pytest.mark.parametrize("name", JOBS)
def test_show_tells_all_that_the_earlier_version_told(name: str, home: Path) -> None:
    shown = json.loads(checked("show", EXPECTED[name]["job"], "--home", home, "--json"))
    told = SHOWN[name]
    # Digests of files stand in a field of their own since then.
    spec = JobSpec.model_validate(told["spec"])
    assert spec.pins
    # An open job was one that nobody had finished.
    state = {"open": "stopped"}.get(told["status"], told["status"])
    told = {name: value for name, value in told.items() if name != "status"} | {"state": state}
    told = told | {"spec": spec.model_dump(mode="json")}
    if told["result"]:
        # It knew no list of what failed, no warnings, no noun, and no counts but of failures.
        more = {"warnings": [], "report": "", "scored": 0, "noun": "", "repeated": 0}
        told["result"] = {**more, **told["result"]}
    told["failed"] = [{**error, "attempts": 1} for error in told["failed"]]
    told["failed"] = [{**error, "attempts": 1} for error in told["failed"]]
    assert {key: shown.get(key) for key in told} == told


@pytest.mark.parametrize("name", JOBS)
def test_logs_prints_all_that_the_earlier_version_logged(name: str, home: Path) -> None:
    job = EXPECTED[name]["job"]
    printed = checked("logs", job, "--home", home, "--json").splitlines()
    stored = [line | {"job": job} for line in log(home, name)]
    assert sorted(map(json.loads, printed), key=str) == sorted(stored, key=str)
    text = checked("logs", job, "--home", home)
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    assert len(lines) == len(log(home, name))
