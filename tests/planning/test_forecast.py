"""How large shards become, why, and what jobs tell later ones."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from impasto.cli.main import app
from impasto.driver import api, preview
from impasto.jobs.job import Job
from impasto.planning.forecast import (
    EFFICIENT,
    MOST,
    PROMPT,
    REDO,
    SEQUENCE,
    SHARE,
    SHORTEST,
    SMALL,
    SPREAD,
    WORTH,
    Forecast,
    Workload,
)
from impasto.planning.history import learn, speeds
from impasto.schema.job import JobSpec
from impasto.schema.speed import Speed
from impasto.settings import Settings
from impasto.sources.open import open_source
from impasto.storage.stores import Stores
from impasto.tables.read.scan import Cuts
from support import inprocess
from support.command import call
from support.planned import planned

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip

HERE = Stores({})


def speed(seconds: float, overhead: float = 0.0, **fields: Any) -> Speed:
    known: dict[str, Any] = {"job": "a", "scorer": "style", "kind": "pictures", "items": 1}
    return Speed.model_validate(known | {"seconds": seconds, "overhead": overhead} | fields)


def forecast(*facts: Speed, workers: int = 4, device: str = "") -> Forecast:
    return Forecast(workers, f"{workers} workers", "style", device, facts)


def frames(count: int, width: int = 0, height: int = 0) -> Workload:
    return Workload(count, "pictures", "frames", encoded=True, width=width, height=height)


def test_a_number_that_is_asked_for_rules_and_one_is_chosen_otherwise() -> None:
    known = forecast(speed(1.0))
    assert known.size(7, frames(9000)).items == 7
    assert known.size(None, frames(9000)) == known.size("auto", frames(9000))


def test_a_short_clip_is_cut_for_every_worker_evenly() -> None:
    unknown, known = forecast(workers=2), forecast(speed(0.05, 0.1), workers=2)
    assert [unknown.size(None, frames(count)).items for count in (132, 250)] == [33, 42]
    assert [known.size(None, frames(count)).items for count in (132, 250)] == [66, 63]


def test_frames_that_build_on_the_ones_before_are_not_torn_apart() -> None:
    known = replace(forecast(speed(5.0), workers=2), sequential=True)
    assert known.size(None, frames(240)).items == 240
    assert known.size(None, frames(1500)).items == SEQUENCE
    assert known.size(None, Workload(240)).items < 240


def test_a_shard_is_worth_its_while() -> None:
    assert forecast(workers=2).size(None, Workload(6)).items == 6
    assert forecast(workers=2).size(None, Workload(20, "rows")).items == 20
    quick = forecast(speed(0.001, kind="rows"), workers=2)
    assert quick.size(None, Workload(4000, "rows")).items == 2000
    slow = forecast(speed(1.0, kind="rows"), workers=2)
    assert slow.size(None, Workload(20, "rows")).items == 3
    assert forecast(workers=2).size(None, Workload(6 * SMALL["files"], "files")).items == 8


@given(
    st.integers(1, 200_000),
    st.integers(1, 64),
    st.floats(1e-3, 10),
    st.floats(0, 20),
    st.booleans(),
)
def test_a_chosen_size_keeps_every_bound_but_where_a_lower_one_rules(
    count: int, workers: int, seconds: float, overhead: float, encoded: bool
) -> None:
    work = Workload(count, encoded=encoded)
    size = forecast(speed(seconds, overhead), workers=workers).size("auto", work)
    spread = max(1.0, count / (SPREAD * workers))
    cheap = min(overhead / (SHARE * seconds), spread)
    worth = min(math.ceil(WORTH / seconds), count)
    well = max(SHORTEST, min(EFFICIENT, PROMPT / seconds)) if encoded else 1.0
    lower = max(1.0, cheap, worth, well)
    upper = min(spread, REDO / seconds, MOST["pictures"])
    shards = -(-count // size.items)
    assert 1 <= size.least <= size.items <= count
    assert count // shards >= min(count, math.floor(lower)) - 1
    # Larger than either bound where a shard more would break the lower one, or be one too many.
    assert size.items <= max(upper + 1, 2 * (lower + 2))


def test_each_worker_has_three_shards_where_items_are_slow() -> None:
    size = forecast(speed(0.05, 0.1)).size("auto", frames(4800, 0, 0))
    assert (size.items, 4800 // size.items) == (400, 12)
    assert "4 workers" in size.reasons


def test_a_crash_costs_no_more_than_seconds_of_work() -> None:
    assert forecast(speed(0.5, 0.5)).size("auto", frames(100_000)).items == 40


def test_a_slow_start_makes_shards_longer_than_a_crash_would_want() -> None:
    size = forecast(speed(1.0, 5.0)).size("auto", frames(10_000))
    assert size.items == 100
    assert any(reason.startswith("at least 100") for reason in size.reasons)


@given(st.integers(24, 100_000), st.floats(WORTH, 10), st.floats(0, 20))
@example(250, 2.0, 1.04)
@example(419, 8.5, 7.25)
def test_each_worker_has_three_shards_however_slow_their_start_is(
    count: int, seconds: float, overhead: float
) -> None:
    size = forecast(speed(seconds, overhead), workers=8).size("auto", Workload(count))
    assert -(-count // size.items) >= SPREAD * 8


def test_what_contradicts_itself_is_judged_and_idle_workers_are_told_of() -> None:
    reasons = forecast(speed(0.1), workers=8).size("auto", frames(250)).reasons
    assert reasons[-1] == (
        "so 5 shards of about 50 frames, since the largest lower limit decides; "
        "3 workers will have nothing to do"
    )


def test_what_many_short_shards_cost_is_told() -> None:
    size = forecast(speed(0.1, 2.0), workers=8).size("auto", frames(1200))
    assert size.items == 50
    assert "at least 50: a shard's start and end cost 40% of its work even then" in size.reasons


def test_video_is_not_cut_shorter_than_it_is_encoded_well_unless_its_frames_take_long() -> None:
    assert forecast(speed(0.1), workers=8).size("auto", frames(768)).items == EFFICIENT
    assert forecast(speed(0.2), workers=8).size("auto", frames(480)).items == 30
    assert forecast(speed(30.0)).size("auto", frames(960)).items == SHORTEST
    assert forecast(speed(5.0)).size("auto", Workload(960)).items == 4


def test_facts_of_the_same_size_go_first_and_others_are_scaled_by_area() -> None:
    small, large = speed(0.1, width=640, height=360), speed(0.5, width=1280, height=720)
    assert forecast(small, large).pace(frames(1, 1280, 720)).seconds == 0.5
    assert forecast(small).pace(frames(1, 1280, 720)).seconds == pytest.approx(0.4)
    assert "scaled" in forecast(small).pace(frames(1, 1280, 720)).reason


def test_facts_of_another_scorer_kind_or_device_tell_nothing() -> None:
    others = speed(9, scorer="gatys"), speed(9, kind="files"), speed(9, device="cuda")
    pace = forecast(*others, device="cpu").pace(frames(1))
    assert not pace.known
    assert "assumed" in pace.reason
    assert forecast(speed(9, device="cuda"), device="cuda").pace(frames(1)).seconds == 9


@given(st.integers(0, 3000), st.integers(1, 500), st.integers(1, 64), st.integers(1, 400))
def test_borders_between_rows_are_the_same_whenever_the_size_is_chosen(
    rows: int, size: int, most: int, block: int
) -> None:
    ends = [3 * n + 5 for n in range(1, rows + 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("impasto.tables.read.scan.MOST", most)
        late = Cuts(lambda _: size, 5)
        for n in range(0, rows, block):
            late.add(ends[n : n + block])
    borders, spans = late.cut()
    step = borders[1] - borders[0] if len(borders) > 2 else max(rows, 1)
    known = Cuts(step, 5)
    known.add(ends)
    assert known.cut() == (borders, spans)
    if rows <= most and rows > size:
        assert step == size


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_table_is_read_once_to_be_cut_as_forecast(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    line = '{"x": 1}\n' if name.endswith("l") else "1\n"
    path.write_text(("" if name.endswith("l") else "x\n") + line * 600)
    source = open_source(HERE, str(path), "rows")
    reader = source._reader  # type: ignore[attr-defined]
    scan = Mock(wraps=reader.scan)
    monkeypatch.setattr(reader, "scan", scan)
    spec = JobSpec(source=str(path), output="o.jsonl", scorer="script", shard_frames="auto")
    known = Forecast(2, "2 workers", "script", speeds=(speed(1, scorer="script", kind="rows"),))
    plan = planned(source, spec, known)
    assert scan.call_count == 1
    assert [len(shard) for shard in plan.shards] == [20] * 30
    assert plan.reasons == known.size("auto", Workload(600, "rows", "rows")).reasons


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"), device="cpu")


def painted(source: Path, output: Path, **fields: Any) -> JobSpec:
    fields = {"scorer": "identity", "shard_frames": "auto", **fields}
    return JobSpec.model_validate({"source": str(source), "output": str(output), **fields})


def test_a_job_tells_the_next_one_how_fast_it_was(
    tmp_path: Path, clip: MakeClip, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    spec = painted(clip(frames=60), tmp_path / "o.mp4", shard_frames=20)
    assert preview.draft(spec, settings).seconds is None
    result = api.run(spec, settings=settings)
    (known,) = speeds(HERE.open(settings.home), "identity")
    assert (known.job, known.items, known.device) == (result.job, 60, "cpu")
    assert known.seconds > 0
    later = preview.draft(painted(clip(frames=61), tmp_path / "p.mp4"), settings)
    assert later.seconds
    assert any(f"job {result.job}" in reason for reason in later.reasons)


def test_only_records_that_name_their_device_count(
    tmp_path: Path, clip: MakeClip, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    result = api.run(painted(clip(frames=24), tmp_path / "o.mp4"), settings=settings)
    home = HERE.open(settings.home)
    job = Job(home, result.job)
    plan = job.plan()
    assert plan
    (record,) = job.done(job.listing(), plan).values()
    # Records of earlier versions do not, whatever the name of their worker says.
    learn(job, "earlier", plan, [record.model_copy(update={"device": ""})])
    learn(job, "gpu", plan, [record.model_copy(update={"device": "cuda"})])
    assert speeds(home, "earlier") == []
    assert [each.device for each in speeds(home, "gpu")] == ["cuda"]


def test_overhead_is_what_a_shard_takes_besides_scoring(
    tmp_path: Path, clip: MakeClip, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    result = api.run(painted(clip(frames=24), tmp_path / "o.mp4"), settings=settings)
    done = json.loads((tmp_path / f"home/jobs/{result.job}/done/00000.json").read_text())
    assert 0 < done["overhead"] < done["seconds"]


def test_facts_that_nobody_reads_any_more_are_deleted_now_and_then(
    tmp_path: Path, clip: MakeClip, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    result = api.run(painted(clip(frames=24), tmp_path / "o.mp4"), settings=settings)
    home = HERE.open(settings.home)
    job = Job(home, result.job)
    plan = job.plan()
    assert plan
    records = job.done(job.listing(), plan).values()
    for n in range(150):
        home.put(f"facts/many/{n:012x}.json", speed(1.0).model_dump_json().encode())
    for last in "1", "0":
        job.id = f"{'f' * 11}{last}"
        assert len(home.list_all("facts/many")) == 150
        learn(job, "many", plan, records)
        assert speeds(home, "many")[0].job == job.id
        home.delete(f"facts/many/{'f' * 11}1.json")
    assert len(home.list_all("facts/many")) == 20


def test_damaged_facts_are_ignored_and_the_newest_come_first(
    tmp_path: Path, settings: Settings
) -> None:
    folder = tmp_path / "home" / "facts" / "style"
    folder.mkdir(parents=True)
    for n, text in enumerate([speed(1.0).model_dump_json(), "{", "", speed(2.0).model_dump_json()]):
        (folder / f"{n}.json").write_text(text)
        os.utime(folder / f"{n}.json", (1000 + n, 1000 + n))
    assert [each.seconds for each in speeds(HERE.open(settings.home), "style")] == [2.0, 1.0]


def test_facts_that_cannot_be_read_or_written_fail_no_job(
    tmp_path: Path, clip: MakeClip, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "facts").write_text("in the way")
    result = api.run(painted(clip(frames=24), tmp_path / "o.mp4"), settings=settings)
    assert result.items == 24
    assert (tmp_path / "o.mp4").exists()


def test_the_plan_command_says_what_run_then_does_and_writes_nothing(
    tmp_path: Path, clip: MakeClip
) -> None:
    words = [str(clip(frames=120)), "--scorer", "identity", "-o", str(tmp_path / "o.mp4")]
    words += ["--home", str(tmp_path / "home"), "--shard-frames", "auto", "--workers", "1"]
    before = CliRunner().invoke(app, ["plan", *words, "--json"])
    assert before.exit_code == 0, before.output
    told = json.loads(before.stdout)
    assert [*tmp_path.iterdir()] == []
    assert (told["stored"], told["shards"], told["smallest_shard"]) == (False, 3, 40)
    assert "1 worker at most, as the settings say" in told["reasons"]
    with pytest.MonkeyPatch.context() as patch:
        inprocess.install(patch)
        spec = painted(clip(frames=120), tmp_path / "o.mp4")
        api.run(spec, settings=Settings(home=str(tmp_path / "home")))
    after = CliRunner().invoke(app, ["plan", *words, "--workers", "9", "--json"])
    assert json.loads(after.stdout) | {"stored": True, "job": told["job"], "shards": 3} == (
        json.loads(after.stdout)
    )
    assert "planned already" in CliRunner().invoke(app, ["plan", *words]).stdout


def test_the_plan_command_names_a_size_that_nobody_chose(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(3):
        Image.new("RGB", (32, 32)).save(folder / f"{n}.png")
    words = ["plan", str(folder), "--scorer", "identity", "-o", str(tmp_path / "out")]
    shown = CliRunner().invoke(app, [*words, "--home", str(tmp_path / "home")]).stdout
    assert "3 images" in shown
    assert "so 1 shard of about 3 images" in shown


def test_the_job_of_auto_is_the_same_whatever_size_is_chosen(
    tmp_path: Path, clip: MakeClip, settings: Settings
) -> None:
    spec = painted(clip(frames=400), tmp_path / "o.mp4")
    one = preview.draft(spec, settings.model_copy(update={"workers": Settings(workers=1).workers}))  # type: ignore[arg-type]
    two = preview.draft(spec, settings.model_copy(update={"workers": Settings(workers=2).workers}))  # type: ignore[arg-type]
    assert one.job == two.job
    assert len(one.plan.shards) < len(two.plan.shards)


FUSSY = """
class Fussy:
    def __init__(self, least: int = 0):
        self.least = least

    def score(self, rows):
        if (rows["x"] < self.least).any():
            raise ValueError("too small")
        return rows
