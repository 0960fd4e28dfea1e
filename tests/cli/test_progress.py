"""What the command line says while something runs, and when it is stopped."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from impasto.cli import progress
from impasto.cli.bar import Line
from impasto.cli.job_progress import job_units, speed, stopped
from impasto.cli.render.text import minutes
from impasto.cli.set_progress import UNITS, SetWatch
from impasto.driver.pace import Pace
from impasto.driver.sets.inside import Ended
from impasto.driver.sets.members import Member
from impasto.driver.sets.run import SetProgress
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Result
from impasto.schema.progress import Progress
from impasto.schema.words import shortened
from impasto.schema.workers import WorkerCounts

PAINTING = JobSpec(source="/films/2026/clip.mp4", output="out.mp4")
ROWS = JobSpec(source="rows.csv", output="out.csv", scorer="script:double.py")
RUNNING = WorkerCounts(running=2)


def event(stage: Any = "scoring", **fields: Any) -> Progress:
    video: dict[str, Any] = {"items": "frames", "output": "video", "total": 250, "media_rate": 25.0}
    return Progress(stage, "0123456789ab", **video | fields)


def drawn(width: int, line: Line, encoding: str = "utf-8") -> list[str]:
    """The lines that a terminal of this width shows."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    console.print(line, end="")
    file.flush()
    return file.buffer.getvalue().decode(encoding).splitlines()


@pytest.mark.parametrize(
    ("spec", "now", "said"),
    [
        (PAINTING, event("planning", total=0), "reading clip.mp4"),
        (PAINTING, event(workers=WorkerCounts(starting=1)), "loading the model"),
        (ROWS, event(workers=WorkerCounts(starting=1)), "loading the scorer"),
        (PAINTING, event(workers=RUNNING), "painting"),
        (PAINTING, event("assembling", done=250), "putting the film together"),
        (ROWS, event(items="rows", output="records", workers=RUNNING), "scoring"),
        (ROWS, event("assembling", items="rows", output="records"), "writing the records"),
    ],
)
def test_what_a_job_does_is_said_in_a_users_words(spec: JobSpec, now: Progress, said: str) -> None:
    assert job_units(spec).doing(now) == said


def test_shards_and_workers_are_told_on_request_alone() -> None:
    now = event(done=20, shards=(1, 4), workers=RUNNING)
    assert job_units(PAINTING).detail(now) == ""
    assert job_units(PAINTING, verbose=True).detail(now) == "1 of 4 shards, workers: 2 running"


def lines(
    capsys: pytest.CaptureFixture[str], *events: Progress, units: progress.Units
) -> list[str]:
    """What is printed of events where stderr is no terminal."""
    with progress.progress(quiet=False, units=units) as shown:
        for each in events:
            shown.update(each)
    return capsys.readouterr().err.splitlines()


def test_lines_begin_with_each_thing_that_a_job_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.0)
    said = lines(
        capsys,
        event("planning", total=0),
        event(),
        event(done=20, rate=2.5, workers=RUNNING),
        event("assembling", done=250),
        units=job_units(PAINTING),
    )
    assert said == [
        "job 0123456789ab: reading clip.mp4",
        "job 0123456789ab: loading the model, 250 frames",
        "job 0123456789ab: painting 20 of 250 frames, 2.5 fps (0.10x)",
        "job 0123456789ab: putting the film together",
    ]


def test_frames_that_were_there_before_have_no_speed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.0)
    resumed = event(done=120, resumed=120, workers=RUNNING)
    (said,) = lines(capsys, resumed, units=job_units(PAINTING))
    assert said.endswith("painting 120 of 250 frames")


def test_the_time_left_is_never_nothing_nor_told_from_too_few_frames() -> None:
    assert (minutes(0.2, up=True), minutes(61.0, up=True)) == ("0:01", "1:01")
    pace, facts = Pace(), progress._Facts(job_units(PAINTING))
    for done in (1, 2, 40, 250):
        left = pace.left(done, 250 - done)
        now = event(done=done, rate=9.0, seconds_left=left, workers=RUNNING)
        said = facts(now, stopping=False)
        assert any(fact.endswith("left") for fact in said) == (done == 40)


