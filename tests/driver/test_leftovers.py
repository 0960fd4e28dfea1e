"""What an incomplete job writes, and how later runs complete it without touching others' files."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto import BadInput, JobSpec, Settings
from impasto.driver import api
from impasto.errors import Incomplete, Interrupted
from impasto.jobs.state import standing
from support import inprocess
from support.command import call
from support.jobs import luma, moody, spec, the_job

if TYPE_CHECKING:
    from conftest import MakeClip
    from impasto.schema.progress import Progress

SCRIPT = """
from pathlib import Path

def run(mini_batch):
    for x in mini_batch["x"]:
        if str(x) in Path(__file__).with_name("mood").read_text().split():
            raise ValueError(f"not {x}")
    return list(mini_batch["x"])
"""


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def rows(tmp_path: Path, mood: str, **fields: Any) -> JobSpec:
    (tmp_path / "score.py").write_text(SCRIPT)
    (tmp_path / "mood").write_text(mood)
    (tmp_path / "t.csv").write_text("x\n" + "".join(f"{n}\n" for n in range(8)))
    scorer = f"script:{tmp_path / 'score.py'}"
    return spec(tmp_path / "t.csv", tmp_path / "o.csv", scorer=scorer, **fields)


def failed(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_rows_that_are_done_are_written_and_a_later_run_completes_them(
    tmp_path: Path, settings: Settings
) -> None:
    job, output = rows(tmp_path, "2 5", shard_frames=4), tmp_path / "o.csv"
    with pytest.raises(Incomplete, match=r"6 of 8 rows written to o\.csv; 2 failed") as stopped:
        api.run(job, settings=settings)
    assert (stopped.value.output, stopped.value.report) == (
        str(output),
        str(tmp_path / "o.failed.jsonl"),
    )
    assert output.read_text() == "item,output\n0,0\n1,1\n3,3\n4,4\n6,6\n7,7\n"
    first = {"item": 2, "row": 3, "line": 4, "name": "row 3 (line 4)", "attempts": 1}
    assert failed(tmp_path / "o.failed.jsonl")[0] == {**first, "reason": "ValueError: not 2"}

    (tmp_path / "mood").write_text("5")
    with pytest.raises(Incomplete, match=r"7 of 8 rows written"):
        api.finish(the_job(settings), settings=settings, retry=True)
    (left,) = failed(tmp_path / "o.failed.jsonl")
    assert (left["row"], left["attempts"]) == (6, 2)
    assert "5,5" not in output.read_text()

    (tmp_path / "mood").write_text("")
    assert api.run(job, settings=settings).failed == 0
    assert len(output.read_text().splitlines()) == 9
    assert not (tmp_path / "o.failed.jsonl").exists()


@pytest.mark.parametrize("late", [False, True])
def test_a_partial_output_that_the_user_changed_is_never_replaced(
    tmp_path: Path, settings: Settings, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, output = rows(tmp_path, "2"), tmp_path / "o.csv"
    with pytest.raises(Incomplete):
        api.run(job, settings=settings)
    (tmp_path / "mood").write_text("")

    def change(*_: object) -> None:
        output.write_text("mine")

    if late:
        monkeypatch.setattr(inprocess.InProcess, "__exit__", change)
    else:
        change()
    with pytest.raises(BadInput, match=r"already exists|has been changed since job"):
        api.run(job, settings=settings)
    assert output.read_text() == "mine"


def test_what_failed_within_the_limit_is_listed_too(tmp_path: Path, settings: Settings) -> None:
    result = api.run(rows(tmp_path, "2", max_failed=1), settings=settings)
    assert result.report == str(tmp_path / "o.failed.jsonl")
    assert [it["name"] for it in failed(tmp_path / "o.failed.jsonl")] == ["row 3 (line 4)"]
    (tmp_path / "mood").write_text("")
    assert api.finish(the_job(settings), settings=settings, retry=True).report == ""
    assert not (tmp_path / "o.failed.jsonl").exists()


def test_anothers_list_beside_the_output_stays_and_the_jobs_own_has_another_name(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "o.failed.jsonl").write_text("mine")
    with pytest.raises(Incomplete, match=r"1 failed, see o\.csv\.failed\.jsonl;") as stopped:
        api.run(rows(tmp_path, "2"), settings=settings)
    assert stopped.value.report == str(tmp_path / "o.csv.failed.jsonl")
    assert [it["row"] for it in failed(tmp_path / "o.csv.failed.jsonl")] == [3]
    assert (tmp_path / "o.failed.jsonl").read_text() == "mine"

    (tmp_path / "o.failed.jsonl").unlink()
    with pytest.raises(Incomplete):
        api.finish(the_job(settings), settings=settings, retry=True)
    assert not (tmp_path / "o.failed.jsonl").exists()
    assert failed(tmp_path / "o.csv.failed.jsonl")[0]["attempts"] == 2
    (tmp_path / "mood").write_text("")
    api.finish(the_job(settings), settings=settings, retry=True)
    assert not (tmp_path / "o.csv.failed.jsonl").exists()


def test_outputs_that_share_a_stem_have_a_list_each(tmp_path: Path, settings: Settings) -> None:
    first = rows(tmp_path, "2")
    with pytest.raises(Incomplete, match=r"see o\.failed\.jsonl;"):
        api.run(first, settings=settings)
    (tmp_path / "mood").write_text("5")
    second = first.model_copy(update={"output": str(tmp_path / "o.jsonl")})
    with pytest.raises(Incomplete, match=r"see o\.jsonl\.failed\.jsonl;"):
        api.run(second, settings=settings)
    assert [it["row"] for it in failed(tmp_path / "o.failed.jsonl")] == [3]
    assert [it["row"] for it in failed(tmp_path / "o.jsonl.failed.jsonl")] == [6]


def test_that_nothing_is_listed_is_told_of_where_both_names_are_taken(
    tmp_path: Path, settings: Settings
) -> None:
    for name in ("o.failed.jsonl", "o.csv.failed.jsonl"):
        (tmp_path / name).write_text("mine")
    told = r"what failed is not listed beside it: .*o\.csv\.failed\.jsonl: already exists"
    with pytest.raises(Incomplete, match=told) as stopped:
        api.run(rows(tmp_path, "2"), settings=settings)
    assert stopped.value.report == ""
    assert stopped.value.output
    assert (tmp_path / "o.csv.failed.jsonl").read_text() == "mine"


def test_overwrite_replaces_what_another_job_left(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(Incomplete):
        api.run(rows(tmp_path, "2"), settings=settings)
    other = rows(tmp_path, "5", mini_batch=3)
    with pytest.raises(BadInput, match=r"holds what job .* has done so far"):
        api.run(other, settings=settings)
    with pytest.raises(Incomplete, match="7 of 8 rows written"):
        api.run(other.model_copy(update={"overwrite": True}), settings=settings)
    assert "5,5" not in (tmp_path / "o.csv").read_text()
    assert [it["row"] for it in failed(tmp_path / "o.failed.jsonl")] == [6]
    whole = rows(tmp_path, "", mini_batch=4, overwrite=True)
    assert api.run(whole, settings=settings).failed == 0
    assert not (tmp_path / "o.failed.jsonl").exists()


@pytest.mark.parametrize("mine", ["", "[1]\n", '{"item": 1}\n', "text\n"])
def test_overwrite_leaves_a_file_that_is_no_list_of_what_failed(
    tmp_path: Path, settings: Settings, mine: str
) -> None:
    (tmp_path / "o.failed.jsonl").write_text(mine)
    assert api.run(rows(tmp_path, "", overwrite=True), settings=settings).failed == 0
    assert (tmp_path / "o.failed.jsonl").read_text() == mine


def test_pictures_that_are_done_are_written_without_the_sources_of_failed_ones(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "in").mkdir()
    for n in range(4):
        Image.fromarray(np.full((16, 16, 3), 50 * n, np.uint8)).save(tmp_path / "in" / f"{n}.png")
    params = {"refuse": (100 / 255,)}
    job = spec(tmp_path / "in", tmp_path / "out", scorer="moody", params=params)
    with pytest.raises(Incomplete, match=r"3 of 4 images written.*with the source's picture"):
        api.run(job, settings=settings)
    made = tmp_path / "out"
    assert sorted(path.name for path in made.iterdir()) == ["0.png", "1.png", "3.png"]
    assert {path.stat().st_nlink for path in made.iterdir()} == {1}
    assert [it["name"] for it in failed(tmp_path / "out.failed.jsonl")] == ["2.png"]

    accepted = api.run(job.model_copy(update={"max_failed": 1}), settings=settings)
    assert (accepted.failed, len(list(made.iterdir()))) == (1, 4)


def test_of_a_film_only_the_list_is_written(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    output = tmp_path / "o.mp4"
    job = moody(clip(frames=24), output, 6)
    with pytest.raises(Incomplete, match=r"1 of 24 frames failed, see o\.failed\.jsonl;"):
        api.run(job, settings=settings)
    assert not output.exists()
    (left,) = failed(tmp_path / "o.failed.jsonl")
    assert (left["item"], left["frame"], left["name"][:10]) == (6, 7, "frame 7 at")
    with pytest.raises(Incomplete):
        api.finish(the_job(settings), settings=settings, retry=True)
    assert failed(tmp_path / "o.failed.jsonl")[0]["attempts"] == 2
    api.run(job.model_copy(update={"max_failed": 1}), settings=settings)
    assert len(luma(output)) == 24


def test_the_command_says_in_one_line_what_is_written_and_what_comes_next(tmp_path: Path) -> None:
    rows(tmp_path, "2 5")
    words = ["run", tmp_path / "t.csv", "--scorer", f"script:{tmp_path / 'score.py'}"]
    words += ["-o", tmp_path / "o.csv", "--home", tmp_path / "home"]
    done = call(*words, "--quiet")
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 3
    assert "6 of 8 rows written to o.csv; 2 failed, see o.failed.jsonl; 'impasto retry " in line
    assert line.endswith(" tries them again, --max-failed 2 accepts them")
    accepted = call(*words, "--max-failed", "all")
    assert "8 rows, 2 failed (see o.failed.jsonl beside it)" in accepted.stdout
    assert "failed: row 3 (line 4): ValueError: not 2" in accepted.stderr


def stopped(job: JobSpec, settings: Settings, shards: int) -> None:
    """Run a job until it has tried this many shards, as Ctrl-C would end it."""
    stop = threading.Event()

    def watch(event: Progress) -> None:
        if len(inprocess.InProcess.ran) == shards:
            stop.set()

    with pytest.raises(Interrupted):
        api.run(job, settings=settings, on_progress=watch, stop=stop)
    inprocess.InProcess.ran = []


def test_a_retry_of_a_stopped_job_without_failures_says_so_and_scores_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    stopped(rows(tmp_path, "", shard_frames=2), settings, 1)
    with pytest.raises(
        Incomplete, match=r"nothing has failed; `impasto resume \w+` goes on"
    ) as end:
        api.finish(the_job(settings), settings=settings, retry=True)
    assert "6 open rows" in str(end.value)
    assert inprocess.InProcess.ran == []
    done = call("retry", the_job(settings).id, "--home", settings.home)
    assert (done.returncode, "goes on with 6 open rows" in done.stderr) == (3, True)


def test_a_retry_that_does_nothing_leaves_a_job_cancelled(
    tmp_path: Path, settings: Settings
) -> None:
    stopped(rows(tmp_path, "", shard_frames=2), settings, 1)
    job = the_job(settings)
    job.cancel()
    with pytest.raises(Incomplete, match="nothing has failed") as end:
        api.finish(job, settings=settings, retry=True)
    assert end.value.job == job.id
    assert standing(job, job.listing()).state == "cancelled"
    assert api.finish(job, settings=settings).items == 8


def test_a_retry_tries_what_failed_and_says_what_is_still_open(
    tmp_path: Path, settings: Settings
) -> None:
    job = rows(tmp_path, "1", shard_frames=2)
    stopped(job, settings, 2)
    with pytest.raises(Incomplete, match=r"3 of 8 rows written.*4 are still open"):
        api.finish(the_job(settings), settings=settings, retry=True)
    assert inprocess.InProcess.ran == [0]
    (tmp_path / "mood").write_text("")
    with pytest.raises(Incomplete, match=r"all that had failed is done; 4 rows are still open"):
        api.finish(the_job(settings), settings=settings, retry=True)
    assert inprocess.InProcess.ran == [0, 0]
    assert not (tmp_path / "o.failed.jsonl").exists()
    assert api.run(job, settings=settings).items == 8
    assert sorted(inprocess.InProcess.ran) == [0, 0, 2, 3]
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 9
