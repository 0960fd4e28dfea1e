"""Pictures that are not changed come back as they were, in brightness and in colour."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from impasto.media.colour import from_rgb, to_rgb
from impasto.media.frame import Layout
from impasto.media.read.decode import read
from impasto.media.read.index import cut, scan
from impasto.schema.source import Colour
from support.clips import real_clip

if TYPE_CHECKING:
    from torch import Tensor

TAGS = {
    "untagged": Colour(),
    "BT.601": Colour(matrix=6, full_range=False),
    "BT.709": Colour(matrix=1, full_range=False),
    "BT.2020": Colour(matrix=9, full_range=False),
    "full range": Colour(matrix=5, full_range=True),
}
SUBSAMPLINGS = [(1, 1), (1, 0), (0, 0), (2, 0), (2, 2), (0, 1)]


def psnr(found: Tensor, expected: Tensor, top: int = 255) -> float:
    error = (found.double() - expected.double()).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(top * top / error)


def smooth(layout: Layout, count: int = 2) -> tuple[Tensor, ...]:
    """Planes of muted colours that stay within RGB, with gradients in every plane."""
    across, down = layout.chroma or (0, 0)
    unit = 1 << (layout.depth - 8)
    shape = (-(-layout.height >> down), -(-layout.width >> across))
    sizes = [(layout.height, layout.width), shape, shape]
    planes = []
    for n, (height, width) in enumerate(sizes):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        wave = torch.sin(x / (7 + n) * (1 << (across if n else 0))) + torch.cos(y / (5 + n))
        values = (126 + (20 if n == 0 else 7) * wave) * unit
        planes.append(values.round().expand(count, -1, -1))
    dtype = torch.uint8 if layout.depth == 8 else torch.uint16
    return tuple(p.to(torch.int32).to(dtype) for p in planes)


@pytest.mark.parametrize("name", ["bigbuckbunny", "bikes", "carphone_pristine"])
def test_a_real_clip_keeps_its_luma_to_60_db_and_its_brightness(name: str) -> None:
    path = str(real_clip(name))
    index = scan(path, name)
    frames = list(read(path, name, index.facts, cut(index, 40, 48), 40))
    layout = frames[0].layout
    planes = [torch.from_numpy(np.stack(p)) for p in zip(*(f.planes for f in frames), strict=True)]
    luma, cb, cr = from_rgb(to_rgb(planes, layout), layout)
    assert psnr(luma, planes[0]) >= 60
    assert abs(luma.double().mean() - planes[0].double().mean()) <= 0.05
    for found, given in ((cb, planes[1]), (cr, planes[2])):
        assert psnr(found, given) >= 50
        assert abs(found.double().mean() - given.double().mean()) <= 0.05


@pytest.mark.parametrize(("tags", "chroma"), [*product(TAGS, SUBSAMPLINGS)])
def test_codes_survive_the_round_trip(tags: str, chroma: tuple[int, int]) -> None:
    layout = Layout(64, 48, 8, chroma, TAGS[tags])
    planes = smooth(layout)
    for found, given in zip(from_rgb(to_rgb(planes, layout), layout), planes, strict=True):
        assert found.dtype == torch.uint8
        assert torch.equal(found, given)


@pytest.mark.parametrize(("width", "height"), [(63, 47), (1, 1), (65, 48), (64, 49), (3, 5)])
@pytest.mark.parametrize("chroma", SUBSAMPLINGS)
def test_odd_sizes_survive_the_round_trip(width: int, height: int, chroma: tuple[int, int]) -> None:
    layout = Layout(width, height, 8, chroma, Colour())
    planes = smooth(layout)
    for found, given in zip(from_rgb(to_rgb(planes, layout), layout), planes, strict=True):
        assert torch.equal(found, given)


@pytest.mark.parametrize("depth", [9, 10, 12, 14])
def test_deep_colour_survives_the_round_trip(depth: int) -> None:
    layout = Layout(64, 48, depth, (1, 1), TAGS["BT.2020"])
    planes = smooth(layout)
    for found, given in zip(from_rgb(to_rgb(planes, layout), layout), planes, strict=True):
        assert found.dtype == torch.uint16
        assert torch.equal(found.to(torch.int32), given.to(torch.int32))


@pytest.mark.parametrize("depth", [8, 16])
def test_rgb_planes_survive_the_round_trip(depth: int) -> None:
    layout = Layout(17, 9, depth, None, Colour())
    dtype = torch.uint8 if depth == 8 else torch.uint16
    plane = torch.randint(0, 1 << depth, (2, 9, 17, 3), dtype=torch.int32).to(dtype)
    rgb = to_rgb([plane], layout)
    assert rgb.shape == (2, 3, 9, 17)
    (found,) = from_rgb(rgb, layout)
    assert torch.equal(found.to(torch.int32), plane.to(torch.int32))


@pytest.mark.parametrize(
    ("tags", "codes", "rgb"),
    [
        ("BT.601", (81, 90, 240), (1, 0, 0)),
        ("BT.601", (145, 54, 34), (0, 1, 0)),
        ("BT.601", (41, 240, 110), (0, 0, 1)),
        ("BT.709", (63, 102, 240), (1, 0, 0)),
        ("BT.709", (173, 42, 26), (0, 1, 0)),
        ("BT.709", (32, 240, 118), (0, 0, 1)),
        ("BT.709", (235, 128, 128), (1, 1, 1)),
        ("BT.709", (16, 128, 128), (0, 0, 0)),
        ("full range", (76, 85, 255), (1, 0, 0)),
        ("full range", (255, 128, 128), (1, 1, 1)),
    ],
)
def test_primaries_have_the_codes_of_their_standard(
    tags: str, codes: tuple[int, int, int], rgb: tuple[float, float, float]
) -> None:
    layout = Layout(8, 8, 8, (1, 1), TAGS[tags])
    sizes = (8, 4, 4)
    planes = [
        torch.full((1, s, s), c, dtype=torch.uint8) for s, c in zip(sizes, codes, strict=True)
    ]
    picture = torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert torch.allclose(to_rgb(planes, layout), picture, atol=0.01)
    found = from_rgb(picture, layout)
    assert tuple(int(p[0, 0, 0]) for p in found) == codes


@pytest.mark.parametrize(("size", "matrix"), [((720, 576), 6), ((1280, 720), 1)])
def test_untagged_video_is_bt601_when_small_and_bt709_when_large(
    size: tuple[int, int], matrix: int
) -> None:
    untagged = Layout(*size, 8, (1, 1), Colour())
    tagged = Layout(*size, 8, (1, 1), Colour(matrix=matrix, full_range=False))
    planes = smooth(untagged, count=1)
    assert torch.equal(to_rgb(planes, untagged), to_rgb(planes, tagged))


def test_another_layout_can_be_asked_for() -> None:
    given, wanted = Layout(33, 21, 8, None, Colour()), Layout(33, 21, 10, (1, 1), Colour())
    rgb = to_rgb([torch.full((1, 21, 33, 3), 128, dtype=torch.uint8)], given)
    luma, cb, cr = from_rgb(rgb, wanted)
    assert (luma.shape, cb.shape, cr.shape) == ((1, 21, 33), (1, 11, 17), (1, 11, 17))
    assert torch.all(cb.to(torch.int32) == 512)
    assert torch.all(luma.to(torch.int32) == round(64 + 876 * 128 / 255))


def test_values_beyond_white_and_black_are_clamped() -> None:
    layout = Layout(4, 4, 8, (1, 1), TAGS["full range"])
    assert int(from_rgb(torch.full((1, 3, 4, 4), 1.7), layout)[0].min()) == 255
    assert int(from_rgb(torch.full((1, 3, 4, 4), -0.7), layout)[0].max()) == 0
    bright = [torch.full((1, s, s), 255, dtype=torch.uint8) for s in (4, 2, 2)]
    assert float(to_rgb(bright, layout).max()) == 1.0


def test_a_batch_equals_its_pictures_one_by_one() -> None:
    layout = Layout(64, 48, 8, (1, 1), Colour())
    planes = smooth(layout, count=3)
    single = [to_rgb([p[n : n + 1] for p in planes], layout) for n in range(3)]
    assert torch.equal(to_rgb(planes, layout), torch.cat(single))
