"""One command for many videos and styles: every job is done, told and resumed."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import av
import pytest
from PIL import Image

from support.command import call, found, start, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip

SLOW = """
import time


class Slow:
    def score(self, batch):
        time.sleep(0.2)
        return batch
"""


@pytest.fixture
def films(tmp_path: Path, clip: MakeClip, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of two clips, one that is damaged, and something else."""
    folder = tmp_path / "films"
    (folder / "deep").mkdir(parents=True)
    data = clip(frames=3).read_bytes()
    for name, content in {
        "a.mp4": data,
        "deep/b.mp4": clip(frames=4).read_bytes(),
        "bad.mp4": data[:800],
        "notes.txt": b"",
    }.items():
        (folder / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return folder


def frames(path: Path) -> int:
    """How many frames a video has."""
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_that_fails_does_not_end_the_others_and_a_rerun_does_what_is_left(
    films: Path, clip: MakeClip
) -> None:
    words = ("run", "films/**", "--scorer", "identity", "-o", "out/", "--workers", 1)
    done = call(*words, inline=False)
    assert done.returncode == 3, done.stderr
    assert frames(films.parent / "out/a.mp4") == 3
    assert frames(films.parent / "out/deep/b.mp4") == 4
    assert f"note: {films}: files left out, which are no videos: 1 (notes.txt)\n" in done.stderr
    assert "failed: bad.mp4: bad.mp4 cannot be read" in done.stderr
    assert done.stderr.endswith(
        "impasto: 1 of 3 jobs failed (bad.mp4); correct what is said above, and run the same "
        "command again\n"
    )
    assert done.stdout.splitlines()[-1].startswith("3 jobs: 2 done, 1 failed in ")
    (films / "bad.mp4").write_bytes(clip(frames=5).read_bytes())
    again = call(*words, "--json", inline=False)
    assert again.returncode == 0, again.stderr
    *jobs, summary = lines(again.stdout)
    assert {job["source"].rpartition("/")[2]: job["done_already"] for job in jobs} == {
        "a.mp4": True,
        "b.mp4": True,
        "bad.mp4": False,
    }
    assert summary == {
        "jobs": 3,
        "done": 3,
        "done_already": 2,
        "failed": 0,
        "left": 0,
        "exit_code": 0,
    }


def test_jobs_at_once_make_what_they_make_alone(films: Path) -> None:
    for name in ("1.png", "2.png"):
        Image.effect_noise((64, 64), 90).convert("RGB").save(name)
    sources = ("films/a.mp4", "films/deep/b.mp4")
    words = ("run", *sources, "--style", "1.png", "--style", "2.png")
    out = "{path}/{name}-{style}.mp4"
    alone = call(*words, "-o", f"alone/{out}", "--home", "home1", inline=False)
    both = call(*words, "-o", f"both/{out}", "--home", "home2", "--jobs", 2, inline=False)
    assert (alone.returncode, both.returncode) == (0, 0), alone.stderr + both.stderr
    names = ("a-1.mp4", "a-2.mp4", "deep/b-1.mp4", "deep/b-2.mp4")
    made = [(films.parent / "alone" / name).read_bytes() for name in names]
    assert made == [(films.parent / "both" / name).read_bytes() for name in names]
    assert len({*made}) == 4


def test_ctrl_c_stops_all_and_the_same_command_goes_on(films: Path) -> None:
    (films.parent / "slow.py").write_text(SLOW)
    (films / "bad.mp4").unlink()
    words = ("run", "films/a.mp4", "films/deep/b.mp4", "--scorer", "python:slow.py:Slow")
    options = ("-o", "out/", "--workers", 1, "--mini-batch", 1, "--shard-frames", 1)
    stopped = start(*words, *options)
    wait_for(lambda: found(films.parent / "home", "jobs/*/done/*.json"))
    stopped.send_signal(signal.SIGINT)
    out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, err
    assert "\nstopping: finishing " in f"\n{err}"
    assert err.endswith("impasto: stopped: 2 left; run the same command to go on\n")
    assert out.startswith("2 jobs: 2 left in ")
    again = call(*words, *options, "--json", inline=False)
    assert again.returncode == 0, again.stderr
    first, second, _ = lines(again.stdout)
    assert (first["items"], first["scored"] < 3, second["scored"]) == (3, True, 4)


def test_a_file_that_kills_its_driver_kills_nothing_else(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A codec that crashes ends the process that plans its job.
    (films.parent / "sitecustomize.py").write_text(
        "import os\n"
        "from impasto.media.read import index\n"
        "scan = index.scan\n"
        "def crash(file, name, *rest):\n"
        "    if name == 'bad.mp4':\n"
        "        os.abort()\n"
        "    return scan(file, name, *rest)\n"
        "index.scan = crash\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(films.parent))
    words = ("run", "films/*.mp4", "films/deep/b.mp4", "--scorer", "identity", "-o", "out/")
    done = call(*words, "--workers", 1, inline=False)
    assert done.returncode == 3, done.stderr
    assert "failed: bad.mp4: its driver ended (signal 6)" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("3 jobs: 2 done, 1 failed in ")


def test_what_would_fail_every_job_is_refused_once(films: Path) -> None:
    words = ("run", "films/a.mp4", "films/deep/b.mp4", "-o", "out/")
    done = call(*words, "--style", "nowhere.jpg", "--json", inline=False)
    assert done.returncode == 2
    (line,) = lines(done.stdout)
    assert "nowhere.jpg" in line["error"]
    assert not (films.parent / "out").exists()


@pytest.mark.parametrize("words", [("--engine", "inline"), ("--plot", "p.png")])
def test_options_for_a_single_job_are_refused(words: tuple[str, ...], films: Path) -> None:
    sources = ("films/a.mp4", "films/deep/b.mp4")
    scorer = ("--scorer", "gatys", "--style", "films/notes.txt")
    done = call("run", *sources, *scorer, "-o", "out/", *words, inline=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is for a single job; name one source and one style" in done.stderr


def test_images_that_a_shell_named_are_one_job(films: Path) -> None:
    for name in ("1.png", "2.png", "3.png"):
        Image.new("RGB", (32, 32)).save(films / name)
    words = ("--scorer", "identity", "-o", "out/", "--json")
    named = call("run", *(f"films/{n}.png" for n in (1, 2, 3)), *words)
    quoted = call("run", "films/*.png", *words)
    assert (named.returncode, quoted.returncode) == (0, 0), named.stderr
    (first,), (second,) = lines(named.stdout), lines(quoted.stdout)
    assert (first["job"], first["items"]) == (second["job"], 3)
    assert second["done_already"]
