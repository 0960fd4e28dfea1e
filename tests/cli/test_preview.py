"""Contact sheets: what is on them, what is said beside them, and what is refused."""

from __future__ import annotations

import json
import re
import shlex
import signal
from base64 import b64decode
from fractions import Fraction
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

import impasto
from impasto.driver.sheet import preview
from impasto.schema.job import JobSpec
from impasto.settings import Settings
from impasto.worker.trial import Tried
from support.clips import frame_number
from support.command import call, start, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from conftest import MakeClip

PAINTING = Path(impasto.__file__).parent / "scorers/data/painting.jpg"
LABELS = """
import time
from pathlib import Path

class Labels:
    def score(self, batch):
        return [{"label": "<b>", "mean": float(picture.mean())} for picture in batch]

class Fussy:
    def score(self, batch):
        if batch.mean() < 100:
            raise ValueError("too dark")
        return 255 - batch

class Every:
    def score(self, batch):
        if any(int(picture.mean() * 100) % 3 == 0 for picture in batch):
            raise ValueError("a third of all fail")
        return 255 - batch

class Slow:
    def score(self, batch):
        Path("scoring").touch()
        time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.py").write_text(LABELS)
    paintings = tmp_path / "paintings"
    paintings.mkdir()
    for n, colour in enumerate(["red", "blue"]):
        Image.linear_gradient("L").convert("RGB").rotate(90 * n).save(paintings / f"{colour}&.png")


class Page(HTMLParser):
    """The pictures and the text of a sheet."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.pictures: list[Image.Image] = []
        self.text: list[str] = []
        self.edges: list[str] = []
        self.videos: list[bytes] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and "aria-label" in given:
            self.edges.append(given["aria-label"] or "")
        if "data-mp4" in given:
            self.videos.append(b64decode(given["data-mp4"] or ""))
        if tag == "img":
            data = given["src"] or ""
            assert data.startswith("data:image/jpeg;base64,")
            self.pictures.append(Image.open(BytesIO(b64decode(data.partition(",")[2]))))

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


