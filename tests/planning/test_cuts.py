"""Pure planning: even shards, cuts on keyframes, names and sizes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import BadInput
from impasto.media import frame
from impasto.planning import cuts, decide
from impasto.planning.output_names import output_names
from impasto.schema.job import JobSpec
from support.stores import check_line

ALL = ("pictures", "records", "files")


@given(
    st.integers(1, 5000),
    st.integers(1, 400),
    st.sets(st.integers(0, 5000)).map(sorted),
)
def test_shards_cover_every_frame_once_and_stay_near_their_size(
    frames: int, size: int, keys: list[int]
) -> None:
    borders = cuts.cut_points(frames, size, keys)
    assert (borders[0], borders[-1]) == (0, frames)
    assert borders == sorted(set(borders))
    assert max(b - a for a, b in pairwise(borders)) <= 1.5 * size + 1


def test_cuts_move_to_the_nearest_keyframe_within_a_quarter_of_a_shard() -> None:
    assert cuts.cut_points(1000, 250, [0, 240, 480, 700, 760]) == [0, 240, 480, 760, 1000]


def test_cuts_stay_even_where_no_keyframe_is_near() -> None:
    assert cuts.cut_points(1000, 250, [0, 100, 370]) == [0, 250, 500, 750, 1000]


def test_a_rest_is_shared_evenly_instead_of_left_over() -> None:
    assert cuts.cut_points(260, 250, []) == [0, 130, 260]


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(16, 4000))
def test_scaled_pictures_fit_and_keep_their_shape(width: int, height: int, longest: int) -> None:
    w, h = frame.output_size(width, height, longest)
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
        ("video", "out.jsonl", None, "records"),
        ("image", "OUT.CSV", None, "records"),
        ("folder", "out.txt", None, "records"),
        ("files", "out.parquet", None, "records"),
        ("files", "out", None, "files"),
        ("files", "out.v2/", None, "files"),
        ("table", "out.ndjson", None, "records"),
    ],
)
def test_the_output_name_decides_what_is_made(
    source: str, output: str, frames: str | None, kind: str
) -> None:
    spec = JobSpec.model_validate({"source": "in", "output": output, "frames": frames})
    assert decide.decide_output(spec, source, ALL, is_folder=False) == kind  # type: ignore[arg-type]


REFUSED: list[tuple[str, dict[str, object], bool]] = [
    ("video", {"output": "out.gif"}, False),
    ("image", {"output": "out.mp4"}, False),
    ("folder", {"output": "out.png"}, False),
    ("video", {"output": "out.mp4", "frames": "png"}, False),
    ("video", {"output": "out.mp4/"}, False),
    ("video", {"output": "out.mp4"}, True),
    ("video", {"output": "out.mp4", "fps": 25}, False),
    ("video", {"output": "out.csv", "frames": "png"}, False),
    ("folder", {"output": "out.csv", "fps": 25}, False),
    ("folder", {"output": "out.csv"}, True),
    ("files", {"output": "out.csv/"}, False),
    ("files", {"output": "out.mp4"}, False),
    ("files", {"output": "out", "frames": "png"}, False),
    ("table", {"output": "out"}, False),
    ("table", {"output": "out.png"}, False),
]


@pytest.mark.parametrize(("source", "fields", "is_folder"), REFUSED)
def test_an_output_that_cannot_be_made_is_refused(
    source: str, fields: dict[str, object], is_folder: bool
) -> None:
    spec = JobSpec.model_validate({"source": "in", **fields})
    with pytest.raises(BadInput) as caught:
        decide.decide_output(spec, source, ALL, is_folder=is_folder)  # type: ignore[arg-type]
    check_line(caught.value, "in" if "fps" in fields else str(fields["output"]))


@pytest.mark.parametrize(
    ("source", "output", "gives", "remedy"),
    [
        ("video", "out.csv", "pictures", "choose a video, an image or a folder"),
        ("folder", "out", "records", "choose .jsonl"),
        ("files", "out", "records", "choose .jsonl"),
    ],
)
def test_an_output_that_the_scorer_does_not_give_is_refused(
    source: str, output: str, gives: str, remedy: str
) -> None:
    spec = JobSpec(source="in", output=output)
    with pytest.raises(BadInput, match=f"scorer style does not make .*; {remedy}"):
        decide.decide_output(spec, source, (gives,), is_folder=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "gives", "remedy"),
    [
        ("video", ("pictures",), ".mp4, .m4v, .mov, .mkv, .webm or a folder"),
        ("video", ("records",), ".jsonl, .ndjson, .csv"),
        ("image", ("records", "pictures"), ".png, .jpg, .jpeg, .webp, a folder, .jsonl, .ndjson"),
        ("files", ("files",), "a folder"),
    ],
)
def test_only_what_the_scorer_makes_is_offered(
    source: str, gives: tuple[str, ...], remedy: str
) -> None:
    spec = JobSpec(source="in", output="out.gif")
    with pytest.raises(BadInput) as caught:
        decide.decide_output(spec, source, gives, is_folder=False)  # type: ignore[arg-type]
    assert caught.value.remedy.startswith(f"choose {remedy}")
    assert ("records" in gives) == (".csv" in caught.value.remedy)


@pytest.mark.parametrize(
    ("source", "asked", "takes", "items"),
    [
        ("clip.mp4", None, "pictures rows", "pictures"),
        ("T.CSV", None, "pictures rows", "rows"),
        ("t.parquet", None, "files rows", "rows"),
        ("t.jsonl", None, "pictures", "pictures"),
        ("in", None, "files rows", "files"),
        ("t.csv", "files", "files rows", "files"),
        ("t.csv", None, "rows", "rows"),
        ("az://c/t.tsv", None, "rows", "rows"),
    ],
)
def test_a_source_is_taken_for_what_it_and_the_scorer_suggest(
    source: str, asked: str | None, takes: str, items: str
) -> None:
    spec = JobSpec.model_validate({"source": source, "output": "out", "items": asked})
    assert decide.decide_items(spec, takes.split()) == items  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "asked", "takes", "fact"),
    [
        ("in", "rows", "pictures", "does not take rows; choose pictures"),
        ("t.csv", "pictures", "files rows", "does not take pictures; choose files, rows"),
        ("clip.mp4", None, "rows", "is not a table"),
        ("clip.mp4", "rows", "rows", "is not a table"),
    ],
)
def test_a_source_that_the_scorer_cannot_take_is_refused(
    source: str, asked: str | None, takes: str, fact: str
) -> None:
    spec = JobSpec.model_validate({"source": source, "output": "out", "items": asked})
    with pytest.raises(BadInput, match=fact):
        decide.decide_items(spec, takes.split())  # type: ignore[arg-type]


@given(st.integers(48, 5000), st.integers(48, 400), st.sets(st.integers(0, 5000)).map(sorted))
def test_no_shard_is_shorter_than_asked_where_even_ones_are_not(
    frames: int, size: int, keys: list[int]
) -> None:
    least = frames // -(-frames // size)
    borders = cuts.cut_points(frames, size, keys, least)
    assert min(b - a for a, b in pairwise(borders)) >= least


def test_a_folder_that_is_there_is_an_output_whatever_its_name() -> None:
    spec = JobSpec(source="in", output="out.v2")
    assert decide.decide_output(spec, "video", ALL, is_folder=True) == "folder"


def test_images_keep_their_names_unless_their_format_changes() -> None:
    assert output_names(("a.jpg", "b.PNG", "c.tif"), None) == ("a.jpg", "b.PNG", "c.png")
    assert output_names(("a.jpg", "b.webp"), "png") == ("a.png", "b.png")


def test_images_keep_their_folders() -> None:
    assert output_names(("v1.0/a.tif", "v1.0/b", "c.d/e.PNG"), None) == (
        "v1.0/a.png",
        "v1.0/b.png",
        "c.d/e.PNG",
    )


def test_images_that_would_share_a_name_keep_their_old_suffix() -> None:
    names = output_names(("a.jpg", "a.png", "a.tif"), "png")
    assert len(set(names)) == 3
    assert "a.png" in names
