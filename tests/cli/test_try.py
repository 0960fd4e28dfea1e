"""One item scored in the command's own process: results, times, tracebacks and breakpoints."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from support.command import COMMAND, call

if TYPE_CHECKING:
    from conftest import MakeClip

MODELS = """
def deep(picture):
    return 1 / int(picture.mean() - 100)

class Mean:
    def __init__(self, scale: float = 1.0):
        self.scale = scale

    def score(self, batch):
        return [{"mean": float(picture.mean()) * self.scale} for picture in batch]

class Fails:
    def score(self, batch):
        return [deep(picture) for picture in batch]

class Broken:
    def __init__(self):
        self.model = {}["weights"]

    def score(self, batch):
        return batch

class Wrong:
    def score(self, batch):
        return [1, 2]

class Nothing:
    def score(self, batch):
        return None

class Floats:
    def score(self, batch):
        return batch / 255

class Ends:
    def score(self, batch):
        raise SystemExit("no model")

class Sets:
    def setup(self):
        pass

    def score(self, batch):
        return batch

class Many:
    def score(self, batch):
        return [[{"box": n} for n in range(30)] for picture in batch]

class Long:
    def score(self, batch):
        return [{"vector": list(range(2000))} for picture in batch]

class Sum:
    def score(self, rows):
        total = rows["a"] + rows["b"]
        breakpoint()
        return rows.assign(total=total)
"""
SCRIPT = """
from pathlib import Path

def init():
    print("ready")

def run(mini_batch):
    return [len(Path(path).read_bytes()) for path in mini_batch]
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "score.py").write_text(SCRIPT)
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n30,40\n")
    Image.new("RGB", (64, 48), (100, 100, 100)).save(tmp_path / "grey.png")


def test_a_class_scores_one_picture_and_the_times_are_told() -> None:
    done = call("try", "python:models.py:Mean", "grey.png", "--scale", "2", "--home", "h")
    assert done.returncode == 0, done.stderr
    item, result, times = done.stdout.splitlines()
    assert item.split() == ["item", "grey.png"]
    assert result.split() == ["result", "mean:", "200.0"]
    assert re.fullmatch(r"time +load .+ m?s, first .+ m?s, second .+ m?s", times)
    assert not Path("h").exists()


def test_the_options_may_come_before_the_scorer() -> None:
    done = call(
        "try", "--device", "cpu", "--json", "python:models.py:Mean", "grey.png", "--scale=3"
    )
    found = json.loads(done.stdout)
    assert (found["item"], found["records"], found["picture"]) == (
        "grey.png",
        [{"mean": 300}],
        None,
    )
    assert {*found["seconds"]} == {"load", "first", "second"}


def test_what_a_result_is_without_is_told() -> None:
    Image.fromarray(np.full((8, 8, 4), 128, np.uint8)).save("clear.png")
    Image.fromarray(np.full((8, 8), 30_000, np.uint16)).save("deep.png")
    for name, lost in (("clear.png", "transparency"), ("deep.png", "over 8 bits")):
        done = call("try", "identity", name, "-o", f"made-{name}")
        assert f"note: the result is without {lost}, which a job can keep\n" in done.stderr
    assert "without" not in call("try", "identity", "grey.png", "-o", "made.png").stderr


def test_a_frame_of_a_video_is_written_as_a_picture(clip: MakeClip) -> None:
    words = ["try", "identity", clip(frames=48), "--at", "0:01", "-o", "frame.png"]
    done = call(*words)
    assert done.returncode == 0, done.stderr
    assert "a picture of 96x64, in frame.png" in done.stdout
    with Image.open("frame.png") as picture:
        assert picture.size == (96, 64)
    assert "add --overwrite to replace it" in call(*words).stderr
    assert call(*words, "--overwrite").returncode == 0


