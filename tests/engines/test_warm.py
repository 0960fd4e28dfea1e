"""Workers that stay from one job to the next: when they may, and what they may not carry along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from impasto.driver import api
from impasto.engines.warm import WarmWorkers
from impasto.errors import BadInput, Incomplete
from impasto.jobs.job import Job
from impasto.schema.events import Printed, ShardDone
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Result
from impasto.settings import Settings
from impasto.storage.stores import Stores
from support.clips import make_clip
from support.command import WORKER, wait_for
from support.detectors import blobs
from support.models import write_sums

TELLS = """
import helper

class Tells:
    batch = 2

    def __init__(self, scale: int = 1) -> None:
        print("made", flush=True)
        self.scale = scale

    def score(self, batch):
        print("scoring", list(batch["a"]), flush=True)
        if 13 in list(batch["a"]):
            import os
            os._exit(3)
        return [helper.times(self.scale, a) for a in batch["a"]]
"""
HELPER = "def times(scale, a):\n    return scale * int(a)\n"
DRIVER = """
import sys
from impasto.driver import api
from impasto.engines.warm import WarmWorkers
from impasto.schema.job import JobSpec
from impasto.settings import Settings

source, output, scorer, home = sys.argv[1:]
with WarmWorkers() as warm:
    spec = JobSpec(source=source, output=output, scorer=scorer)
    api.run(spec, settings=Settings(home=home, workers=1, device="cpu"), warm=warm)
    print("done", flush=True)
    sys.stdin.read()
"""
SCRIPT = """
from pathlib import Path
import os

def run(mini_batch):
    return [os.getpid()] * len(mini_batch)

def shutdown():
    with Path({marker!r}).open("a") as file:
        file.write(f"{{os.getpid()}}\\n")