def test_a_sheet_has_a_row_for_each_style_and_a_column_for_each_moment(clip: MakeClip) -> None:
    video = clip(frames=48)
    done = call(
        "preview",
        video,
        "--style",
        PAINTING,
        "--style",
        "paintings",
        *("-n", 3),
        "-o",
        "s.png",
        "--home",
        "h",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("s.png: 3 frames in 3 styles\nall of it: about ")
    with Image.open("s.png") as sheet:
        pixels = np.asarray(sheet.convert("L"))
    # Bands of the sheet that are not empty: the names of the columns, the source, three styles.
    inked = (pixels[:, 220:] < 200).any(axis=1)
    assert np.count_nonzero(np.diff(inked.astype(int)) == 1) == 5
    assert not Path("h").exists()


def test_a_sheet_shows_what_a_job_would_make(clip: MakeClip, tmp_path: Path) -> None:
    video = clip(frames=48)
    words = [video, "--style", PAINTING, "--strength", "0.7", "--frames", "png", "-o", "all"]
    assert call("run", *words, "--home", tmp_path / "home").returncode == 0
    spec = JobSpec(
        source=str(video), output="out", params={"style": str(PAINTING), "strength": 0.7}
    )
    moments = [Fraction(1), Fraction("0.09")]
    made = preview([spec], Settings(), moments, 1, lambda done, total: None)
    assert [each.name for each in made.chosen] == ["0:01", "0:00.08"]
    for name, cell, source in zip((26, 3), made.rows[0].cells, made.sources, strict=True):
        assert isinstance(cell, Tried)
        with Image.open(f"all/{name:06d}.png") as picture:
            np.testing.assert_array_equal(cell.picture, np.asarray(picture))
        assert source is not None
        assert frame_number(source.mean(axis=2)) == name - 1


def test_a_page_holds_all_its_pictures_and_escapes_names(clip: MakeClip) -> None:
    words = [clip(frames=48), "--style", "paintings", "--at", "0:00,0:01.3", "-o", "s.html"]
    done = call("preview", *words)
    assert done.returncode == 0, done.stderr
    page = Page(Path("s.html"))
    # Two paintings, and three rows of two.
    assert len(page.pictures) == 2 + 6
    assert {"0:00", "0:01.28", "red&.png", "blue&.png"} <= {*page.text}
    assert page.edges[:2] == [
        f"Edge between source and result: blue&.png, {moment}" for moment in ("0:00", "0:01.28")
    ]
    assert len(page.edges) == 4
    assert "http" not in Path("s.html").read_text()


def test_each_style_is_tried_with_each_setting(clip: MakeClip) -> None:
    words = ["preview", clip(frames=48), "--style", "paintings", "--at", "1"]
    done = call(*words, "--strength", "0.5, 1", "--max-size", "48,96,48", "-o", "s.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("s.html: 1 frame in 2 styles and 4 settings\n")
    assert "per style in the first setting for 48 frames" in done.stdout
    assert " --strength 0.5 --max-size 48 -o out.mp4\n" in done.stdout
    page = Page(Path("s.html"))
    settings = [f"strength {x}, max size {y}" for x in ("0.5", "1") for y in (48, 96)]
    assert [text for text in page.text if text.startswith("strength")] == 2 * settings
    # A painting is shown once, before its first setting; the source is shown first.
    _, blue, *painted = page.pictures
    assert blue.size == (256, 256)
    widths = [picture.width for picture in painted]
    assert widths == [48, 96, 48, 96, 256, 48, 96, 48, 96]
    weak, strong = (np.asarray(painted[n], int) for n in (1, 3))
    assert np.abs(weak - strong).mean() > 5


def test_arguments_of_a_class_are_settings_too(tmp_path: Path) -> None:
    (tmp_path / "gain.py").write_text(
        "class Gain:\n"
        "    def __init__(self, gain: float = 1.0, note: str = '') -> None:\n"
        "        self.told = {'gain': gain, 'note': note}\n"
        "    def score(self, batch):\n"
        "        return [self.told for _ in batch]\n"
    )
    words = ["--scorer", "python:gain.py:Gain", "--gain", "2,3", "--note", "a,b", "-o", "s.html"]
    done = call("preview", PAINTING, *words)
    assert done.returncode == 0, done.stderr
    page = Page(Path("s.html"))
    assert [text for text in page.text if text.startswith("gain")] == [
        *("gain 2", "gain: 2.0", "gain 3", "gain: 3.0")
    ]
    assert page.text.count("note: a,b") == 2


def test_motion_shows_what_a_job_would_make(clip: MakeClip, tmp_path: Path) -> None:
    video = clip(frames=48)
    words = [video, "--style", PAINTING, "--strength", "0,1", "--at", "1"]
    done = call("preview", *words, "--motion", "0.4s", "-o", "s.html", "--json", "--home", "h")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 2
    assert not Path("h").exists()
    page = Page(Path("s.html"))
    assert "in motion from 0:01" in page.text
    source, kept, painted = (_frames(data) for data in page.videos)
    assert [frame_number(frame.mean(axis=2)) for frame in source] == [*range(25, 35)]
    # To keep the source is not to leave it as it is, but nearly.
    assert [frame_number(frame.mean(axis=2)) for frame in kept] == [*range(25, 35)]
    run = ["run", video, "--style", PAINTING, "--frames", "png", "-o", "all"]
    assert call(*run, "--home", tmp_path / "home").returncode == 0
    made = np.stack([np.asarray(Image.open(f"all/{n:06d}.png"), int) for n in range(20, 40)])
    apart = [np.abs(made - frame).mean(axis=(1, 2, 3)) for frame in painted]
    assert [20 + int(each.argmin()) for each in apart] == [*range(26, 36)]
    assert max(each.min() for each in apart) < 12


def test_motion_compares_frames_alone_and_carried_along(clip: MakeClip) -> None:
    words = [clip(frames=24, size=(160, 96)), "--style", PAINTING, "--temporal", "0,1", "-n", "1"]
    done = call("preview", *words, "--motion", "0.4s", "-o", "s.html")
    assert done.returncode == 0, done.stderr
    page = Page(Path("s.html"))
    assert {"temporal 0", "temporal 1"} <= {*page.text}
    _, alone, carried = (_frames(data) for data in page.videos)
    assert len(alone) == len(carried) == 10
    change = [
        np.abs(np.diff(np.stack(each).astype(int), axis=0)).mean() for each in (alone, carried)
    ]
    assert 0 < change[1] < change[0]


def test_motion_in_which_frames_fail_says_how_many(clip: MakeClip) -> None:
    words = [clip(frames=48), "--scorer", "python:labels.py:Every", "-n", "4"]
    done = call("preview", *words, "--motion", "0.4", "-o", "s.html")
    assert done.returncode == 0, done.stderr
    page = Page(Path("s.html"))
    assert any(re.fullmatch(r"[1-9] of 10 frames failed", text) for text in page.text)
    assert len(page.videos) == 1


def test_motion_stays_within_the_video(clip: MakeClip) -> None:
    words = [clip(frames=48), "--scorer", "identity", "--end", "0:01", "--at", "0:00.9"]
    done = call("preview", *words, "--motion", "0.2", "-o", "s.html")
    assert done.returncode == 0, done.stderr
    source, result = (_frames(data) for data in Page(Path("s.html")).videos)
    assert [frame_number(frame.mean(axis=2)) for frame in source] == [*range(20, 25)]
    assert len(result) == 5


def _frames(data: bytes) -> list[NDArray[Any]]:
    with av.open(BytesIO(data), "r") as video:
        return [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]


def test_a_painting_of_a_folder_that_cannot_be_read_is_left_out(clip: MakeClip) -> None:
    Path("paintings/a.png").write_bytes(b"no picture")
    words = ["preview", clip(frames=24), "-n", "1", "--style"]
    done = call(*words, "paintings", "-o", "s.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("s.html: 1 frame in 2 styles\n")
    assert done.stderr.startswith("note: left out: paintings/a.png: not a readable picture")
    done = call(*words, "paintings/a*", "-o", "t.html")
    assert done.returncode == 2
    assert "paintings/a*: holds no picture that can be read" in done.stderr


def test_a_clip_is_shown_as_players_show_it(clip: MakeClip) -> None:
    video = clip(frames=24, rotation=-90, sample_aspect=Fraction(2))
    words = [video, "--scorer", "identity", "-o", "s.html", "-n", "1", "--motion", "0.1"]
    assert call("preview", *words).returncode == 0
    page = Page(Path("s.html"))
    assert [_frames(data)[0].shape for data in page.videos] == [(192, 64, 3)] * 2
    source, result = page.pictures
    assert source.size == result.size == (64, 192)
    # The frame's number is at its top, which is on the right now.
    dark_or_bright = np.abs(np.asarray(source.convert("L")).astype(int) - 126) > 60
    assert dark_or_bright[:, -4:].mean() > 0.9 > dark_or_bright[:, :4].mean()


def test_a_list_that_a_shell_has_expanded_is_taken(clip: MakeClip) -> None:
    words = [clip(frames=24), "--style", *sorted(Path("paintings").glob("*")), "-n", "1"]
    done = call("preview", *words, "-o", "s.html")
    assert done.returncode == 0, done.stderr
    assert {"red&.png", "blue&.png"} <= {*Page(Path("s.html")).text}
    done = call("preview", *words, "other.mp4", "-o", "t.html")
    assert done.stderr == (
        "impasto: other.mp4: is a second source; give one source, and paintings after --style\n"
    )


def test_records_stand_below_their_picture(tmp_path: Path) -> None:
    done = call("preview", PAINTING, "--scorer", "python:labels.py:Labels", "-o", "s.html")
    assert done.returncode == 0, done.stderr
    page = Page(Path("s.html"))
    assert len(page.pictures) == 1
    assert "label: <b>" in page.text
    assert any(re.fullmatch(r"mean: \d+\.\d+", text) for text in page.text)
    assert done.stdout.endswith("--scorer python:labels.py:Labels -o out.jsonl\n")
    assert (
        call("preview", PAINTING, "--scorer", "python:labels.py:Labels", "-o", "s.png").returncode
        == 0
    )


def test_an_item_that_fails_says_so_in_its_place() -> None:
    for name, grey in (("a.png", 200), ("b.png", 20)):
        Path("in").mkdir(exist_ok=True)
        Image.new("RGB", (64, 48), (grey,) * 3).save(Path("in", name))
    done = call("preview", "in", "--scorer", "python:labels.py:Fussy", "-o", "s.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("s.html: 2 images, 1 failed\n")
    page = Page(Path("s.html"))
    assert "ValueError: too dark" in page.text
    assert len(page.pictures) == 3
    Path("in/a.png").unlink()
    done = call("preview", "in", "--scorer", "python:labels.py:Fussy", "-o", "t.html")
    assert (done.returncode, Path("t.html").exists()) == (2, False)
    assert "ValueError: too dark; see 'impasto try'" in done.stderr


def test_the_command_for_the_whole_job_can_be_pasted(clip: MakeClip, tmp_path: Path) -> None:
    Path("my clip.mp4").write_bytes(clip(frames=24).read_bytes())
    words = ["my clip.mp4", "--style", "paintings", "--preserve-colour", "--max-size", "80"]
    done = call("preview", *words, "--end", "0:00.5", "--workers", "2", "-n", "1", "-o", "s.jpg")
    assert done.returncode == 0, done.stderr
    told, command = done.stdout.splitlines()[1:]
    assert re.fullmatch(r"all of it: about \d+ s per style for 13 frames with 2 workers:", told)
    run = shlex.split(command)
    assert run[:3] == ["impasto", "run", "my clip.mp4"]
    whole = call(*run[1:], "--home", tmp_path / "home")
    assert whole.returncode == 0, whole.stderr
    assert "13 frames" in whole.stdout


def test_blends_and_masks_are_drawn_and_in_the_command(clip: MakeClip) -> None:
    Image.new("L", (64, 48), 0).save("black.png")
    words = ["clip.mp4", "--style", PAINTING, "--mix", "a=b.jpg=0.25", "--mask", "black.png"]
    Path("a=b.jpg").write_bytes(PAINTING.read_bytes())
    Path("clip.mp4").write_bytes(clip(frames=2).read_bytes())
    done = call("preview", *words, "--mask-feather", "2", "-n", "1", "-o", "s.html")
    assert done.returncode == 0, done.stderr
    source, painting, painted = map(np.asarray, Page(Path("s.html")).pictures)
    assert painting.shape != source.shape
    # Where the mask is black, nothing is painted.
    assert np.abs(source.astype(int) - painted).max() <= 3
    run = shlex.split(done.stdout.splitlines()[-1])
    assert run[run.index("--mix") + 1] == "a=b.jpg=0.25"
    assert run[run.index("--mask") :][:4] == ["--mask", "black.png", "--mask-feather", "2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--style", "no.png"], "no.png: no such file; check the path"),
        (["--style", "paintings", "--style", "labels.py"], "labels.py: not a readable picture"),
        (["--style", "paintings", "--at", "9"], "--at 0:09: the video is 0:01.92 long"),
        (["--style", "paintings", "--at", "noon"], "--at noon: is not a time"),
        ([], "--style: is missing"),
        (["--style", "paintings", "--scorer", "identity"], "scorer identity takes no painting"),
        (["--style", "paintings", "--strenght", "1"], "--strenght: unknown option"),
        (
            ["--style", "paintings", "-o", "s"],
            "s: its name must end in .png, .jpg, .jpeg or .html; write s.png",
        ),
        (["--style", "paintings", "-o", "no/s.png"], "no/s.png: its folder does not exist"),
        (["--style", "paintings", "-o", "there.png"], "add --overwrite to replace it"),
        (
            ["--style", "paintings", "--strength", "0.5,"],
            "--strength 0.5,: '' is not a number; write numbers with commas between them",
        ),
        (["--style", "paintings", "--strength", "1,2"], "strength"),
        (["--style", "paintings", "--max-size", "small"], "'small' is not a whole number"),
        (["--style", "paintings", "--temporal", "0,1"], "--temporal: is seen in motion only; add"),
        (["--style", "paintings", "--motion", "2s"], "--motion: needs a page to play on"),
        (["--style", "paintings", "--motion", "11s", "-o", "s.html"], "not within 10 seconds"),
        (["--style", "paintings", "--motion", "0", "-o", "s.html"], "not within 10 seconds"),
        (
            ["--scorer", "python:labels.py:Labels", "--motion", "1s", "-o", "s.html"],
            "--motion: the scorer makes no pictures; leave it out",
        ),
        (
            ["--style", "paintings", "--strength", ",".join(f"0.{n}" for n in range(10, 90))],
            "160 rows of 6 frames: are more than the 600 pictures of a sheet",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(
    words: list[str], said: str, clip: MakeClip
) -> None:
    Path("there.png").touch()
    sheet = () if "-o" in words else ("-o", "s.png")
    done = call("preview", clip(frames=48), *sheet, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("s.png").exists()


def test_moments_and_motion_need_a_video() -> None:
    words = ["preview", PAINTING, "--style", PAINTING, "-o", "s.html"]
    for option in ("--at", "--motion"):
        done = call(*words, option, "1")
        assert f"{option} needs a video; leave it out" in done.stderr


def test_ctrl_c_ends_it_at_once_and_leaves_nothing() -> None:
    words = ["preview", PAINTING, "--scorer", "python:labels.py:Slow", "-o", "s.png"]
    started = start(*words)
    wait_for(Path("scoring").exists)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 130
    assert said == "impasto: stopped; nothing was written\n"
    assert not Path("s.png").exists()
