from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.scorers.moved import SQUARE, UNMOVED, Move, mean_of_moves

DIAGONAL = [(0, 0), (1, 1), (2, 2), (3, 3)]


def weave(pictures: torch.Tensor) -> torch.Tensor:
    """A network whose mistake is locked to its grid of 4 pixels, and large at the edges."""
    made = pictures.clone()
    made[:, :, ::4, ::4] += 1
    made[:, :, :, :2] = 9
    return made


@pytest.mark.parametrize("moves", [UNMOVED, DIAGONAL, [(0, 3), (2, 0)]])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9), (40, 33)])
def test_what_changes_nothing_still_changes_nothing(
    moves: list[Move], height: int, width: int
) -> None:
    pictures = torch.rand(2, 3, height, width)
    shapes = set()

    def run(given: torch.Tensor) -> torch.Tensor:
        shapes.add(tuple(given.shape))
        return given

    same = mean_of_moves(pictures, run, moves=moves, border=5, multiple=4)
    assert torch.allclose(same, pictures)
    (shape,) = shapes
    assert shape[2] % 4 == shape[3] % 4 == 0
    assert shape[2] >= height + 10
    assert shape[3] >= width + 10


def test_the_border_mirrors_the_picture() -> None:
    pictures = torch.rand(1, 3, 20, 30)
    given = []

    def run(bordered: torch.Tensor) -> torch.Tensor:
        given.append(bordered)
        return bordered

    mean_of_moves(pictures, run, border=4, multiple=4)
    assert torch.equal(given[0], F.pad(pictures, (4, 6, 4, 4), mode="reflect"))


def test_fringes_go_and_the_mean_of_moves_spreads_the_grid_evenly() -> None:
    pictures = torch.zeros(1, 1, 24, 24)
    once = mean_of_moves(pictures, weave, border=4, multiple=4)
    assert once.max() == 1
    assert once.mean() == pytest.approx(1 / 16)
    across = [(0, n) for n in range(4)]
    moved = mean_of_moves(pictures, weave, moves=across, border=4, multiple=4)
    assert float(moved[:, :, ::4].min()) == float(moved[:, :, ::4].max()) == 0.25
    assert moved.mean() == pytest.approx(1 / 16)


def test_results_of_several_times_the_size_are_moved_back_by_as_much() -> None:
    picture = torch.rand(1, 3, 37, 50, generator=torch.Generator().manual_seed(1))

    def larger(given: torch.Tensor) -> torch.Tensor:
        return F.interpolate(given, scale_factor=2.0, mode="nearest")

    assert torch.allclose(mean_of_moves(picture, larger, moves=SQUARE), larger(picture))


def test_results_of_a_size_of_their_own_are_those_of_the_unmoved_picture() -> None:
    picture = torch.rand(1, 3, 40, 40)
    odd = mean_of_moves(picture, lambda given: given[:, :, :-1], moves=SQUARE)
    assert torch.equal(odd, picture[:, :, :-1])
