"""A command that is refused says why in one line and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from support import inprocess
from support.command import call

if TYPE_CHECKING:
    from conftest import MakeClip

TO = ("--scorer", "identity", "-o", "o.mp4")
REFUSED = {
    "a range behind the end": (
        ("run", "{clip}", *TO, "--start", "0:20"),
        "no frames between 0:20 and the end; the clip is 0:00.96 long; choose another --start or",
    ),
    "a range between two frames": (
        ("run", "{clip}", *TO, "--start", "0.51", "--end", "0.52"),
        "no frames between 0:00.51 and 0:00.52; the clip is 0:00.96 long",
    ),
    "a range that runs backwards": (
        ("run", "{clip}", *TO, "--start", "0:04", "--end", "3"),
        "--start 4: is not before --end 3",
    ),
    "a still": (
        ("run", "{clip}", *TO[:-1], "one.png", "--start", "2"),
        "a video cannot become a single image; for stills, name a folder as output, and a short "
        "range: --frames png --start 2 --end 2.1",
    ),
    "a picture of a kind that is not read": (
        ("run", "photo.HEIC", *TO[:-1], "one.png"),
        "photo.HEIC: pictures of the kind .HEIC are not read; convert it to PNG, TIFF or JPEG",
    ),
    "a folder of videos": (
        ("plan", "films", *TO),
        "holds 2 videos and no images; give one video, ",
    ),
    "a style that is no picture": (("run", "{clip}", "--style", "text.jpg", "-o", "o.mp4"), "pict"),
    "a folder as a style": (
        ("run", "{clip}", "--style", "films", "-o", "o.mp4"),
        "films: is a folder; name one painting, or compare them with 'impasto preview'",
    ),
    "two folders to verify": (
        ("verify", "films", "films"),
        "films: is not a video, and verify compares a video with its source; ",
    ),
    "a video to verify without its output": (
        ("verify", "{clip}"),
        "OUTPUT: is missing; name what was made of",
    ),
    "two folders to compare": (
        ("compare", "films", "films", "-o", "o.jpg"),
        "films: is a folder; compare shows two videos or two images; name one of its images",
    ),
    "an image to compare with a video": (
        ("compare", "text.jpg", "{clip}", "-o", "o.mp4"),
        ": only one of them is an image; compare shows two videos or two images",
    ),
    "a style that is not there": (("run", "{clip}", "--style", "no.jpg", "-o", "o.mp4"), "no.jpg"),
    "a picture that is none": (("run", "text.jpg", *TO[:-1], "o.jpg"), "not a readable picture"),
    "a video that is none": (("run", "text.mp4", *TO), "text.mp4"),
    "a checkpoint that is none": (
        ("run", "{clip}", "--scorer", "checkpoint:text.jpg", "-o", "o.mp4"),
        "is text, 'no picture'",
    ),
    "sound that the output cannot carry": (("run", "{clip}", *TO[:-1], "o.webm"), "--audio auto"),
    "an output of another kind": (("run", "{clip}", *TO[:-1], "o.xyz"), "cannot become .xyz"),
    "records of a scorer that makes none": (
        ("run", "{clip}", *TO[:-1], "o.xyz"),
        "choose .mp4, .m4v, .mov, .mkv, .webm or a folder",
    ),
    "a parameter out of range": (
        ("run", "{clip}", "--style", "text.jpg", "--strength", "2", "-o", "o.mp4"),
        "--strength 2: must be from 0 to 1; see 'impasto scorers style'",
    ),
    "a stream that is none": (("run", "{clip}", *TO, "--stream", 9), "its stream 9 is not a video"),
    "a job that is not there": (("show", "abc"), "job abc: not found"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a working folder with files of several kinds."""
    inprocess.install(monkeypatch)
    monkeypatch.delenv("IMPASTO_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "share"))
    (tmp_path / "home").mkdir()
    work = tmp_path / "work"
    (work / "films").mkdir(parents=True)
    (work / "films" / "a.mp4").touch()
    (work / "films" / "b.mkv").touch()
    (work / "text.jpg").write_text("no picture")
    (work / "text.mp4").write_text("no video")
    (work / "photo.HEIC").touch()
    monkeypatch.chdir(work)
    return tmp_path


@pytest.mark.parametrize("engine", ["local", "inline"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_command_leaves_an_empty_home_empty(
    case: str, engine: str, place: Path, clip: MakeClip
) -> None:
    words, said = REFUSED[case]
    source = clip(frames=24, audio=("aac",))
    given = [str(word).format(clip=source) for word in words]
    more = ["--engine", engine] if given[0] == "run" else []
    done = call(*given, *more, inline=False)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert list((place / "home").iterdir()) == []
    assert not list((place / "work").glob("o*"))


def test_a_refused_command_spares_a_home_and_the_jobs_in_it(place: Path, clip: MakeClip) -> None:
    home = place / "home" / "mine"
    home.mkdir()
    words = ["run", clip(), *TO, "--home", home]
    assert call(*words, "--start", "0:20").returncode == 2
    assert list(home.iterdir()) == []
    assert call(*words).returncode == 0
    jobs = list((home / "jobs").iterdir())
    assert call(*words[:-3], "p.mp4", *words[-2:], "--start", "0:20").returncode == 2
    assert list((home / "jobs").iterdir()) == jobs


@pytest.mark.parametrize(
    "words", [("jobs",), ("show", "abc"), ("logs", "abc"), ("cancel", "abc"), ("doctor",)]
)
def test_a_mistyped_home_is_not_made(words: tuple[str, ...], place: Path) -> None:
    done = call(*words, "--home", "hoem", inline=False)
    assert (done.returncode, done.stderr) == (2, "impasto: hoem: no such home; check --home\n")
    assert not (place / "work" / "hoem").exists()


def test_looking_at_no_jobs_makes_no_home(place: Path) -> None:
    assert call("jobs", inline=False).returncode == 0
    assert list((place / "home").iterdir()) == []


def test_a_plan_makes_no_home(place: Path) -> None:
    Image.new("RGB", (32, 24)).save("a.png")
    assert call("plan", "a.png", *TO[:-1], "o.png", inline=False).returncode == 0
    assert list((place / "home").iterdir()) == []


@pytest.mark.parametrize("words", [("run", "notes.txt", *TO), ("probe", "notes.txt")])
def test_a_text_that_is_no_list_of_paths_says_how_it_was_read(
    words: tuple[str, ...], place: Path
) -> None:
    (place / "work" / "notes.txt").write_text("# mine\nhello\n")
    done = call(*words, inline=False)
    assert done.returncode == 2
    said = "notes.txt line 2: 'hello' is not a file; a .txt is read as a list of paths\n"
    assert done.stderr.endswith(said)
