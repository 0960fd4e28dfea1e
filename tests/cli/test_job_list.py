"""What `jobs`, `show` and `logs` print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from impasto.cli import debugging
from impasto.cli.render import job_facts, moments, traces
from impasto.cli.render.job_list import shortest, what
from impasto.jobs.job import Job
from impasto.jobs.presence import present
from impasto.schema import events
from impasto.schema.driver import Driver
from impasto.schema.job import JobSpec
from impasto.schema.live import Live, Workers
from impasto.schema.outcome import Done, Failed, ItemError, Result
from impasto.schema.plan import Plan, Shard
from impasto.schema.source import TableFacts
from impasto.storage.stores import Stores
from support.command import call

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.storage.store import Store

TRACE = """Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/impasto/scorers/user/script.py", line 100, in score
    return self._attempt(batch, context)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/home/ann/double.py", line 9, in run
    out.append(helper("{bad"))
               ^^^^^^^^^^^^^^
  File "/home/ann/double.py", line 4, in helper
    return json.loads(x)
  File "/usr/lib/python3.11/json/decoder.py", line 353, in raw_decode
    obj, end = self.scan_once(s, idx)
json.decoder.JSONDecodeError: Expecting property name
"""
OWN = [
    '/home/ann/double.py, line 9, in run: out.append(helper("{bad"))',
    "/home/ann/double.py, line 4, in helper: return json.loads(x)",
]
PLAN = Plan(
    output="records",
    items="rows",
    source="table",
    table=TableFacts(format="jsonl", columns=()),
    shards=(Shard(index=0, start=0, stop=3), Shard(index=1, start=3, stop=6)),
)
DONE = Done(
    shard=0,
    segment="segments/00000-0.jsonl",
    items=3,
    bytes=5,
    seconds=65.82474659699983,
    stages={"score": 130.5},
    failed=(ItemError(item=2, error="ValueError: bad", traceback=TRACE),),
)


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return Stores({}).open_home(str(tmp_path))


def make(home: Store, job_id: str, **fields: object) -> Job:
    job = Job(home, job_id)
    spec = {"source": "in.csv", "output": f"out-{job_id}.csv", "scorer": "script:x.py", **fields}
    job.record(JobSpec.model_validate(spec))
    return job


def result(job: Job) -> Result:
    numbers = {"items": 6, "failed": 0, "concealed": 0, "seconds": 65.8, "fps": 9.0, "bytes": 1000}
    made = {"job": job.id, "output": "out.csv", "sha256": "", **numbers}
    return Result.model_validate(made)


@pytest.fixture
def various(home: Store) -> dict[str, Job]:
    """Jobs by their states."""
    found = {
        "done": make(home, "0123456789ab"),
        "stopped": make(home, "0123456700cd"),
        "incomplete": make(home, "fedcba987654"),
        "cancelled": make(home, "aaaaaaaaaaaa"),
    }
    found["done"].record(result(found["done"]))
    found["stopped"].record(PLAN)
    found["stopped"].record(DONE)
    found["incomplete"].journal.write(events.Stopped(error="1 row failed", exit_code=3))
    found["cancelled"].cancel()
    return found


def test_the_list_needs_no_library_for_terminals() -> None:
    code = "import sys; from impasto.cli.render import job_list; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"rich.console", "av", "torch", "numpy"} & {*done.stdout.split()}


def test_a_list_of_jobs_is_one_line_each(various: dict[str, Job], tmp_path: Path) -> None:
    done = call("jobs", "--home", tmp_path)
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["job", "state", "done", "started", "what"]
    found = {row.split()[1]: row for row in rows}
    assert found.keys() == various.keys()
    assert found["stopped"].startswith("012345670  stopped      50%  ")
    assert found["done"].startswith("012345678  done        100%  ")
    assert found["done"].endswith("  in.csv → out.csv")
    assert call("show", "012345670", "--home", tmp_path).returncode == 0


def test_sizes_are_told_on_request(various: dict[str, Job], tmp_path: Path) -> None:
    listed = call("jobs", "--size", "--home", tmp_path).stdout.splitlines()
    assert " size " in listed[0]
    assert listed[-1].startswith(f"{len(various)} jobs, ")
    assert listed[-1].endswith(f" in {tmp_path}")


def test_jobs_are_listed_by_state_and_time(various: dict[str, Job], tmp_path: Path) -> None:
    words = ["jobs", "--json", "--home", tmp_path]
    states = ["--state", "stopped", "--state", "done"]
    found = [json.loads(line) for line in call(*words, *states).stdout.splitlines()]
    assert {each["state"] for each in found} == {"stopped", "done"}
    old = time.time() - 3 * 86400
    for path in (tmp_path / "jobs" / various["done"].id).rglob("*"):
        os.utime(path, (old, old))
    recent = call(*words, "--since", "2d").stdout.splitlines()
    assert sorted(json.loads(line)["state"] for line in recent) == [
        "cancelled",
        "incomplete",
        "stopped",
    ]
    assert call(*words, "--since", "2100-01-01").stdout == ""


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ["--state", "open"],
            "--state open: is not a state; choose from running, waiting, stopped, ",
        ),
        (["--since", "noon"], "--since noon: is not a time; write 2d, 12h, 30min or a date"),
    ],
)
def test_a_filter_that_is_none_is_refused(option: list[str], said: str, tmp_path: Path) -> None:
    done = call("jobs", *option, "--home", tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_home_without_jobs_says_so(tmp_path: Path) -> None:
    done = call("jobs", "--home", tmp_path)
    assert (done.stdout, done.stderr) == ("", f"note: no jobs in {tmp_path}\n")


def test_an_id_is_as_short_as_it_can_be() -> None:
    assert shortest([]) == shortest(["0123456789ab"]) == 6
    assert shortest(["0123456789ab", "0123456700cd", "f" * 12]) == 9


ROOMS = {
    20: "clip.mp4 → …/out.mp4",
    23: "…/clip.mp4 → …/out.mp4",
    38: "…/summer/clip.mp4 → …/summer/out.mp4",
    62: "…/films/2026/summer/clip.mp4 → …/bucket/painted/summer/out.mp4",
    90: "/media/films/2026/summer/clip.mp4 → s3://bucket/painted/summer/out.mp4",
}


@pytest.mark.parametrize("room", ROOMS)
def test_paths_keep_the_names_of_files_and_then_their_folders(room: int) -> None:
    said = what("/media/films/2026/summer/clip.mp4", "s3://bucket/painted/summer/out.mp4", room)
    assert said == ROOMS[room]
    assert len(said) <= room


def test_a_short_path_leaves_its_room_to_the_other() -> None:
    assert what("a.mp4", "/long/path/o.mp4", 24) == "a.mp4 → /long/path/o.mp4"
    assert what("/long/path/a.mp4", "o.mp4", 23) == "…/path/a.mp4 → o.mp4"
    assert what("/home/ada/art/photos/", "/home/ada/art/exposure.csv", 30) == (
        "…/photos → …/art/exposure.csv"
    )


@pytest.mark.parametrize("room", range(7, 80))
def test_names_that_are_too_long_are_shortened_too(room: int) -> None:
    said = what(f"/in/{'a' * 40}.mp4", f"az://films/{'b' * 40}.mp4", room)
    assert len(said) <= room


def test_show_tells_all_without_python(various: dict[str, Job], tmp_path: Path) -> None:
    job = various["stopped"]
    job.record(Failed(shard=1, error="KeyError: 'b'", traceback=TRACE), 1)
    shown = call("show", job.id, "--home", tmp_path).stdout
    assert "state        stopped, 50%: 3 of 6 rows, 1 failed\n" in shown
    assert "worker time  score 2:10 (all workers together)\n" in shown
    assert "shards       1 of 2 done, 1 failed attempts\n" in shown
    assert f"home         {tmp_path}\n" in shown
    assert f"failed: row 3: ValueError: bad\n    {OWN[0]}\n    {OWN[1]}\n" in shown
    assert f"failed: shard 1: KeyError: 'b'\n    {OWN[0]}\n" in shown
    assert f"to go on: impasto resume {job.id} --home {tmp_path}\n" in shown
    assert not any(word in shown for word in ("None", "{}", "[]", "True", "False", "65.82"))


def test_show_names_who_runs_a_job(various: dict[str, Job], tmp_path: Path) -> None:
    job = various["stopped"]
    with present(job.folder, "local"):
        shown = call("show", job.id, "--home", tmp_path).stdout
    assert "state        running, 50%" in shown
    assert f"driver       process {os.getpid()} on {os.uname().nodename}, engine local" in shown
    assert "to go on" not in shown


def test_a_running_job_tells_its_speed_and_the_time_left(
    various: dict[str, Job], tmp_path: Path
) -> None:
    job = various["stopped"]
    live = Live(stage="scoring", items=5, total=6, noun="rows", rate=2.0, seconds_left=0.5)
    live = live.model_copy(update={"running": ((1, 2),), "workers": Workers(running=1)})
    driver = Driver(host="elsewhere", pid=1, live=live)
    job.folder.put("drivers/01234567.json", driver.model_dump_json().encode())
    head, *rows = call("jobs", "--home", tmp_path).stdout.splitlines()
    assert head.split() == ["job", "state", "done", "started", "now", "what"]
    (row,) = [each for each in rows if " running " in each]
    assert "  83%  " in row
    assert "  2.0 rows/s, 0:01 left  in.csv → " in row
    shown = call("show", job.id, "--home", tmp_path).stdout
    assert "state        running, 83%: 5 of 6 rows, 1 failed\n" in shown
    now = "scoring, 2.0 rows/s, 0:01 left, 1 shard in work; workers: 1 running"
    assert f"now          {now}\n" in shown
    told = json.loads(call("show", job.id, "--home", tmp_path, "--json").stdout)["live"]
    assert (told["running"], told["items"]) == ([[1, 2]], 5)


def test_show_says_why_a_job_ended(various: dict[str, Job], tmp_path: Path) -> None:
    shown = call("show", "fed", "--home", tmp_path).stdout
    assert "state        incomplete, not planned yet\nended with   1 row failed\n" in shown
    assert "to go on: impasto retry fedcba987654" in shown


def test_options_are_shown_as_they_are_typed() -> None:
    fields = {"start": "5/2", "max_failed": -1, "frames": "png", "params": {"keep_colour": True}}
    spec = JobSpec.model_validate({"source": "a", "output": "b", **fields})
    said = ["--keep-colour", "--frames png", "--start 2.5", "--max-failed all"]
    assert job_facts.options(spec, spec.params) == said
    share = JobSpec(source="a", output="b", max_failed_percent=5)
    assert job_facts.options(share, {}) == ["--max-failed 5%"]


@pytest.mark.parametrize(
    ("scorer", "params", "said"),
    [
        (
            "python",
            {"module": "exposure.py", "name": "Exposure", "args": {"top": 3}},
            ["scorer       python:exposure.py:Exposure", "options      --top 3"],
        ),
        (
            "python",
            {"module": "/srv/exposure.py", "name": "Exposure", "args": {}},
            ["scorer       python:/srv/exposure.py:Exposure", "home"],
        ),
        ("script", {"script": "score.py"}, ["scorer       script:score.py", "home"]),
        ("onnx", {"model": "small.onnx"}, ["scorer       onnx:small.onnx", "home"]),
        ("style", {"style": "blue.jpg"}, ["scorer       style", "options      --style blue.jpg"]),
        ("gone", {"top": 3}, ["scorer       gone", "options      --top 3"]),
    ],
)
def test_a_scorer_is_shown_as_it_is_typed(
    scorer: str,
    params: dict[str, object],
    said: list[str],
    home: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = next(iter(params)) if scorer != "gone" else ""
    here = {name: str(tmp_path / str(params[name])) for name in params if name == file}
    job = make(home, "0123456789ab", scorer=scorer, params=params | here)
    lines = call("show", job.id, "--home", tmp_path).stdout.splitlines()
    shown = lines[[line.split()[0] for line in lines].index("scorer") :][:2]
    assert [line[: len(words)] for line, words in zip(shown, said, strict=True)] == said


def test_show_says_why_shards_are_as_large_as_they_are_on_request(
    various: dict[str, Job], home: Store, tmp_path: Path
) -> None:
    job = make(home, "bbbbbbbbbbbb")
    job.record(PLAN.model_copy(update={"reasons": ("2 workers",), "warnings": ("no sound",)}))
    words = ["show", job.id, "--home", tmp_path]
    notes = [line for line in call(*words).stdout.splitlines() if line.startswith("note")]
    assert notes == ["note         no sound"]
    assert "note         2 workers\n" in call(*words, "-v").stdout


def test_a_traceback_is_that_of_the_users_own_files() -> None:
    assert traces.lines(TRACE) == OWN
    others = TRACE.replace("/home/ann/", "/srv/impasto/worker/")
    assert traces.lines(others) == others.splitlines()


def test_a_value_that_impasto_refuses_has_no_traceback_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = [
        "Traceback (most recent call last):",
        '  File "/usr/lib/python3/dist-packages/impasto/worker/scoring.py", line 60, in divide',
        "    scores = score(start, stop)",
        '  File "/srv/impasto/scorers/mlflow/columns.py", line 113, in _fitted',
        "    raise ValueError(words) from None",
        "ValueError: column 'age' must be long: a value is missing",
    ]
    assert traces.lines("\n".join(frames)) == []
    bug = [*frames[:-1], "KeyError: 'age'"]
    assert traces.lines("\n".join(bug)) == bug
    library = [
        frames[0],
        '  File "/usr/lib/python3/dist-packages/sklearn/base.py", line 6',
        *frames,
    ]
    assert traces.lines("\n".join(library)) == library
    monkeypatch.setattr(debugging, "asked", True)
    assert traces.lines("\n".join(frames)) == frames


def test_debug_shows_the_whole_traceback(various: dict[str, Job], tmp_path: Path) -> None:
    shown = call("show", various["stopped"].id, "--home", tmp_path, "--debug").stdout
    assert "    Traceback (most recent call last):\n" in shown


LOG = [
    (events.Submitted(time=1.0), "submitted to a cluster"),
    (events.Detached(time=1.0), "submitted, and waits for a watcher"),
    (events.Started(time=1.0, host="vm", pid=7, resumed=0), "started on vm, process 7"),
    (events.Workers(time=1.0, text="none could start"), "workers: none could start"),
    (events.PassedOver(time=1.0, key="done/00001.json"), "done/00001.json: damaged, so its"),
    (events.ShardDone(time=1.0, record=DONE), "shard 0: done: 3 items, 1 failed in 1:06, 5 B"),
    (events.Stopping(time=1.0, why="cancelled", running=2), "stopping: cancelled; 2 workers"),
    (events.Stopped(time=1.0, error="no memory", exit_code=3), "ended: no memory (exit code 3)"),
    (events.Item(1.0, 0, 29, 1.87, {"loss": 0.5}, name="a.png"), "a.png: 1.9 ms, shard 0"),
    (events.Unknown({"time": 1.0, "event": "moved", "to": "x"}), "moved to=x"),
]


@pytest.mark.parametrize(("event", "said"), LOG, ids=lambda each: type(each).__name__)
def test_an_event_is_one_line(
    event: events.Event, said: str, various: dict[str, Job], tmp_path: Path
) -> None:
    job = various["done"]
    job.journal.write(event)
    (line,) = call("logs", job.id, "--home", tmp_path).stdout.splitlines()
    assert line.startswith(f"{moments.stamp(1.0)}  {said}")


def test_a_log_calls_items_what_the_job_does(various: dict[str, Job], tmp_path: Path) -> None:
    job = various["stopped"]
    job.journal.write(
        events.Started(time=1.0, host="vm", pid=7, resumed=1),
        events.ShardDone(time=2.0, record=DONE),
        events.Finished(time=3.0, record=result(job)),
    )
    said = call("logs", job.id, "--home", tmp_path).stdout.splitlines()
    assert [line.partition("  ")[2] for line in said] == [
        "started on vm, process 7, 1 row done before",
        "shard 0: done: 3 rows, 1 failed in 1:06, 5 B, by ",
        "finished: out.csv: 6 rows in 1:06, 1.0 kB",
    ]


def test_a_log_is_filtered_and_says_whose_it_is(various: dict[str, Job], tmp_path: Path) -> None:
    job = various["done"]
    prints = [
        events.Printed(time=float(n), text=f"{stream} {n}\x1b", worker=f"vm-{n}", stream=stream)
        for n, stream in enumerate(events.STREAMS)
    ]
    failed = events.Item(4.0, 1, 2, 1.0, {}, error="no", worker="vm-1")
    job.journal.write(events.Item(3.0, 0, 1, 1.0, {}), failed, *prints)
    home = ("--home", tmp_path)
    said = call("logs", job.id, *home, "--level", "warning", "--shard", "1-2").stdout
    assert said.splitlines() == [f"{moments.stamp(4.0)}  item 2: failed: no"]
    assert call("logs", job.id, *home, "--prints", "all").stdout == "stdout 0?stderr 1?"
    assert call("logs", job.id, *home, "--prints", "stderr").stdout == "stderr 1?"
    (line,) = call("logs", job.id, *home, "--item", "2", "--json").stdout.splitlines()
    assert json.loads(line) == failed.line() | {"job": job.id}
    wrong = call("logs", job.id, *home, "--shard", "x")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "impasto: --shard x: is neither a number nor a range; write 7 or 7-9\n",
    )


def test_a_traceback_stands_once_in_a_log(various: dict[str, Job], tmp_path: Path) -> None:
    job = various["done"]
    broken = events.Item(1.0, 0, 2, 1.87, {}, error="ValueError: bad", traceback=TRACE)
    job.journal.write(
        broken,
        broken._replace(item=3),
        events.ShardDone(time=2.0, record=DONE),
        events.Printed(time=3.0, text="one\ntwo\n"),
    )
    said = call("logs", job.id, "--home", tmp_path).stdout.splitlines()
    assert [line.partition("  ")[2] for line in said] == [
        "item 2: failed: ValueError: bad",
        f"  {OWN[0]}",
        f"  {OWN[1]}",
        "item 3: failed: ValueError: bad",
        "shard 0: done: 3 items, 1 failed in 1:06, 5 B, by ",
        "printed by the scorer:",
        "  | one",
        "  | two",
    ]


def test_a_date_is_short_and_says_its_year_when_it_is_long_ago() -> None:
    now = time.mktime((2026, 11, 29, 16, 5, 0, 0, 0, -1))
    assert moments.short(now, now) == "29 Nov 16:05"
    assert moments.short(now - 400 * 86400, now) == "25 Oct  2025"
    assert moments.full(now - 7300, now).endswith(" (2 h ago)")
