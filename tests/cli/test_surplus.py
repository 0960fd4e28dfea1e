"""More sources than a command takes, or none of its output, get a command that works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from impasto.cli.surplus import pattern_of
from support.command import call


def refused(*words: object) -> str:
    """The one line with which a command is refused."""
    done = call(*words, inline=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line.removeprefix("impasto: ")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and a home."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return work


def pasted(line: str) -> None:
    """Run a line in a shell, in which ``impasto`` is this one."""
    first = f'impasto() {{ {sys.executable} -m impasto "$@"; }}\n'
    subprocess.run(["sh", "-e", "-c", first + line], check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize(
    ("names", "loop"),
    [
        (("a.mp4", "c.mp4"), 'for f in a.mp4 c.mp4; do impasto plan "$f" -o "${f%.*}-o.mp4"; done'),
        (("a.mp4", "a.mkv"), 'for f in a.mp4 a.mkv; do impasto plan "$f" -o "$f-o.mp4"; done'),
        (("a.mkv", "b.mkv"), 'for f in *.mkv; do impasto plan "$f" -o "${f%.*}-o.mp4"; done'),
        (
            ("day 2/a.mkv", "day 2/b.mkv"),
            "for f in 'day 2/a.mkv' 'day 2/b.mkv'; "
            'do impasto plan "$f" -o "${f%.*}-o.mp4"; done',
        ),
    ],
)
def test_a_command_that_takes_one_gets_a_loop(
    names: tuple[str, ...], loop: str, here: Path
) -> None:
    (here / "day 2").mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4", "a.mkv", "b.mkv", "day 2/a.mkv", "day 2/b.mkv"):
        (here / name).touch()
    assert refused("plan", *names, "-o", "o.mp4").endswith(f"one at a time: {loop}")


def test_a_folder_whose_name_would_be_a_pattern_is_not_mistaken_for_another(here: Path) -> None:
    for folder in ("film [1]", "film 1"):
        (here / folder).mkdir()
        (here / folder / "a.png").touch()
    assert pattern_of(["film 1/a.png"]) == "film 1/*.png"
    assert pattern_of(["film [1]/a.png"]) == ""


def test_some_images_for_one_file_get_a_list_of_them(here: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (8, 8)).save(here / name)
    words = ("-o", "film.mp4", "--scorer", "identity", "--workers", 1)
    said, line = refused("run", "a.png", "c.png", *words).split("give a list of them: ")
    assert said.startswith("film.mp4: is one file, but no pattern names these 2 sources alone; ")
    pasted(line)
    assert (here / "film.mp4").exists()


def test_all_images_of_a_folder_get_a_quoted_pattern(here: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (here / name).touch()
    assert refused("plan", "a.png", "b.png", "c.png", "-o", "x/") == (
        "3 sources (a.png, b.png, ...): a command takes one; "
        "quote the pattern: impasto plan '*.png' -o x/"
    )


def test_a_name_with_spaces_is_to_be_quoted(here: Path) -> None:
    words = ("run", "my", "clip.mp4", "-o", "o.mp4")
    assert refused(*words) == "my: no such file; quote a name with spaces: 'my clip.mp4'"
    (here / "my clip.mp4").touch()
    assert refused(*words).endswith("quote the name: impasto run 'my clip.mp4' -o o.mp4")
