"""A source and its result in one video or picture: places, sizes, colours, times and sound."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import BadInput
from impasto.media.colour import from_rgb
from impasto.media.compare import image
from impasto.media.compare.pair import Given
from impasto.media.compare.pane import LINE, SWEEP, Pane, orientation, split
from impasto.media.compare.video import compare
from impasto.media.frame import Frame, Layout
from impasto.media.read.index import scan
from impasto.schema.source import Colour
from support.clips import frame_number

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import MakeClip

SD, HD = Colour(matrix=6, full_range=False), Colour(matrix=1, full_range=True)


def given(path: Path) -> Given:
    return Given(str(path), path.name)


def lumas(path: Path) -> list[NDArray[Any]]:
    """The luma planes (H, W) of all frames, as 8 bits."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_source_is_on_the_left_with_its_times_and_its_sound(
    clip: MakeClip, tmp_path: Path
) -> None:
    times = {"time_base": Fraction(1, 100), "pts": (0, 4, 8, 20, 24, 28)}
    source = clip(".mp4", frames=6, audio=("aac",), **times)
    result = clip(".mp4", frames=6, noise=40.0, **times)
    output = tmp_path / "o.mp4"
    assert compare(given(source), given(result), output, "side") == (6, 0)
    found, made = scan(str(source), "a"), scan(str(output), "o")
    assert [p * made.facts.time_base for p in made.pts] == [
        p * found.facts.time_base for p in found.pts
    ]
    assert sound(output) == sound(source)
    for whole, left, right in zip(lumas(output), lumas(source), lumas(result), strict=True):
        assert whole.shape == (64, 192)
        assert np.abs(whole[:, :96] - left.astype(int)).mean() < 4
        assert np.abs(whole[:, 96:] - right.astype(int)).mean() < 9
        assert np.abs(whole[:, :96] - right.astype(int)).mean() > 15


def test_pictures_stand_upright_beside_each_other(clip: MakeClip, tmp_path: Path) -> None:
    source, output = clip(".mp4", frames=2, rotation=90), tmp_path / "o.mp4"
    compare(given(source), given(source), output, "side")
    assert scan(str(output), "o").facts.display_matrix is None
    whole, stored = lumas(output)[0], lumas(source)[0]
    # The clip is stored to be turned by 90 degrees counter-clockwise.
    for half in np.split(whole, 2, axis=1):
        assert np.abs(half - np.rot90(stored).astype(int)).mean() < 4


@pytest.mark.parametrize(
    ("matrix", "turns", "mirrored"),
    [
        ((1, 0, 0, 1), 0, False),
        ((0, 1, -1, 0), 3, False),
        ((-1, 0, 0, -1), 2, False),
        ((0, -1, 1, 0), 1, False),
        ((-1, 0, 0, 1), 0, True),
        ((1, 0, 0, -1), 2, True),
    ],
)
def test_a_display_matrix_is_read_as_turns_after_a_reflection(
    clip: MakeClip, matrix: tuple[int, ...], turns: int, mirrored: bool
) -> None:
    a, b, c, d = (each << 16 for each in matrix)
    facts = scan(str(clip(".mp4", frames=2)), "a").facts
    shown = facts.model_copy(update={"display_matrix": (a, b, 0, c, d, 0, 0, 0, 1 << 30)})
    assert orientation(shown) == (turns, mirrored)


def test_the_source_takes_the_results_size_depth_and_colours(
    clip: MakeClip, tmp_path: Path
) -> None:
    source = clip(".mp4", frames=2, size=(192, 128), pix_fmt="yuv422p10le", colour=HD)
    result = clip(".mp4", frames=2, colour=SD)
    output = tmp_path / "o.mp4"
    compare(given(source), given(result), output, "side")
    facts = scan(str(output), "o").facts
    assert (facts.width, facts.height, facts.pixel_format) == (192, 64, "yuv420p")
    assert (facts.colour.matrix, facts.colour.full_range) == (6, False)
    assert frame_number(lumas(output)[0][:, :96]) == 0


@pytest.mark.parametrize(
    ("depth", "chroma", "colour"),
    [(8, (1, 1), HD), (10, (1, 0), SD), (8, (0, 0), Colour(matrix=9)), (8, None, Colour(matrix=0))],
)
def test_colours_are_converted_by_matrix_and_range(
    clip: MakeClip, depth: int, chroma: tuple[int, int] | None, colour: Colour
) -> None:
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 96), indexing="ij")
    rgb = torch.stack([x, y, 1 - x])[None]
    given, wanted = Layout(96, 64, depth, chroma, colour), Layout(96, 64, 8, (1, 1), SD)
    planes = tuple(plane[0].numpy() for plane in from_rgb(rgb, given))
    facts = scan(str(clip(".mp4", frames=2)), "a").facts
    made = Pane(facts, wanted)(Frame(0, planes, given))
    for found, right in zip(made, from_rgb(rgb, wanted), strict=True):
        difference = found.astype(int) - right[0].numpy()
        assert abs(difference.mean()) < 0.3
        assert np.abs(difference).mean() < 1


