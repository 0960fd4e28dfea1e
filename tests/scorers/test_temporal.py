"""Carrying pictures along with motion that is known exactly."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from impasto.scorers.temporal import grid
from impasto.scorers.temporal.interval import Interval
from impasto.scorers.temporal.mixing import Mixing
from impasto.scorers.temporal.motion import Motion, reduction

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Map = Callable[[Any, int], Any]

HEIGHT, WIDTH = 144, 192
FRAMES = 7
INSIDE = np.s_[24:-24, 24:-24]


@pytest.fixture
def motion() -> Motion:
    cv2.setNumThreads(1)
    return Motion(cv2)


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Picture:
    """Blobs of several sizes and colours."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for size in (2.0, 5.0):
        noise = random.normal(size=(height, width, 3)).astype(np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), size)
        total += soft / soft.std() * 28
    return (128 + total).clip(0, 255).astype(np.uint8)


PLACES = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(np.float32)
CENTRE = np.array([WIDTH / 2, HEIGHT / 2], np.float32)


def translated(places: Any, n: int) -> Any:
    return places + np.array([1.7, -0.6], np.float32) * n


def zoomed(places: Any, n: int) -> Any:
    return (places - CENTRE) * 1.01**n + CENTRE


def rotated(places: Any, n: int) -> Any:
    turn = np.deg2rad(0.8 * n)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    return (places - CENTRE) @ matrix + CENTRE


def _remapped(picture: Picture, places: Any) -> Any:
    return cv2.remap(picture, places[..., 0], places[..., 1], cv2.INTER_CUBIC)


def filmed(moved: Map, seed: int = 1) -> list[Picture]:
    """Frames of a still picture, seen through a map that changes with the frame."""
    still = texture(seed, HEIGHT + 64, WIDTH + 64)
    places = [(moved(PLACES, n) + 32).astype(np.float32) for n in range(FRAMES)]
    return [_remapped(still, each) for each in places]


def interval(motion: Motion, frames: list[Picture], enough: float = 1.0) -> Interval:
    return Interval(motion, [motion.look(frame) for frame in frames], 1.0, enough)


def mixed(motion: Motion, found: Interval, painted: list[Picture]) -> list[NDArray[Any]]:
    mixing, shape = Mixing(motion), painted[0].shape[:2]
    scored = {n: mixing.scored(painted[n], shape) for n in found.scored}
    return [mixing.mixed(layers, scored) for layers in found.layers]


@pytest.mark.parametrize("moved", [translated, zoomed, rotated])
def test_fields_are_the_motion_from_a_frame_to_its_keyframes(motion: Motion, moved: Map) -> None:
    found = interval(motion, filmed(moved))
    for n in range(1, FRAMES - 1):
        assert {layer.key for layer in found.layers[n]} == {0, FRAMES - 1}
        for layer in found.layers[n]:
            # Both are seen in the same picture, so a pixel lies where that part of it lies.
            assert layer.field is not None
            there = moved(PLACES + layer.field, layer.key)
            error = np.abs(there - moved(PLACES, n)).max(-1)[INSIDE]
            assert np.median(error) < 0.1
            assert np.quantile(error, 0.98) < 0.5


@pytest.mark.parametrize("moved", [translated, zoomed, rotated])
def test_paint_moves_with_things(motion: Motion, moved: Map) -> None:
    frames, paint = filmed(moved), filmed(moved, seed=2)
    found = interval(motion, frames)
    assert found.scored == [0, FRAMES - 1]
    for made, wanted in zip(mixed(motion, found, paint), paint, strict=True):
        error = np.abs(made.astype(float) - wanted)[INSIDE]
        assert error.mean() < 3
        stands = np.abs(paint[0].astype(float) - wanted)[INSIDE].mean()
        assert wanted is paint[0] or error.mean() < stands / 4


def test_weights_add_up_to_the_whole_frame(motion: Motion) -> None:
    for enough in (0.0, 0.01, 1.0):
        for layers in interval(motion, filmed(rotated), enough).layers:
            total = sum(layer.weight for layer in layers)
            assert np.allclose(total, 1, atol=0.01)


def covered(n: int) -> Picture:
    """A square that moves over a still picture, and has no texture in common with it."""
    frame = texture(3)
    left = 30 + 14 * n
    frame[50:100, left : left + 50] = texture(4)[50:100, 30:80] // 2
    return frame


def test_what_neither_keyframe_shows_is_scored(motion: Motion) -> None:
    frames = [covered(n) for n in range(FRAMES)]
    # What only the middle frame shows is lit up there.
    frames[3][10:40, 100:160] = 255 - frames[3][10:40, 100:160]
    found = interval(motion, frames, 0.002)
    assert 3 in found.scored
    own = next(layer for layer in found.layers[3] if layer.key == 3)
    assert own.weight[15:35, 105:155].mean() > 0.9
    assert own.weight[110:, 10:-10].mean() < 0.05
    # All of it is taken from keyframes where that is tolerated.
    assert interval(motion, frames, 1.0).scored == [0, FRAMES - 1]


