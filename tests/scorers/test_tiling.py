from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.scorers.checkpoint.tiling import LEAST, Tiles, reach, side_for
from impasto.scorers.sizes import OutputSize


def blur(pixels: int, times: int = 1) -> object:
    def run(x: torch.Tensor) -> torch.Tensor:
        for _ in range(times):
            x = F.avg_pool2d(F.pad(x, (pixels,) * 4, mode="reflect"), 2 * pixels + 1, 1)
        return x

    return run


@pytest.mark.parametrize(("pixels", "expected"), [(2, 4), (8, 11)])
def test_the_margin_is_what_a_network_was_seen_to_look_and_a_quarter(
    pixels: int, expected: int
) -> None:
    assert reach(blur(pixels), 1) == expected  # type: ignore[arg-type]


def test_a_reach_that_only_a_larger_picture_shows_is_measured_on_it() -> None:
    found = reach(blur(40), 1)  # type: ignore[arg-type]
    assert 40 < found <= 51


def test_a_network_that_looks_everywhere_has_no_reach() -> None:
    assert reach(lambda x: x - x.mean((2, 3), keepdim=True), 1) == 0


def test_a_margin_keeps_to_the_networks_multiple() -> None:
    assert reach(blur(5), 8) == 8  # type: ignore[arg-type]


def test_memory_is_what_the_largest_layer_reads_and_writes_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("impasto.scorers.checkpoint.tiling._allowed_here", lambda: 1 << 20)
    layers = [torch.nn.Conv2d(3, 29, 1), torch.nn.Conv2d(29, 3, 1)]
    side = side_for(torch.nn.Sequential(*layers), 4)
    # 3 and 29 channels of float32.
    assert side == int(((1 << 20) / (2 * 4 * 32)) ** 0.5) // 4 * 4


def test_narrow_pictures_are_cut_in_one_direction() -> None:
    seen: list[tuple[int, ...]] = []

    def run(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape[2:]))
        return x

    picture = torch.rand(1, 3, 20, 400)
    tiles = Tiles(side=LEAST, margin=4, blended=8, align=4)
    torch.testing.assert_close(tiles.apply(picture, run), picture)
    assert set(seen) == {(20, LEAST * LEAST // 20 // 4 * 4)}


def test_sizes_keep_the_shape_of_the_source() -> None:
    assert OutputSize.parse("1920x1080").of(480, 640) == (1080, 1440)
    assert OutputSize.parse("1920x1080").of(9, 4000) == (4, 1920)
    assert OutputSize.parse("0.01x").of(20, 20) == (1, 1)


def test_sizes_that_memory_does_not_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="makes 24576x32768 of 48x64, over 134 megapixels"):
        OutputSize.parse("32768x32768").of(64, 48)
