"""Jobs over any items: what a user's class makes of them, what is set aside, and retry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from impasto.driver import api
from impasto.errors import BadInput, Incomplete
from impasto.jobs import find
from impasto.schema.events import Item
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Result
from impasto.settings import Settings
from impasto.storage.stores import Stores
from support import inprocess

if TYPE_CHECKING:
    from conftest import MakeClip

CLASSES = '''
from pathlib import Path

MOOD = Path(__file__).with_name("mood")


def moody(value):
    """Refuse what the file beside this one names."""
    if MOOD.exists() and str(value) in MOOD.read_text().split():
        raise ValueError(f"not {value}")


class Describe:
    """A record of each picture: its red."""

    def score(self, batch):
        return [self.one(picture) for picture in batch]

    def one(self, picture):
        red = int(picture[0, 0, 0])
        moody(red)
        return [{"red": red}] * (red % 3)


class Darken:
    """Pictures at half their light."""

    def score(self, batch):
        for picture in batch:
            moody(int(picture[0, 0, 0]))
        return batch // 2


class Double:
    """Pictures of twice the size."""

    def score(self, batch):
        return batch.repeat(2, axis=1).repeat(2, axis=2)


class Echo:
    """Rows as they came."""

    def score(self, batch):
        return batch


class Add:
    """Rows with a sum."""

    def __init__(self, more: int = 0):
        self.more = more

    def score(self, batch):
        for x in batch["x"]:
            moody(x)
        return batch.assign(sum=batch["x"] + batch["y"] + self.more)[["sum"]]
'''


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    inprocess.install(monkeypatch)
    (tmp_path / "classes.py").write_text(CLASSES)
    return Settings(home=str(tmp_path / "home"))


def spec(tmp_path: Path, name: str, source: Path, output: str, **fields: Any) -> JobSpec:
    scorer = f"python:{tmp_path / 'classes.py'}:{name}"
    return JobSpec(source=str(source), output=str(tmp_path / output), scorer=scorer, **fields)


def pictures(folder: Path, *reds: int) -> Path:
    for n, red in enumerate(reds):
        path = folder / ("deep/er" if n % 2 else "") / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16 + 8 * (n % 2), 16), (red, 0, 0)).save(path)
    return folder / "**" / "*.png"


def table(path: Path, count: int) -> Path:
    pd.DataFrame({"x": range(count), "y": range(1000, 1000 + count)}).to_csv(path, index=False)
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def retried(tmp_path: Path, settings: Settings) -> Result:
    home = Stores({}).open(settings.home)
    (job,) = find.jobs(home)
    return api.finish(job, settings=settings, retry=True)


def test_pictures_of_a_tree_become_records_in_order_none_one_or_several_each(
    tmp_path: Path, settings: Settings
) -> None:
    source = pictures(tmp_path / "in", 1, 2, 3, 4)
    result = api.run(spec(tmp_path, "Describe", source, "o.jsonl"), settings=settings)
    assert result.items == 4
    found = [(it["item"], it["red"]) for it in lines(tmp_path / "o.jsonl")]
    deep = [("deep/er/1.png", 2)] * 2 + [("deep/er/3.png", 4)]
    assert found == [("0.png", 1), *deep]


def test_frames_of_a_video_become_records_with_their_time(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    source = clip(frames=25)
    api.run(spec(tmp_path, "Describe", source, "o.jsonl", shard_frames=12), settings=settings)
    found = lines(tmp_path / "o.jsonl")
    assert [it["item"] for it in found] == sorted(it["item"] for it in found)
    with av.open(str(source)) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert all(it["time"] == pytest.approx(times[it["item"]], abs=1e-5) for it in found)


def test_a_scorer_may_change_the_size_of_a_video(
    tmp_path: Path, settings: Settings, clip: MakeClip
) -> None:
    api.run(spec(tmp_path, "Double", clip(frames=25), "o.mp4"), settings=settings)
    with av.open(str(clip(frames=25))) as before, av.open(str(tmp_path / "o.mp4")) as after:
        old, new = before.streams.video[0], after.streams.video[0]
        assert (new.width, new.height) == (2 * old.width, 2 * old.height)
        assert len([*after.decode(video=0)]) == 25


def test_a_scorer_may_change_the_size_of_images_each_its_own(
    tmp_path: Path, settings: Settings
) -> None:
    api.run(spec(tmp_path, "Double", pictures(tmp_path / "in", 1, 2), "out"), settings=settings)
    sizes = {
        p.relative_to(tmp_path).as_posix(): Image.open(p).size for p in tmp_path.rglob("*.png")
    }
    assert sizes["out/0.png"] == (32, 32)
    assert sizes["out/deep/er/1.png"] == (48, 32)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_rows_become_rows_in_order_whatever_the_format(
    tmp_path: Path, settings: Settings, suffix: str
) -> None:
    job = spec(
        *(tmp_path, "Add", table(tmp_path / "t.csv", 100), f"o.{suffix}"),
        shard_frames=30,
        mini_batch=7,
        params={"more": 1},
    )
    api.run(job, settings=settings)
    output = tmp_path / f"o.{suffix}"
    if suffix == "csv":
        found = pd.read_csv(output)
    elif suffix == "parquet":
        found = pd.read_parquet(output)
    else:
        found = pd.DataFrame(lines(output))
    assert found["item"].tolist() == list(range(100))
    assert found["sum"].tolist() == [1001 + 2 * n for n in range(100)]


@pytest.mark.parametrize("source", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_keys_come_out_as_they_went_in(
    tmp_path: Path, settings: Settings, source: str, suffix: str
) -> None:
    keys: list[dict[str, Any]] = [
        {"id": 2**53 + 1, "code": "01234"},
        {"id": None, "code": "9"},
        {"id": 7, "code": "10"},
    ]
    rows = pd.DataFrame(keys, dtype=object).astype({"id": "Int64", "code": "str"})
    path = tmp_path / f"t.{source}"
    match source:
        case "csv":
            rows.to_csv(path, index=False)
        case "jsonl":
            path.write_text("\n".join(map(json.dumps, keys)))
        case _:
            rows.to_parquet(path)
    api.run(spec(tmp_path, "Echo", path, f"o.{suffix}", shard_frames=2), settings=settings)
    output = tmp_path / f"o.{suffix}"
    if suffix == "csv":
        assert output.read_text().splitlines()[1:] == [f"0,{2**53 + 1},01234", "1,,9", "2,7,10"]
    else:
        found = pq.read_table(output).to_pylist() if suffix == "parquet" else lines(output)
        assert found == [{"item": n, **record} for n, record in enumerate(keys)]


def test_what_a_file_of_records_cannot_hold_is_in_the_result(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("item,x\nk,inf\n")
    result = api.run(spec(tmp_path, "Echo", path, "o.jsonl"), settings=settings)
    assert [note.partition(",")[0].partition(";")[0] for note in result.notes] == [
        "1 infinite value became null",
        "the field 'item' is each item's key",
    ]
    assert lines(tmp_path / "o.jsonl") == [{"item": 0, "item_": "k", "x": None}]


def test_retry_of_a_finished_job_scores_what_was_set_aside_and_nothing_else(
    tmp_path: Path, settings: Settings
) -> None:
    mood = tmp_path / "mood"
    mood.write_text("17 61")
    job = spec(tmp_path, "Add", table(tmp_path / "t.csv", 90), "o.jsonl", shard_frames=30)
    job = job.model_copy(update={"max_failed": 2})
    result = api.run(job, settings=settings)
    assert [it.item for it in result.aside] == [17, 61]
    assert "ValueError: not 17" in result.aside[0].error
    assert "moody" in result.aside[0].traceback
    assert [it["item"] for it in lines(tmp_path / "o.jsonl")] == [
        n for n in range(90) if n not in (17, 61)
    ]

    mood.write_text("61")
    inprocess.InProcess.ran = []
    assert retried(tmp_path, settings).failed == 1
    assert inprocess.InProcess.ran == [0, 2]
    assert [it["item"] for it in lines(tmp_path / "o.jsonl")] == [n for n in range(90) if n != 61]

    mood.unlink()
    again = retried(tmp_path, settings)
    assert (again.items, again.failed) == (90, 0)
    assert [it["sum"] for it in lines(tmp_path / "o.jsonl")] == [1000 + 2 * n for n in range(90)]
    home = Stores({}).open(settings.home)
    scored = [it for it in find.jobs(home)[0].journal.read() if isinstance(it, Item)]
    assert len(scored) == 90 + 2 + 1
    assert api.run(job, settings=settings).seconds == 0


def test_retry_of_images_keeps_those_that_were_made(tmp_path: Path, settings: Settings) -> None:
    mood, out = tmp_path / "mood", tmp_path / "out"
    mood.write_text("120")
    source = pictures(tmp_path / "in", 60, 100, 120, 140)
    api.run(spec(tmp_path, "Darken", source, "out", max_failed=1), settings=settings)
    before = {p.name: np.asarray(Image.open(p))[0, 0, 0] for p in out.rglob("*.png")}
    assert before == {"0.png": 30, "1.png": 50, "2.png": 120, "3.png": 70}
    mood.unlink()
    assert retried(tmp_path, settings).failed == 0
    after = {p.name: np.asarray(Image.open(p))[0, 0, 0] for p in out.rglob("*.png")}
    assert after == before | {"2.png": 60}
    home = Stores({}).open(settings.home)
    scored = [it for it in find.jobs(home)[0].journal.read() if isinstance(it, Item)]
    assert len(scored) == 4 + 1


def test_the_same_command_tries_only_the_failed_rows_again(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "mood").write_text("5")
    job = spec(tmp_path, "Add", table(tmp_path / "t.csv", 20), "o.csv")
    with pytest.raises(Incomplete, match="1 failed, see ") as ended:
        api.run(job, settings=settings)
    assert ended.value.aside == ("row 6 (line 7): ValueError: not 5",)
    (tmp_path / "mood").unlink()
    assert api.run(job, settings=settings).failed == 0
    home = Stores({}).open(settings.home)
    scored = [it.item for it in find.jobs(home)[0].journal.read() if isinstance(it, Item)]
    assert sorted(scored) == sorted([*range(20), 5])


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ({"max_failed": 2}, False),
        ({"max_failed": 3}, True),
        ({"max_failed": -1}, True),
        ({"max_failed_percent": 2.0}, False),
        ({"max_failed_percent": 3.0}, True),
        ({"max_failed": -1, "max_failed_batches": 1}, False),
        ({"max_failed": -1, "max_failed_batches": 2}, True),
    ],
)
def test_how_much_may_fail_is_counted_in_items_shares_or_mini_batches(
    tmp_path: Path, settings: Settings, fields: dict[str, Any], passes: bool
) -> None:
    (tmp_path / "mood").write_text("11 12 35")
    source = table(tmp_path / "t.csv", 100)
    job = spec(tmp_path, "Add", source, "o.csv", mini_batch=10, **fields)
    if passes:
        assert api.run(job, settings=settings).failed == 3
    else:
        with pytest.raises(Incomplete, match=r"97 of 100 rows written to .*; 3 failed"):
            api.run(job, settings=settings)


def test_a_job_that_fails_more_than_it_may_stops_before_its_end(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "mood").write_text("1 2 3")
    source = table(tmp_path / "t.csv", 100)
    job = spec(tmp_path, "Add", source, "o.csv", shard_frames=10, max_failed=2)
    with pytest.raises(Incomplete, match="more than 2 items failed"):
        api.run(job, settings=settings)
    assert inprocess.InProcess.ran == [0]


@pytest.mark.parametrize(
    ("name", "output", "what"),
    [
        ("Describe", "o.mp4", "the scorer makes records; choose an output such as .jsonl"),
        ("Darken", "o.jsonl", "the scorer makes pictures; choose an output such as .mp4"),
    ],
)
def test_a_scorer_that_makes_something_else_than_the_output_wants_is_told_of(
    tmp_path: Path, settings: Settings, clip: MakeClip, name: str, output: str, what: str
) -> None:
    with pytest.raises(BadInput, match=what):
        api.run(spec(tmp_path, name, clip(frames=5), output), settings=settings)


def test_a_class_is_pinned_by_its_content(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "mood").write_text("5")
    job = spec(tmp_path, "Add", table(tmp_path / "t.csv", 20), "o.csv")
    with pytest.raises(Incomplete):
        api.run(job, settings=settings)
    (found,) = find.jobs(Stores({}).open(settings.home))
    (tmp_path / "classes.py").write_text(CLASSES + "\n# changed\n")
    with pytest.raises(BadInput, match=r"classes\.py has changed since the job began"):
        api.finish(found, settings=settings)


def test_a_retry_that_was_interrupted_still_scores_only_what_was_set_aside(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mood = tmp_path / "mood"
    mood.write_text("5")
    job = spec(tmp_path, "Add", table(tmp_path / "t.csv", 20), "o.jsonl", max_failed=1)
    api.run(job, settings=settings)
    mood.unlink()

    def power_failure(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(inprocess.InProcess, "run", power_failure)
        with pytest.raises(KeyboardInterrupt):
            retried(tmp_path, settings)
    assert retried(tmp_path, settings).failed == 0
    assert [it["item"] for it in lines(tmp_path / "o.jsonl")] == list(range(20))
    home = Stores({}).open(settings.home)
    scored = [it.item for it in find.jobs(home)[0].journal.read() if isinstance(it, Item)]
    assert sorted(scored) == sorted([*range(20), 5])


def test_too_many_failed_mini_batches_are_tried_again(tmp_path: Path, settings: Settings) -> None:
    mood = tmp_path / "mood"
    mood.write_text("5")
    job = spec(tmp_path, "Add", table(tmp_path / "t.csv", 20), "o.csv", max_failed=-1)
    job = job.model_copy(update={"max_failed_batches": 0})
    with pytest.raises(Incomplete, match="`max_failed_batches=1`"):
        api.run(job, settings=settings)
    mood.unlink()
    assert api.run(job, settings=settings).failed == 0


def test_an_output_among_the_files_that_are_scored_is_refused(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").touch()
    (tmp_path / "score.py").write_text("def run(mini_batch):\n    return mini_batch\n")
    scorer = f"script:{tmp_path / 'score.py'}"
    output = str(tmp_path / "in" / "o.jsonl")
    job = JobSpec(source=str(tmp_path / "in"), output=output, scorer=scorer)
    with pytest.raises(BadInput, match="is among the files that are scored"):
        api.run(job, settings=settings)


def test_a_name_that_is_not_utf8_is_one_clear_line(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad\udcff.png").touch()
    job = spec(tmp_path, "Darken", tmp_path / "in", "out")
    with pytest.raises(BadInput, match="a name that is not UTF-8; rename it"):
        api.run(job, settings=settings)