def test_a_script_scores_one_file_and_its_prints_are_seen() -> None:
    Path("tone.wav").write_bytes(bytes(14))
    done = call("try", "script:score.py", "tone.wav", "-o", "r.jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ready\n")
    assert "in r.jsonl" in done.stdout
    assert Path("r.jsonl").read_text() == '{"output": 14}\n'
    done = call("try", "script:score.py", "tone.wav", "--json")
    assert json.loads(done.stdout)["records"] == [{"output": 14}]
    assert done.stderr == "ready\n"


def test_a_row_is_scored_and_a_breakpoint_stops_on_the_terminal() -> None:
    words = [*COMMAND, "try", "python:models.py:Sum", "rows.csv", "--row", "2"]
    done = subprocess.run(
        words,
        input="p int(total[0])\nc\nc\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "(Pdb) 70" in done.stdout
    assert "total: 70" in done.stdout
    done = subprocess.run(
        words, input="q\n", capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "impasto: stopped; nothing was written\n"


def test_a_scorer_that_fails_shows_its_own_lines_and_no_other() -> None:
    done = call("try", "python:models.py:Fails", "grey.png")
    assert done.returncode == 2
    assert re.findall(r"line \d+, in (\w+)", done.stderr) == ["score", "deep"]
    assert "ZeroDivisionError" in done.stderr.splitlines()[-2]
    assert done.stderr.splitlines()[-1].startswith("impasto: scorer python:models.py:Fails: Zero")


def test_a_scorer_that_cannot_be_loaded_shows_why() -> None:
    done = call("try", "python:models.py:Broken", "grey.png")
    assert done.returncode == 2
    assert re.findall(r"line \d+, in (\w+)", done.stderr) == ["__init__"]
    assert "Broken() failed (line 18): KeyError: 'weights'; correct it" in done.stderr


@pytest.mark.parametrize(
    ("name", "said", "lines"),
    [
        ("Nothing", "score() returned None; it must return N pictures, or a list or DataFr", 1),
        ("Floats", "score() returned float64 (1, 48, 64, 3); pictures must be a numpy array", 1),
        ("Ends", "SystemExit: no model; its traceback is above", 6),
        ("Sets", "Sets.setup() does not take the device; write def setup(self, device)", 1),
    ],
)
def test_a_failure_shows_the_users_own_lines_alone(name: str, said: str, lines: int) -> None:
    done = call("try", f"python:models.py:{name}", "grey.png")
    assert (done.returncode, done.stdout) == (2, "")
    shown = done.stderr.splitlines()
    assert said in shown[-1]
    assert len(shown) <= lines
    assert "ScriptError" not in done.stderr
    assert "/impasto/" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["python:models.py:Wrong", "grey.png"], "score() returned 2 results for 1 items"),
        (["python:models.py:Sum", "rows.csv", "--row", "3"], "--row 3: {}/rows.csv has 2 rows"),
        (["python:models.py:Mean", "no.png"], "no.png: no such file"),
        (["python:models.py:Mean", "grey.png", "--at", "1"], "--at needs a video"),
        (["python:models.py:Mean", "grey.png", "-o", "x.png"], "the scorer made records; choose"),
        (["python:models.py:Mean", "grey.png", "--nope", "1"], "--nope: unknown option"),
        (["nope", "grey.png"], "scorer 'nope' is unknown"),
        (["style", "grey.png"], "--style: is missing"),
    ],
)
def test_what_cannot_be_tried_is_refused(words: list[str], said: str, tmp_path: Path) -> None:
    done = call("try", *words)
    assert done.returncode == 2
    assert said.format(tmp_path) in done.stderr.splitlines()[-1]
    assert not Path("x.png").exists()


def test_many_records_and_long_values_are_shortened() -> None:
    many = call("try", "python:models.py:Many", "grey.png").stdout
    assert '{"box": 19}\n' in many
    assert "and 10 more; --json prints all" in many
    long = call("try", "python:models.py:Long", "grey.png").stdout
    assert "... (2,000 values; --json prints all)" in long
    assert max(map(len, long.splitlines())) < 500
