"""Frames that equal the one before: they are not scored, and the output is the same."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from impasto.media.frame import Frame, Layout
from impasto.schema.outcome import Attempt, ItemError
from impasto.schema.plan import Shard
from impasto.schema.source import Colour
from impasto.worker.batches import Batches, MiniBatch
from impasto.worker.repeats import same_picture
from support.command import call

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = Layout(8, 64, 8, (1, 1), Colour())
KEYS = "scenecut=0:keyint=8:min-keyint=8"
SCORER = """
from pathlib import Path

class Count:
    pure = {pure}
    batch = {batch}

    def score(self, batch):
        with open({log!r}, "a") as file:
            file.write("x" * len(batch))
        if {fails}:
            if (batch[:, 0, 0, 0] > 128).any():
                raise ValueError("too bright")
        return {returns}
"""


def frame(index: int, value: int, layout: Layout = LAYOUT, **more: Any) -> Frame:
    planes = (
        np.full((64, 8), value, np.uint8),
        np.full((32, 4), 128, np.uint8),
        np.full((32, 4), 128, np.uint8),
    )
    return Frame(index, planes, layout, **more)


def grouped(values: list[int], size: int, *, pure: bool = True, **known: Any) -> list[Any]:
    """For each mini-batch, its items, each with the number of its repeats."""
    attempt = Attempt(shard=Shard(index=0, start=0, stop=len(values)), **known)
    items = iter([frame(n, value) for n, value in enumerate(values)])
    found: list[Any] = []
    for each in Batches(items, attempt, lambda _: size, pure=pure):
        if not isinstance(each, MiniBatch):
            found.append(each.error.item)
            continue
        repeats = each.repeats or ((),) * len(each.indices)
        found.append([*zip(each.indices, map(len, repeats), strict=True)])
    return found


def test_repeats_go_with_the_frame_that_they_equal() -> None:
    assert grouped([1, 1, 1, 2, 3, 3], 1) == [[(0, 2)], [(3, 0)], [(4, 1)]]
    assert grouped([1, 1, 1, 2, 3, 3], 2) == [[(0, 2), (3, 0)], [(4, 1)]]
    assert grouped([1, 2, 1, 2], 4) == [[(0, 0), (1, 0), (2, 0), (3, 0)]]
    assert grouped([1, 1, 1], 2, pure=False) == [[(0, 0), (1, 0)], [(2, 0)]]


def test_frames_that_must_be_alone_repeat_nothing_and_are_not_repeated() -> None:
    aside = (ItemError(item=3, error="hung"),)
    found = grouped([1, 1, 1, 1, 1, 1], 4, suspects=(1,), aside=aside)
    assert found == [[(0, 0)], [(1, 0)], [(2, 0)], 3, [(4, 1)]]


def test_every_sample_is_compared() -> None:
    one = frame(0, 7)
    assert same_picture(one, frame(1, 7, concealed=True))
    for plane, row, column in ((0, 0, 0), (0, 63, 7), (0, 30, 3), (1, 31, 3), (2, 5, 0)):
        other = frame(1, 7)
        other.planes[plane][row, column] ^= 1
        assert not same_picture(one, other)
    assert not same_picture(one, frame(1, 7, Layout(8, 64, 8, (1, 1), Colour(matrix=1))))
    assert not same_picture(one, Frame(1, one.planes[:1], LAYOUT))


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four slides of twelve frames; the third is bright."""
    path = tmp_path_factory.mktemp("slides") / "slides.mp4"
    noise = np.random.default_rng(1).integers(0, 60, (4, 64, 96, 3), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"qp": "0", "x264-params": KEYS})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for n in range(48):
            picture = noise[n // 12] + (150 if n // 12 == 2 else 0)
            made = av.VideoFrame.from_ndarray(picture.astype(np.uint8), "rgb24")
            made.pts, made.time_base = n, Fraction(1, 24)
            out.mux(stream.encode(made))
        out.mux(stream.encode())
    return path


def scored(folder: Path, source: Path, output: str, *more: object, **given: Any) -> dict[str, Any]:
    """Score with a class that counts; returns the result, and how many pictures it was given."""
    folder.mkdir()
    values = {"pure": True, "batch": 1, "log": str(folder / "log"), "fails": False}
    values |= {"returns": "255 - batch", **given}
    (folder / "count.py").write_text(SCORER.format(**values))
    done = call(
        *("run", source, "-o", folder / output, "--home", folder / "home", "--json"),
        *("--scorer", f"python:{folder / 'count.py'}:Count", *more),
    )
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    at = folder / output
    files = sorted(at.iterdir()) if at.is_dir() else [at]
    content = [(path.name, path.read_bytes()) for path in files]
    return {**made, "given": len((folder / "log").read_text()), "content": content}


@pytest.mark.parametrize("batch", [1, 3])
def test_a_film_of_slides_is_the_same_byte_for_byte(
    slides: Path, tmp_path: Path, batch: int
) -> None:
    cut = ("--shard-frames", 24)
    usual = scored(tmp_path / "a", slides, "o.mp4", *cut, pure=False, batch=batch)
    quick = scored(tmp_path / "b", slides, "o.mp4", *cut, batch=batch)
    assert (usual["repeated"], quick["repeated"]) == (0, 44)
    # Besides, one is scored for the size that the pictures will have.
    assert (usual["given"], quick["given"]) == (49, 5)
    assert quick["items"] == 48
    assert quick["content"] == usual["content"]


def test_a_slide_across_a_cut_is_scored_once_a_shard(slides: Path, tmp_path: Path) -> None:
    whole = scored(tmp_path / "a", slides, "o", "--shard-frames", 48, "--frames", "png")
    cut = scored(tmp_path / "b", slides, "o", "--shard-frames", 16, "--frames", "png")
    assert (whole["repeated"], cut["repeated"]) == (44, 42)
    assert len(cut["content"]) == 48
    assert cut["content"] == whole["content"]


def test_records_of_repeats_have_their_own_times(slides: Path, tmp_path: Path) -> None:
    returns = "[{'mean': float(each.mean())} for each in batch]"
    cut = ("--shard-frames", 48)
    usual = scored(tmp_path / "a", slides, "o.jsonl", *cut, pure=False, returns=returns)
    quick = scored(tmp_path / "b", slides, "o.jsonl", *cut, returns=returns)
    assert (usual["given"], quick["given"]) == (48, 4)
    assert quick["content"] == usual["content"]


def test_repeats_of_a_frame_that_fails_fail_too(slides: Path, tmp_path: Path) -> None:
    more = ("--max-failed", 12)
    usual = scored(tmp_path / "a", slides, "o.mp4", *more, pure=False, fails=True)
    quick = scored(tmp_path / "b", slides, "o.mp4", *more, fails=True)
    assert (usual["failed"], quick["failed"]) == (12, 12)
    assert [each["item"] for each in quick["aside"]] == [*range(24, 36)]
    assert quick["repeated"] == 33
    assert quick["content"] == usual["content"]


def test_the_summary_and_the_job_say_how_many_were_repeated(slides: Path, tmp_path: Path) -> None:
    home = ("--home", tmp_path / "home")
    done = call("run", slides, "-o", tmp_path / "o.mp4", "--scorer", "identity", *home)
    assert done.returncode == 0, done.stderr
    assert "48 frames, 44 equal to the one before in" in done.stdout
    job = done.stdout.rpartition("(job ")[2].rstrip(")\n")
    shown = call("show", job, *home).stdout
    assert "44 frames equal to the one before, not scored again" in shown
    assert json.loads(call("show", job, "--json", *home).stdout)["repeated"] == 44
