"""Whole jobs of a detector: records in the source's pixels, and what it finds, painted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from impasto import BadInput, Settings
from impasto.driver import api
from impasto.scorers.detection.draw import colour, draw, overlay
from impasto.scorers.detection.found import Found
from support import inprocess
from support.detectors import NAMES, blobs
from support.jobs import spec

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RED: dict[str, Any] = {"label": "red", "x1": 64.0, "y1": 0.0, "x2": 128.0, "y2": 64.0}
BLUE: dict[str, Any] = {"label": "blue", "x1": 192.0, "y1": 64.0, "x2": 256.0, "y2": 128.0}


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


@pytest.fixture
def scorer(tmp_path: Path) -> str:
    (tmp_path / "blobs.onnx").write_bytes(blobs())
    return f"onnx:{tmp_path / 'blobs.onnx'}"


def scene() -> NDArray[np.uint8]:
    """256x128, so that a letterbox of 128x128 holds it at half its size, 32 rows from the top."""
    picture = np.zeros((128, 256, 3), np.uint8)
    picture[0:64, 64:128, 0] = 255
    picture[64:128, 192:256, 2] = 255
    return picture


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(scene()).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_object_is_a_record_in_the_pixels_of_the_source(
    scorer: str, photo: Path, tmp_path: Path, settings: Settings
) -> None:
    job = spec(photo, tmp_path / "out.jsonl", scorer=scorer, params={"threshold": 0.5})
    result = api.run(job, settings=settings)
    found = lines(tmp_path / "out.jsonl")
    assert all(each.pop("score") > 0.95 for each in found)
    assert sorted(found, key=lambda each: each["x1"]) == [
        {"item": "photo.png", **RED},
        {"item": "photo.png", **BLUE},
    ]
    (note,) = (note for note in result.notes if "blobs.onnx" in note)
    assert "letterboxed" in note
    assert "detect: red, green, blue (set `draw` to paint what it finds)" in note


def test_pictures_of_several_sizes_and_without_any_object_are_scored(
    scorer: str, photo: Path, tmp_path: Path, settings: Settings
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    Image.fromarray(scene()).save(folder / "a.png")
    Image.fromarray(scene()[:, ::-1].transpose(1, 0, 2)).save(folder / "b.png")
    Image.new("RGB", (90, 50)).save(folder / "none.png")
    job = spec(folder, tmp_path / "out.csv", scorer=scorer, params={"threshold": 0.5})
    result = api.run(job, settings=settings)
    assert (result.items, result.failed) == (3, 0)
    table = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == ["a.png"] * 2 + ["b.png"] * 2
    upright = next(line for line in table if line.startswith("b.png,red"))
    assert upright.split(",")[3:] == ["0.0", "128.0", "64.0", "192.0"]


def test_the_model_s_own_numbers_are_there_for_those_who_want_them(
    scorer: str, photo: Path, tmp_path: Path, settings: Settings
) -> None:
    api.run(spec(photo, tmp_path / "out", scorer=scorer, frames="npy"), settings=settings)
    array = np.load(tmp_path / "out/photo.npy")
    assert array.shape == (7, 16)
    job = spec(photo, tmp_path / "none.jsonl", scorer=scorer, params={"task": "none"})
    api.run(job, settings=settings)
    np.testing.assert_array_equal(lines(tmp_path / "none.jsonl")[0]["output"], array)


def test_what_is_found_is_painted_and_all_else_stays_as_it_is(
    scorer: str, photo: Path, tmp_path: Path, settings: Settings
) -> None:
    params = {"threshold": 0.5, "draw": True}
    api.run(spec(photo, tmp_path / "out.png", scorer=scorer, params=params), settings=settings)
    made = np.asarray(Image.open(tmp_path / "out.png"))
    for box, kind in ((RED, 0), (BLUE, 2)):
        left, top, right, bottom = (round(box[edge]) for edge in ("x1", "y1", "x2", "y2"))
        assert NAMES[kind] == box["label"]
        for y, x in ((bottom - 1, left), (bottom - 1, right - 1), (bottom - 2, right - 2)):
            assert tuple(made[y, x]) == colour(kind)
        # Inside of the line, below the label.
        inside = made[top + 30 : bottom - 2, left + 2 : right - 2]
        np.testing.assert_array_equal(inside, scene()[top + 30 : bottom - 2, left + 2 : right - 2])
    np.testing.assert_array_equal(made[70:, :180], scene()[70:, :180])


def test_a_video_is_painted_frame_by_frame(scorer: str, tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264rgb", 10, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = 256, 128, "rgb24"
        for n in range(4):
            picture = np.zeros((128, 256, 3), np.uint8)
            picture[64:128, 64 * n : 64 * (n + 1), 1] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    params = {"threshold": 0.5, "draw": True}
    api.run(spec(source, tmp_path / "out.mp4", scorer=scorer, params=params), settings=settings)
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 4
    for n, frame in enumerate(frames):
        # The label above the box of each frame, which was black.
        assert frame[50:60, 64 * n + 8 : 64 * n + 50].mean() > 60
        assert frame[40:60, (64 * n + 140) % 256 : (64 * n + 180) % 256].mean() < 12


def test_painting_needs_pictures_and_a_model_that_finds(
    scorer: str, photo: Path, tmp_path: Path, settings: Settings
) -> None:
    job = spec(photo, tmp_path / "out.jsonl", scorer=scorer, params={"draw": True})
    with pytest.raises(BadInput, match="paints pictures, and the output holds none"):
        api.run(job, settings=settings)
    (tmp_path / "plain.onnx").write_bytes(blobs(task=""))
    plain = spec(
        photo, tmp_path / "out.png", scorer=f"onnx:{tmp_path / 'plain.onnx'}", params={"draw": True}
    )
    with pytest.raises(BadInput, match=r"plain\.onnx: its file does not say that it finds objects"):
        api.run(plain, settings=settings)


@pytest.mark.parametrize(("height", "width"), [(360, 640), (2160, 3840), (40, 30)])
def test_lines_and_letters_grow_with_the_picture(height: int, width: int) -> None:
    box = (width * 0.25, height * 0.5, width * 0.75, height * 0.9)
    layer = overlay(height, width, [Found(1, "person", 0.875, box)])
    column = layer[round(height * 0.7), :, 3] > 0
    assert 2 <= column[: width // 2].sum() <= max(3, height // 200)
    middle = round(height * 0.7)
    label = layer[: round(height * 0.5), :, 3].any(axis=1).sum()
    if height > 300:
        assert height / 36 <= label <= height / 14
    assert not layer[middle, width // 2].any()


def test_pixels_that_are_not_painted_keep_every_bit() -> None:
    pictures = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    mask = np.zeros((64, 96), bool)
    mask[40:50, 40:60] = True
    made = draw(pictures, [[Found(4, "cup", 0.5, (30, 30, 70, 60), mask=mask)], []])
    assert torch.equal(made[1], pictures[1])
    layer = overlay(64, 96, [Found(4, "cup", 0.5, (30, 30, 70, 60), mask=mask)])
    untouched = torch.from_numpy(layer[..., 3] == 0)
    assert torch.equal(made[0][:, untouched], pictures[0][:, untouched])
    inside = made[0][:, 45, 50]
    mixed = pictures[0][:, 45, 50] * (1 - 110 / 255)
    mixed += torch.tensor(colour(4)) / 255 * (110 / 255)
    torch.testing.assert_close(inside, mixed)


def test_keypoints_below_one_half_are_not_painted() -> None:
    points = np.array([[20, 20, 0.9], [60, 20, 0.2]], np.float32)
    layer = overlay(64, 96, [Found(0, "", 1.0, (1, 40, 3, 42), points=points)])
    assert layer[20, 20].any()
    assert not layer[20, 60].any()


def test_the_class_of_a_whole_picture_is_in_its_corner_and_long_names_stay_inside() -> None:
    layer = overlay(100, 200, [Found(3, "cat", 0.5)])
    assert tuple(layer[0, 0]) == (*colour(3), 255)
    assert not layer[50:].any()
    right = overlay(100, 200, [Found(3, "a cat that sleeps", 0.5, (190, 50, 200, 90))])
    label = np.flatnonzero(right[:50, :, 3].max(axis=0))
    assert label[-1] == 199
    assert len(label) > 80


def test_the_labels_of_small_boxes_are_smaller() -> None:
    def label(side: int) -> tuple[int, int]:
        """Its height and width, above a box in the middle of 180 lines."""
        box = (100.0, 90.0, 100.0 + side, 90.0 + side)
        painted = overlay(180, 320, [Found(1, "car", 0.87, box)])[:90, :, 3] > 0
        return int(painted.any(axis=1).sum()), int(painted.any(axis=0).sum())

    assert label(64) == label(120)
    (low, short), (high, long) = label(24), label(64)
    assert low <= 0.75 * high
    assert short <= 0.75 * long
    assert label(8) == label(24)


@pytest.mark.parametrize(
    ("name", "painted"),
    [("a\ncat\n", "a cat"), ("café", "cafe"), ("Łódź 1", "?odz 1"), ("猫", "3"), ("", "")],
)
def test_names_are_painted_on_one_line_in_letters_that_the_font_has(
    name: str, painted: str
) -> None:
    made, plain = (overlay(100, 200, [Found(3, each, 0.5)]) for each in (name, painted))
    np.testing.assert_array_equal(made, plain)


def test_colours_of_neighbouring_classes_differ() -> None:
    colours = np.array([colour(kind) for kind in range(80)], int)
    assert len({tuple(each) for each in colours}) == 80
    assert np.abs(np.diff(colours, axis=0)).sum(axis=1).min() > 100