"""


def test_the_plan_command_scores_a_few_items_when_no_earlier_job_tells(
    tmp_path: Path, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["plan", clip(frames=60), "--scorer", "identity", "-o", tmp_path / "o.mp4"]
    words += ["--home", tmp_path / "home", "--workers", "2"]
    shown = call(*words)
    assert shown.returncode == 0, shown.stderr
    assert re.search(
        r"\ntime +about \d+ s with 2 workers, from 2 frames scored now\n", shown.stdout
    )
    assert shown.stderr == "note: scoring a few items to see how fast this is here\n"
    assert shown.stdout.count("earlier job") == 1
    assert not (tmp_path / "home").exists()
    told = json.loads(call(*words, "--json").stdout)
    assert told["scored"] == 2
    assert told["wall_seconds"] == pytest.approx(told["seconds"] / 2, abs=0.01)
    inprocess.install(monkeypatch)
    spec = painted(clip(frames=60), tmp_path / "o.mp4")
    api.run(spec, settings=Settings(home=str(tmp_path / "home")))
    later = call(*words[:5], tmp_path / "p.mp4", *words[6:])
    assert re.search(r"\ntime +about \d+ s with 2 workers, from earlier jobs\n", later.stdout)
    assert later.stderr == ""


def test_the_plan_command_says_when_its_items_cannot_be_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fussy.py").write_text(FUSSY)
    (tmp_path / "t.csv").write_text("x\n" + "".join(f"{n}\n" for n in range(20)))
    words = ["plan", "t.csv", "--scorer", "python:fussy.py:Fussy", "-o", "o.jsonl"]
    shown = call(*words, "--least", "10", "--shard-frames", "20")
    assert shown.returncode == 0, shown.stderr
    assert "no estimate yet: run this scorer once" in shown.stdout
    assert "the first items cannot be scored; 'impasto try' shows why" in shown.stdout
    assert ", from 3 rows scored now" in call(*words, "--shard-frames", "5").stdout