"""


@dataclass
class Desk:
    """A folder for jobs, and what keeps their workers.

    Attributes:
        folder: where sources and outputs are.
        warm: keeps the workers; None is for jobs that start their own.
    """

    folder: Path
    warm: WarmWorkers | None
    results: list[Result] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        home = self.folder / ("home" if self.warm else "cold")
        fields: dict[str, Any] = {"home": str(home), "workers": 1, "device": "cpu"}
        return Settings(**fields)

    def rows(self, name: str, *numbers: int) -> Path:
        path = self.folder / name
        path.write_text("a\n" + "".join(f"{number}\n" for number in numbers))
        return path

    def run(self, source: Path, output: str, scorer: str, **fields: Any) -> Path:
        """Run a job; returns its output."""
        path = self.folder / output
        spec = JobSpec(source=str(source), output=str(path), scorer=scorer, **fields)
        self.results.append(api.run(spec, settings=self.settings, warm=self.warm))
        return path

    def check(self, source: Path, output: str, scorer: str, **fields: Any) -> None:
        """Run a job, and check that a worker of its own gives the same bytes."""
        made = self.run(source, output, scorer, **fields)
        cold = Desk(self.folder, None).run(source, f"cold-{output}", scorer, **fields)
        assert contents(made) == contents(cold)

    def job(self, number: int = -1) -> Job:
        return Job(Stores({}).open(self.settings.home), self.results[number].job)

    def pids(self, number: int = -1) -> set[int]:
        """Return the processes that have scored a job."""
        done = [it for it in self.job(number).journal.read() if isinstance(it, ShardDone)]
        return {int(it.record.worker.rpartition(":")[2].partition("/")[0]) for it in done}

    def printed(self, number: int) -> str:
        found = [it for it in self.job(number).journal.read() if isinstance(it, Printed)]
        return "".join(it.text for it in found)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    (tmp_path / "tells.py").write_text(TELLS)
    (tmp_path / "helper.py").write_text(HELPER)
    with WarmWorkers() as warm:
        yield Desk(tmp_path, warm)
    wait_for(lambda: not living(), 15)


def living() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [each for each in children if each.name() == WORKER]


def tells(desk: Desk) -> str:
    return f"python:{desk.folder}/tells.py:Tells"


def test_a_worker_goes_on_to_jobs_of_the_same_style_and_paints_what_a_fresh_one_would(
    desk: Desk,
) -> None:
    painting, other = desk.folder / "painting.png", desk.folder / "other.png"
    Image.linear_gradient("L").convert("RGB").save(painting)
    Image.radial_gradient("L").convert("RGB").save(other)
    clips = [make_clip(desk.folder / f"{n}.mp4", frames=n + 3, size=(64, 48)) for n in range(2)]
    photos = desk.folder / "photos"
    photos.mkdir()
    for n in range(2):
        Image.effect_noise((40 + n, 30), 50).convert("RGB").save(photos / f"{n}.png")
    style = {"params": {"style": str(painting)}}
    desk.run(clips[0], "a.mp4", "style", **style)
    desk.check(clips[1], "b.mp4", "style", **style)
    desk.check(photos, "painted", "style", **style)
    desk.check(clips[0], "small.mp4", "style", max_size=32, **style)
    # A style is prepared of the painting as it is now.
    other.replace(painting)
    desk.check(clips[1], "repainted.mp4", "style", **style)
    assert len({pid for n in range(5) for pid in desk.pids(n)}) == 1
    states = [desk.job(n).notes.prepared() for n in range(5)]
    assert states[0] == states[1] == states[2] == states[3] != states[4]
    # It also depends on the first picture of the source.
    mixed = {"params": {"style": str(painting), "strength": 0.5}}
    desk.run(clips[0], "mixed.mp4", "style", **mixed)
    desk.check(photos, "mixed", "style", **mixed)
    assert desk.pids(6) == desk.pids(5) != desk.pids(4)


def contents(made: Path) -> list[bytes]:
    paths = sorted(made.iterdir()) if made.is_dir() else [made]
    return [path.read_bytes() for path in paths]


def test_rows_keep_a_worker_of_the_same_model_only(desk: Desk) -> None:
    model, rows = desk.folder / "sums.onnx", desk.folder / "rows.csv"
    write_sums(model)
    rows.write_text("a,b\n1,2\n3,4\n")
    more = desk.folder / "more.csv"
    more.write_text("a,b\n5,6\n")
    desk.run(rows, "one.jsonl", f"onnx:{model}")
    two = desk.run(more, "two.jsonl", f"onnx:{model}")
    assert desk.pids(0) == desk.pids(1)
    assert [json.loads(line)["output"] for line in two.open()] == [11.0]
    # Another version of the same model, as far as its bytes tell.
    model.write_bytes(model.read_bytes() + b"\x32\x01a")
    desk.run(more, "three.jsonl", f"onnx:{model}")
    assert desk.pids(2) != desk.pids(1)


def test_a_worker_that_found_objects_gives_the_model_s_own_numbers_to_a_job_of_arrays(
    desk: Desk,
) -> None:
    model, picture = desk.folder / "blobs.onnx", desk.folder / "red.png"
    model.write_bytes(blobs(64))
    Image.new("RGB", (64, 64), "red").save(picture)
    found = desk.run(picture, "found.jsonl", f"onnx:{model}")
    assert {json.loads(line)["label"] for line in found.open()} == {"red"}
    made = desk.run(picture, "numbers", f"onnx:{model}", frames="npy")
    assert desk.pids(0) == desk.pids(1)
    assert np.load(made / "red.npy").shape == (7, 4)


def test_what_a_class_prints_is_in_the_log_of_the_job_it_belongs_to(desk: Desk) -> None:
    desk.run(desk.rows("one.csv", 1, 2, 3), "one.jsonl", tells(desk))
    made = desk.run(desk.rows("two.csv", 4, 5), "two.jsonl", tells(desk))
    assert desk.pids(0) == desk.pids(1)
    assert [json.loads(line)["output"] for line in made.open()] == [4, 5]
    assert desk.printed(0).split("\n")[:2] == ["made", "scoring [1, 2]"]
    assert desk.printed(1) == "scoring [4, 5]\n"


def test_other_parameters_or_files_of_a_class_get_another_worker(desk: Desk) -> None:
    desk.run(desk.rows("one.csv", 1), "one.jsonl", tells(desk))
    desk.run(desk.rows("two.csv", 2), "two.jsonl", tells(desk), params={"scale": 3})
    (desk.folder / "helper.py").write_text("def times(scale, a):\n    return -scale * int(a)\n")
    made = desk.run(desk.rows("three.csv", 3), "three.jsonl", tells(desk))
    # Nothing pins what the class imports, so a new process looks at it again.
    assert json.loads(made.read_text())["output"] == -3
    (desk.folder / "tells.py").write_text(TELLS.replace("self.scale,", "10 * self.scale,"))
    made = desk.run(desk.rows("four.csv", 4), "four.jsonl", tells(desk))
    assert json.loads(made.read_text())["output"] == -40
    assert len({pid for n in range(4) for pid in desk.pids(n)}) == 4


@pytest.mark.parametrize("how", ["kill", "suspend"])
def test_nobody_notices_that_an_idle_worker_has_gone(
    desk: Desk, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.engines.warm.ANSWER", 0.5)
    desk.run(desk.rows("one.csv", 1), "one.jsonl", tells(desk))
    (worker,) = living()
    getattr(worker, how)()
    desk.run(desk.rows("two.csv", 2), "two.jsonl", tells(desk))
    assert desk.pids(1) == {living()[0].pid} != desk.pids(0)
    assert desk.results[1].failed == 0
    assert not [key for key, _ in desk.job(1).folder.list_all("failed")]
    assert not worker.is_running()


def test_an_idle_worker_ends_when_its_driver_is_killed(desk: Desk) -> None:
    rows, home = desk.rows("rows.csv", 1), desk.folder / "home"
    files = [rows, desk.folder / "out.jsonl", tells(desk), home]
    words = [sys.executable, "-c", DRIVER, *map(str, files)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:
        assert driver.stdout
        assert driver.stdout.readline() == b"done\n"
        started = psutil.Process(driver.pid).children(recursive=True)
        assert {each.name() for each in started} > {WORKER}
        driver.kill()
    assert psutil.wait_procs(started, 15)[1] == []


def test_a_worker_outlives_its_nursery_only_until_it_is_missed(desk: Desk) -> None:
    desk.run(desk.rows("one.csv", 1), "one.jsonl", tells(desk))
    (worker,) = living()
    nursery = psutil.Process(worker.ppid())
    nursery.kill()
    nursery.wait(10)
    desk.run(desk.rows("two.csv", 2), "two.jsonl", tells(desk), params={"scale": 2})
    assert psutil.wait_procs([worker], 10)[1] == []
    desk.run(desk.rows("three.csv", 3), "three.jsonl", tells(desk))
    assert desk.pids(0).isdisjoint(desk.pids(1) | desk.pids(2))


def test_no_worker_is_kept_of_a_job_that_failed(desk: Desk) -> None:
    with pytest.raises(Incomplete):
        desk.run(desk.rows("bad.csv", 13), "bad.jsonl", tells(desk), max_failed=0)
    assert living() == []
    # The one that replaced those that died over a row has scored the rest.
    desk.run(desk.rows("mixed.csv", 1, 2, 13, 4), "mixed.jsonl", tells(desk), max_failed=1)
    (last,) = living()
    desk.run(desk.rows("good.csv", 7), "good.jsonl", tells(desk))
    assert desk.pids(1) == desk.pids(0) == {last.pid}


def test_a_source_that_cannot_be_planned_costs_no_worker(desk: Desk) -> None:
    broken = desk.folder / "broken.mp4"
    broken.write_bytes(b"\0" * 5000)
    clips = [make_clip(desk.folder / f"{n}.mp4", frames=n) for n in (3, 4)]
    desk.run(clips[0], "one.mp4", "identity")
    with pytest.raises(BadInput):
        desk.run(broken, "broken-too.mp4", "identity")
    desk.run(clips[1], "two.mp4", "identity")
    assert desk.pids(0) == desk.pids(1)


def test_a_script_shuts_down_at_the_end_of_each_job(desk: Desk) -> None:
    marker, script = desk.folder / "marker", desk.folder / "script.py"
    script.write_text(SCRIPT.format(marker=str(marker)))
    for n in (1, 2):
        desk.run(desk.rows(f"{n}.csv", n), f"{n}.jsonl", f"script:{script}")
        assert living() == []
        assert len(marker.read_text().splitlines()) == n
    assert len({*marker.read_text().splitlines()}) == 2


def test_workers_that_nobody_needs_end(desk: Desk) -> None:
    assert desk.warm
    rows = desk.rows("rows.csv", 1, 2)
    for scale in range(6):
        desk.run(rows, f"{scale}.jsonl", tells(desk), params={"scale": scale})
    most = max(4, len(os.sched_getaffinity(0)))
    wait_for(lambda: len(living()) == min(6, most))
    desk.warm.drop_idle(3600)
    assert len(living()) == min(6, most)
    desk.warm.drop_idle(0)
    assert living() == []
    desk.run(rows, "again.jsonl", tells(desk))
    assert len(living()) == 1


def test_a_worker_that_fills_most_of_its_memory_is_not_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.engines.warm.FULL", 0.0)
    desk.run(desk.rows("rows.csv", 1), "one.jsonl", tells(desk))
    assert living() == []