def test_ground_that_a_thing_uncovers_comes_from_the_keyframe_that_shows_it(
    motion: Motion,
) -> None:
    frames = [covered(n) for n in range(FRAMES)]
    found = interval(motion, frames, 1.0)
    before, after = found.layers[3]
    # In the first keyframe the square hides what is behind it now, in the last what is ahead.
    behind, ahead = np.s_[60:90, 35:60], np.s_[60:90, 135:158]
    assert after.weight[behind].mean() > 0.9 > 0.1 > before.weight[behind].mean()
    assert before.weight[ahead].mean() > 0.9 > 0.1 > after.weight[ahead].mean()


def test_no_keyframe_reaches_over_a_cut(motion: Motion) -> None:
    frames = filmed(translated)[:4] + filmed(translated, seed=9)[4:]
    found = interval(motion, frames)
    assert {0, 3, 4, 6} <= {*found.scored}
    for n, layers in enumerate(found.layers):
        assert all((layer.key < 4) == (n < 4) for layer in layers)


def test_a_fast_pan_is_no_cut(motion: Motion) -> None:
    assert interval(motion, filmed(lambda places, n: places + 8 * n)).scored == [0, FRAMES - 1]


def test_noise_on_a_still_picture_does_not_flicker(motion: Motion) -> None:
    random, still = np.random.default_rng(5), texture(6).astype(float)
    frames = [
        (still + random.normal(0, 4, still.shape)).round().clip(0, 255).astype(np.uint8)
        for _ in range(grid.EVERY + 1)
    ]
    found = interval(motion, frames, 0.002)
    assert found.scored == [0, grid.EVERY]
    made = mixed(motion, found, frames)
    assert flicker(made) < 0.04 * flicker(frames)


def flicker(frames: list[Any]) -> float:
    """The mean square of what changes from frame to frame."""
    return float(np.mean([((a * 1.0 - b) ** 2).mean() for a, b in pairwise(frames)]))


def test_a_mix_is_as_sharp_as_what_it_is_made_of(motion: Motion) -> None:
    frames = [texture(7)] * 3
    found = interval(motion, frames)
    grain = [texture(8), texture(8), texture(9)]
    made = mixed(motion, found, grain)[1]
    luma = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY).astype(float) for each in (made, *grain)]
    details = [float((each - cv2.GaussianBlur(each, (0, 0), 2)).var()) for each in luma]
    # The mean of two alone would have half.
    assert details[0] > 0.7 * details[1]


def test_pictures_of_another_size_are_carried_too(motion: Motion) -> None:
    frames, paint = filmed(translated), filmed(translated, seed=2)
    larger = [cv2.resize(each, (2 * WIDTH, 2 * HEIGHT)) for each in paint]
    found, mixing = interval(motion, frames), Mixing(motion)
    scored = {n: mixing.scored(larger[n], (HEIGHT, WIDTH)) for n in found.scored}
    made = mixing.mixed(found.layers[3], scored)
    assert made.shape == larger[3].shape
    assert np.abs(made.astype(float) - larger[3])[60:-60, 60:-60].mean() < 3


@pytest.mark.parametrize("size", [(2, 40), (8, 8), (12, 12), (33, 17)])
def test_pictures_of_any_size_can_be_explained(motion: Motion, size: tuple[int, int]) -> None:
    frames = [texture(n, *size) for n in (1, 1, 1, 2)]
    found = interval(motion, frames)
    assert {0, 3} <= {*found.scored}
    assert all(sum(layer.weight.mean() for layer in each) > 0.98 for each in found.layers)


def test_large_pictures_are_reduced_until_motion_is_affordable() -> None:
    sizes = {(640, 360): 1, (1280, 720): 2, (1920, 1080): 2, (3840, 2160): 4, (7680, 4320): 8}
    assert {size: reduction(*size) for size in sizes} == sizes
    coarse = {size: 2 * times for size, times in sizes.items()}
    assert {size: reduction(*size, coarse=True) for size in sizes} == coarse


@pytest.mark.parametrize(("start", "stop"), [(0, 100), (5, 61), (0, 1), (12, 13), (3, 24)])
def test_shards_of_any_size_have_the_keyframes_of_the_whole(start: int, stop: int) -> None:
    whole = grid.borders(start, stop - 1, grid.EVERY)
    assert whole[0] == start
    assert whole[-1] == stop - 1
    assert all(b - a <= grid.EVERY for a, b in pairwise(whole))
    for size in (1, 5, 12, 30, 100):
        for first in range(start, stop, size):
            past = min(first + size, stop)
            lead, trail = grid.around(first, past, start, stop, grid.EVERY)
            assert 0 <= lead < grid.EVERY
            assert 0 <= trail < grid.EVERY
            own = grid.borders(first - lead, past - 1 + trail, grid.EVERY)
            assert own == [each for each in whole if own[0] <= each <= own[-1]]