def test_a_stop_of_several_jobs_says_so_of_all_that_run() -> None:
    watch = SetWatch("home", as_json=False, quiet=True)
    member = Member(PAINTING, "a.mp4")

    def said(*running: Progress | None) -> str:
        now = SetProgress(3, 1, [(member, each) for each in running])
        return UNITS.stopping(watch.event(now))

    first = event(done=60, rate=2.0, in_work=48, workers=RUNNING)
    second = event(done=10, rate=1.0, in_work=30, workers=RUNNING)
    work = "78 frames in work, about 0:30"
    assert said(first, second) == f"stopping: finishing {work}; Ctrl-C again drops them"
    unknown = "stopping: finishing the frames in work; Ctrl-C again to stop at once"
    assert said(first, replace(second, rate=0.0)) == unknown
    assert said(None) == unknown.replace("frames", "items")


@pytest.mark.parametrize("called", ["net.onnx", "/models/net.onnx"])
def test_what_is_said_of_the_model_of_a_set_is_said_once(
    called: str, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = SetWatch("home", as_json=False, quiet=False)
    for name in ("a.mp4", "b.mp4"):
        params = {"model": "models/net.onnx"}
        job = JobSpec(source=name, output=f"out/{name}", scorer="onnx", params=params)
        notes = (f"{called}: values 0 to 1", "the video is interlaced")
        made: dict[str, Any] = {"output": job.output, "items": 3, "bytes": 9, "fps": 3.0}
        made |= {"job": "0123456789ab", "failed": 0, "concealed": 0, "sha256": "0" * 64}
        done = Result(seconds=1.0, notes=notes, **made)
        watch.ended(Member(job, name), Ended(done), None)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert told == [
        f"note: {called}: values 0 to 1",
        "note: a.mp4: the video is interlaced",
        "note: b.mp4: the video is interlaced",
    ]


def test_a_stop_says_how_much_is_finished_first_and_for_how_long() -> None:
    said = job_units(PAINTING).stopping(event(done=60, rate=2.0, in_work=48, workers=RUNNING))
    work = "48 frames in work, about 0:24"
    assert said == f"stopping: finishing {work}; Ctrl-C again drops them"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_bar_fits_the_terminal(width: int, encoding: str) -> None:
    facts = ("12,345 of 123,456 frames", "12.5 fps (0.52x)", "2:10:25 left")
    below = progress.STOPPING.format("frames")
    said = drawn(width, Line("painting", 12, 100, facts, below), encoding)
    assert len(said) == 2
    assert all(len(line) < width for line in said)
    assert all((fact in said[0]) == (width >= 80) for fact in facts[1:])
    assert "painting 0:00" in said[0]
    assert width < 80 or said[1].strip() == below


def test_a_videos_speed_is_also_that_of_its_playback() -> None:
    assert speed(7.5, "frames", 25.0) == "7.5 fps (0.30x)"
    assert speed(60.0, "frames", 25.0) == "60.0 fps (2.4x)"
    assert speed(3.0, "images", 0.0) == "3.0 images/s"


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (event(done=70, kept=50), "stopped: 70 of 250 frames painted, 50 kept; "),
        (event(done=50, kept=50), "stopped: 50 of 250 frames painted and kept; "),
        (event(done=3, kept=0), "stopped: 3 of 250 frames painted, 0 kept; "),
        (event("planning", total=0), "stopped: nothing was painted yet; "),
    ],
)
def test_a_stopped_job_says_what_is_kept(last: Progress, said: str) -> None:
    words = stopped(PAINTING, last, "0123456789ab")
    again = "run the same command (or 'impasto resume 0123456789ab') to go on"
    assert words == said + again


def test_a_name_is_shortened_in_its_middle() -> None:
    name = shortened("a very long name of a film that nobody would type.mp4", 20)
    assert len(name) == 20
    assert re.fullmatch(r"a very.*….*\.mp4", name)
    assert shortened("short.mp4", 20) == "short.mp4"


def test_a_sign_of_life_needs_nothing_heavy() -> None:
    code = "import sys, impasto.cli.main, impasto.cli.bar; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "av", "numpy", "pydantic", "obstore", "rich.progress"}
