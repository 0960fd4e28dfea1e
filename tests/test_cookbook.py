"""Every command of the cookbook does what the page says, in the order of the page."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
import torch
from PIL import Image

from support import upscaler
from support.clips import make_clip, real_clip
from support.cloud import CONTROL, DATA
from support.command import call
from support.guides import DOCS, ROOT, sessions
from support.models import write_sums
from support.stores import azure_profile

if TYPE_CHECKING:
    from support.cloud import Azurite
    from support.stores import Role

RECIPE = re.compile(r"^### ([^\n]+)\n(.*?)^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (DOCS / "cookbook.md").read_text()
RECIPES = {title: block for title, _, block in RECIPE.findall(PAGE)}
JOB = re.compile(r"\bjob ([0-9a-f]{12})\b")
PAINTING = ROOT / "src/impasto/scorers/data/painting.jpg"
FRAMES = 48
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
PRESSED = """
import os, pathlib, signal


class Pressed:
    def score(self, batch):
        if not pathlib.Path("pressed").exists():
            pathlib.Path("pressed").touch()
            os.kill(os.getpid(), signal.SIGINT)
        return batch
"""
FLAKY = """
import pathlib


def run(mini_batch):
    if not pathlib.Path("mended").exists():
        raise OSError("no licence")
    return [pathlib.Path(path).name for path in mini_batch]
"""


class Invert(torch.nn.Module):
    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return 1 - pictures


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azurite: Azurite) -> None:
    """A folder with what the cookbook's commands name, and two stores."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IMPASTO_WORKERS", "1")
    make_clip(Path("clip.mp4"), frames=FRAMES, audio=("aac",))
    make_clip(Path("phone.mp4"), frames=6, rotation=-90)
    for folder in ("photos", "paintings"):
        Path(folder).mkdir()
    with av.open(str(real_clip("bikes"))) as video:
        street = Image.fromarray(next(video.decode(video=0)).to_ndarray(format="rgb24"))
    street.save("photos/street.jpg")
    street.resize((64, 27)).resize((640, 272)).save("photos/blurred.jpg")
    with Image.open(PAINTING) as painting:
        painting.resize((160, 160)).save("painting.jpg")
    for number, turn in enumerate((Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180)):
        with Image.open("painting.jpg") as painting:
            painting.transpose(turn).save(f"paintings/{number}.jpg")
    for name in ("classify.py", "score.py"):
        shutil.copy(ROOT / "examples" / name, name)
    Path("rows.csv").write_text("a,b\n1,2\n30,40\n")
    write_sums(Path("model.onnx"))
    upscaler.write(Path("realesr.pth"))
    torch.jit.script(Invert()).save("invert.pt")  # type: ignore[no-untyped-call]
    write_profiles(monkeypatch, azurite)


def write_profiles(monkeypatch: pytest.MonkeyPatch, azurite: Azurite) -> None:
    """Make the two stores that the cookbook names, and say in ``impasto.toml`` what they are."""
    lines: list[str] = []
    places: list[tuple[str, str, Role]]
    places = [("media", DATA, "data"), ("control", CONTROL, "control")]
    for name, account, role in places:
        azurite.make_container(account, name)
        profile = azure_profile(monkeypatch, azurite, name, account=account, role=role)
        lines.append(f"[stores.{name}]")
        fields = profile.model_dump(exclude_none=True, exclude_defaults=True)
        lines += [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    Path("impasto.toml").write_text("\n".join(lines))


def stopped() -> subprocess.CompletedProcess[str]:
    """Begin a job and press Ctrl-C while its first frames are scored."""
    Path("pressed.py").write_text(PRESSED)
    scorer = "python:pressed.py:Pressed"
    return call("run", "clip.mp4", "--scorer", scorer, "--shard-frames", 12, "-o", "long.mp4")


def failed() -> subprocess.CompletedProcess[str]:
    """Run a job whose items fail for now."""
    Path("flaky.py").write_text(FLAKY)
    done = call("run", "photos", "--scorer", "script:flaky.py", "-o", "flaky.jsonl")
    Path("mended").touch()
    return done


BEFORE = {"Resume after Ctrl-C or a crash": (stopped, 130), "Retry what failed": (failed, 3)}
"""What happens before a recipe, and its exit code."""


def test_the_cookbook_has_about_twenty_tasks_of_one_command_each() -> None:
    assert 20 <= len(RECIPES) <= 26
    assert PAGE.count("\n### ") == len(RECIPES)
    assert all(len(list(sessions(block))) == 1 for block in RECIPES.values())


@pytest.mark.usefixtures("kitchen")
def test_every_recipe_does_what_the_page_says() -> None:
    job = ""
    for title, block in RECIPES.items():
        if title in BEFORE:
            prepare, code = BEFORE[title]
            done = prepare()
            assert done.returncode == code, f"before: {title}\n{done.stderr}"
            job = JOB.findall(done.stderr)[-1]
        ((command, _, shown),) = sessions(block)
        given = words(command, job)
        done = call(*given)
        said = done.stderr + done.stdout
        assert done.returncode == 0, f"{command}\n{said}"
        printed = [alike(line) for line in said.splitlines()]
        missing = [line for line in shown if alike(line) not in printed]
        assert not missing, f"{command}\n{said}\nlacks {missing}"
        made = next(iter(given[given.index("-o") + 1 :]), "") if "-o" in given else ""
        assert "://" in made or given[0] == "plan" or Path(made).exists(), command


def words(command: str, job: str) -> list[str]:
    """Return the arguments of a recipe's command; one for a cluster is planned, and not run.

    A cluster takes long to start, and the tests of engines have one.
    """
    _, first, *rest = shlex.split(command.replace("JOB", job))
    return ["plan" if "--engine" in rest else first, *rest]


def alike(line: str) -> str:
    """Return a line of output without what differs from run to run."""
    line = JOB.sub("job ID", line.replace(f"{Path.cwd()}/", ""))
    line = re.sub(r"\b[\d.,]+ ?(ms|s|fps|[a-z]+/s|[kM]?B|x)(?!\w)", r"N \1", line)
    # What takes no time has no speed.
    return re.sub(r", N [kM]?B/s$", "", line)