def test_untagged_colours_are_tagged_since_players_guess_them_by_the_size(
    clip: MakeClip, tmp_path: Path
) -> None:
    output = tmp_path / "o.mp4"
    narrow = clip(".mp4", frames=2, size=(640, 360))
    compare(given(narrow), given(narrow), output, "side")
    assert scan(str(output), "o").facts.colour.matrix == 6


@pytest.mark.parametrize(("codec", "suffix"), [("libvpx-vp9", ".webm"), ("libx264", ".mkv")])
def test_odd_sizes_and_other_containers_are_compared(
    clip: MakeClip, tmp_path: Path, codec: str, suffix: str
) -> None:
    source = clip(".mkv", frames=2, size=(97, 63), codec="libvpx-vp9", audio=("aac",))
    result = clip(".mkv", frames=2, size=(98, 64)) if codec == "libx264" else source
    output = tmp_path / f"o{suffix}"
    compare(given(source), given(result), output, "side")
    whole = lumas(output)[0]
    assert whole.shape == (64, 196)
    assert frame_number(whole[:, :96]) == 0
    assert np.abs(whole[:63, :97] - lumas(source)[0].astype(int)).mean() < 4
    assert sound(output)


def test_a_split_is_divided_by_a_line_that_moves() -> None:
    layout = Layout(96, 64, 8, (1, 1), SD)
    shapes = ((64, 96), (32, 48), (32, 48))
    left, right = (tuple(np.full(s, n, np.uint8) for s in shapes) for n in (50, 150))
    places = []
    for seconds in (0, SWEEP / 4, SWEEP * 3 / 4):
        y, u, _ = split(left, right, seconds, layout)  # type: ignore[arg-type]
        row = y[0].tolist()
        at = row.index(235)
        places.append(at)
        assert row == [50] * at + [235] * LINE + [150] * (96 - at - LINE)
        assert u[0].tolist() == [50] * (at // 2) + [128] + [150] * (47 - at // 2)
    assert places == [46, 94, 0]


def test_a_result_that_begins_later_is_compared_from_there(clip: MakeClip, tmp_path: Path) -> None:
    source = clip(".mp4", frames=50, audio=("aac",))
    # The numbers of its frames differ from the source's, from which it was not made.
    result, output = clip(".mp4", frames=20), tmp_path / "o.mp4"
    assert compare(given(source), given(result), output, "split", start=Fraction(1)) == (20, 5)
    first = lumas(output)[0]
    assert frame_number(first) == 25
    assert scan(str(output), "o").pts[0] == 0
    with av.open(str(output)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0)) / 48000
    assert heard == pytest.approx(0.8, abs=0.05)


def test_videos_that_do_not_belong_together_are_refused(clip: MakeClip, tmp_path: Path) -> None:
    short, long = clip(".mp4", frames=6), clip(".mp4", frames=12)
    with pytest.raises(BadInput, match=r"has 12 frames, and \S+ has 6; name the source"):
        compare(given(short), given(long), tmp_path / "o.mp4", "side")
    with pytest.raises(BadInput, match=r"has 6 from there on; .* correct `start`"):
        compare(given(long), given(long), tmp_path / "o.mp4", "side", start=Fraction(6, 25))
    hdr = clip(".mp4", frames=6, colour=Colour(matrix=9, primaries=9, transfer=16))
    sdr = clip(".mp4", frames=6, colour=Colour(matrix=1, primaries=1, transfer=1))
    with pytest.raises(BadInput, match="another brightness curve"):
        compare(given(hdr), given(sdr), tmp_path / "o.mp4", "side")
    assert not list(tmp_path.iterdir())


def png(colour: tuple[int, int, int], size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_pictures_are_compared_in_the_results_size() -> None:
    red, blue = (png((200, 0, 0), (80, 60)), "a"), (png((0, 0, 200), (40, 30)), "b")
    made = Image.open(io.BytesIO(image.compare(red, blue, ".png", "side")))
    assert made.size == (80, 30)
    assert made.getpixel((39, 15)) == (200, 0, 0)
    assert made.getpixel((40, 15)) == (0, 0, 200)
    made = Image.open(io.BytesIO(image.compare(red, blue, ".png", "split")))
    assert made.size == (40, 30)
    assert [made.getpixel((x, 15)) for x in (18, 20, 21)] == [
        (200, 0, 0), (255, 255, 255), (0, 0, 200),
    ]  # fmt: skip
