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


@pytest.mark.parametrize(("size", "outer"), [((8, 8), (8, 8)), ((None, 8), (20, 8))])
def test_a_fixed_size_is_resized_to(
    size: tuple[int | None, int | None], outer: tuple[int, int]
) -> None:
    assert Fit(size).place(20, 30) == Placed((20, 30), outer, outer)
