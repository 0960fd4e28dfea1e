"""Pure planning: even shards, cuts on keyframes, names and sizes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto import plan
from impasto.errors import BadInput
from impasto.media.images import output_names
from impasto.spec import JobSpec


@given(
    st.integers(1, 5000),
    st.integers(1, 400),
    st.sets(st.integers(0, 5000)).map(sorted),
)
def test_shards_cover_every_frame_once_and_stay_near_their_size(
    frames: int, size: int, keys: list[int]
) -> None:
    borders = plan.cut_points(frames, size, keys)
    assert (borders[0], borders[-1]) == (0, frames)
    assert borders == sorted(set(borders))
    assert max(b - a for a, b in pairwise(borders)) <= 1.5 * size + 1


def test_cuts_move_to_the_nearest_keyframe_within_a_quarter_of_a_shard() -> None:
    assert plan.cut_points(1000, 250, [0, 240, 480, 700, 760]) == [0, 240, 480, 760, 1000]


def test_cuts_stay_even_where_no_keyframe_is_near() -> None:
    assert plan.cut_points(1000, 250, [0, 100, 370]) == [0, 250, 500, 750, 1000]


def test_a_rest_is_shared_evenly_instead_of_left_over() -> None:
    assert plan.cut_points(260, 250, []) == [0, 130, 260]


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(16, 4000))
def test_scaled_pictures_fit_and_keep_their_shape(width: int, height: int, longest: int) -> None:
    w, h = plan.output_size(width, height, longest)
    if max(width, height) <= longest:
        assert (w, h) == (width, height)
        return
    assert max(w, h) <= longest
    assert w % 2 == h % 2 == 0
    assert abs(w * height - h * width) <= 2 * max(width, height)


@pytest.mark.parametrize(
    ("source", "output", "frames", "kind"),
    [
        ("video", "out.mp4", None, "video"),
        ("video", "OUT.MKV", None, "video"),
        ("video", "out", "png", "folder"),
        ("video", "out/", None, "folder"),
        ("folder", "out", None, "folder"),
        ("folder", "out.webm", None, "video"),
        ("image", "out.jpg", None, "image"),
        ("image", "out", None, "folder"),
    ],
)
def test_the_output_name_decides_what_is_made(
    source: str, output: str, frames: str | None, kind: str
) -> None:
    spec = JobSpec.model_validate({"source": "in", "output": output, "frames": frames})
    assert plan.output_kind(spec, source, is_folder=False) == kind  # type: ignore[arg-type]


REFUSED: list[tuple[str, dict[str, object], bool]] = [
    ("video", {"output": "out.gif"}, False),
    ("image", {"output": "out.mp4"}, False),
    ("folder", {"output": "out.png"}, False),
    ("video", {"output": "out.mp4", "frames": "png"}, False),
    ("video", {"output": "out.mp4/"}, False),
    ("video", {"output": "out.mp4"}, True),
    ("video", {"output": "out.mp4", "fps": 25}, False),
]


@pytest.mark.parametrize(("source", "fields", "is_folder"), REFUSED)
def test_an_output_that_cannot_be_made_is_refused(
    source: str, fields: dict[str, object], is_folder: bool
) -> None:
    spec = JobSpec.model_validate({"source": "in", **fields})
    with pytest.raises(BadInput):
        plan.output_kind(spec, source, is_folder=is_folder)  # type: ignore[arg-type]


def test_a_folder_that_is_there_is_an_output_whatever_its_name() -> None:
    spec = JobSpec(source="in", output="out.v2")
    assert plan.output_kind(spec, "video", is_folder=True) == "folder"


def test_images_keep_their_names_unless_their_format_changes() -> None:
    assert output_names(("a.jpg", "b.PNG", "c.tif"), None) == ("a.jpg", "b.PNG", "c.png")
    assert output_names(("a.jpg", "b.webp"), "png") == ("a.png", "b.png")


def test_images_that_would_share_a_name_keep_their_old_suffix() -> None:
    names = output_names(("a.jpg", "a.png", "a.tif"), "png")
    assert len(set(names)) == 3
    assert "a.png" in names
