from __future__ import annotations

import pytest
import torch

from impasto.scorers.fitting import Fit
from impasto.scorers.placing import GREY, Placed


def test_a_mirrored_border_is_cut_off_again() -> None:
    picture = torch.arange(15.0).view(1, 1, 3, 5) / 15
    placed = Placed((3, 5), (3, 5), (4, 8), (1, 0))
    grown = placed.into(picture)
    assert grown.shape == (1, 1, 4, 8)
    assert torch.equal(grown[0, 0, 0], grown[0, 0, 2])
    assert torch.equal(grown[0, 0, 1, 5:], picture[0, 0, 0, [3, 2, 1]])
    assert torch.equal(placed.back(grown), picture)
    twice = grown.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(placed.back(twice), picture.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_a_letterbox_is_grey_and_its_points_lead_back() -> None:
    placed = Placed((20, 40), (10, 20), (16, 20), (3, 0), mirrored=False)
    boxed = placed.into(torch.ones(2, 3, 20, 40))
    assert torch.equal(boxed[:, :, 3:13], torch.ones(2, 3, 10, 20))
    assert torch.equal(boxed[:, :, 13:], torch.full((2, 3, 3, 20), GREY))
    assert placed.scale == (0.5, 0.5)
    assert placed.point(20, 13) == (40, 20)
    assert placed.point(0, 3) == (0, 0)
    assert placed.back(boxed).shape == (2, 3, 20, 40)


def place(height: int, width: int, fit: Fit) -> Placed:
    placed = fit.place(height, width)
    assert placed.source == (height, width)
    return placed


@pytest.mark.parametrize(
    ("fit", "inner", "outer", "corner"),
    [
        (Fit((8, 8)), (8, 8), (8, 8), (0, 0)),
        (Fit((48, None)), (48, 72), (48, 72), (0, 0)),
        (Fit((None, 12)), (8, 12), (8, 12), (0, 0)),
        (Fit((48, None), multiple=32), (48, 72), (48, 96), (0, 0)),
        (Fit(multiple=32), (20, 30), (32, 32), (0, 0)),
        (Fit(multiple=16, way="pad"), (20, 30), (32, 32), (0, 0)),
        (Fit(multiple=16, way="resize"), (32, 32), (32, 32), (0, 0)),
        (Fit((40, 40), way="pad"), (20, 30), (40, 40), (0, 0)),
        (Fit((64, 60), way="letterbox"), (40, 60), (64, 60), (12, 0)),
        (Fit(multiple=8, way="letterbox"), (20, 30), (24, 32), (2, 1)),
        (Fit((10, 10), way="crop"), (10, 15), (10, 10), (0, -2)),
        (Fit((40, 20), way="crop"), (40, 60), (40, 20), (0, -20)),
    ],
)
def test_pictures_are_fitted_as_asked(
    fit: Fit, inner: tuple[int, int], outer: tuple[int, int], corner: tuple[int, int]
) -> None:
    placed = place(20, 30, fit)
    assert (placed.inner, placed.outer, placed.corner) == (inner, outer, corner)
    assert placed.mirrored == (fit.way != "letterbox")


def test_the_middle_is_all_that_a_crop_leaves() -> None:
    picture = torch.rand(1, 3, 20, 31, generator=torch.Generator().manual_seed(1))
    placed = Fit((20, 20), way="crop").place(20, 31)
    assert torch.equal(placed.into(picture), picture[..., 6:26])
    assert placed.point(0, 0) == (6, 0)
    # One pixel too many is cut off at the end.
    assert torch.equal(Fit((20, 30), way="crop").place(20, 31).into(picture), picture[..., :30])


def test_pictures_that_are_made_cannot_be_cropped() -> None:
    with pytest.raises(ValueError, match="makes pictures, which cannot be cropped"):
        Fit((8, 8), way="crop")(torch.zeros(1, 3, 8, 20), lambda pictures: pictures)


def test_a_picture_larger_than_the_padding_allows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"30x20 is larger than the model's 16x40.*set `fit`"):
        Fit((40, 16), way="pad").place(20, 30)


def test_tiles_are_placed_whole() -> None:
    assert Fit((8, 8), tiled=True).place(20, 30).outer == (20, 30)
    assert Fit(tiled=True, multiple=16).place(20, 30).outer == (32, 32)
