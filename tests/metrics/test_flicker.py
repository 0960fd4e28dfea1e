"""Flicker of what moves in a known way: what moves along has little, and what does not is known."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from impasto.errors import BadInput
from impasto.metrics.drift import lab, wandered
from impasto.metrics.measure import Found, observe
from impasto.metrics.motion import Eyes
from impasto.metrics.seams import seam
from support.moving import HEIGHT, WIDTH, added, canvas, film, noise, seen, shift, turn, zoom

if TYPE_CHECKING:
    from support.moving import Motion, Picture

MOTIONS = {"translation": shift(2, -1), "zoom": zoom(1.015), "rotation": turn(1)}
ERRORS = ("dense_1", "dense_10", "tracked_1", "tracked_10")
STILL = shift(0, 0)


def watch(*videos: list[Picture], threads: int = 1) -> Found:
    eyes, found = Eyes(), Found({}, [])
    frames = enumerate(zip(*videos, strict=True))
    with eyes.open(), ThreadPoolExecutor(threads) as pool:
        assert [*observe(eyes, frames, found, pool)] == [*range(len(videos[0]))]
    return found


def means(found: Found, name: str) -> list[float]:
    """Return the mean of each video over the frames."""
    return [float(np.mean(each)) for each in zip(*found.numbers[name].values(), strict=True)]


@pytest.mark.parametrize("motion", MOTIONS.values(), ids=MOTIONS)
def test_what_moves_along_has_a_hundredth_of_the_error_of_what_is_fixed_to_the_screen(
    motion: Motion,
) -> None:
    source = film(1, motion)
    along = film(2, motion)
    fixed = added(source, noise(3, 20))
    found = watch(source, along, fixed)
    for name in ERRORS:
        floor, carried, stuck = means(found, name)
        # Tracked patches move, and do not turn or grow.
        share = 0.1 if name == "tracked_10" else 0.03
        assert carried < share * stuck
        assert floor < share * stuck
    assert found.cuts == []


def test_noise_that_is_fixed_to_the_screen_meets_other_noise_as_the_picture_moves() -> None:
    source = film(1, shift(2, -1))
    found = watch(source, added(source, noise(3, 20)))
    for name in ERRORS:
        # The variance of both.
        assert means(found, name)[1] == pytest.approx(2 * 20**2, rel=0.05)


def test_a_change_of_brightness_is_the_square_of_its_size() -> None:
    source = [seen(canvas(1, spread=20), STILL, 0)] * 14
    flashing = added(source, *(noise(0, 0) + 6 * (t % 2) for t in range(14)))
    rising = added(source, *(noise(0, 0) + 2 * t for t in range(14)))
    found = watch(source, flashing, rising)
    # Ten frames are an even number of flashes.
    known = {"dense_1": (36, 4), "dense_10": (0, 400), "tracked_1": (36, 4), "tracked_10": (0, 400)}
    for name, (flash, rise) in known.items():
        assert means(found, name) == pytest.approx([0, flash, rise], abs=1e-6)


@pytest.mark.parametrize("name", ERRORS)
def test_more_flicker_is_a_larger_error(name: str) -> None:
    source = film(1, shift(1.5, 0.5))
    videos = [
        added(source, *(noise(t, spread) for t in range(len(source)))) for spread in (2, 5, 10)
    ]
    floor, *errors = means(watch(source, *videos), name)
    assert errors == sorted(errors)
    # Independent noise of two frames: twice its variance, less what sampling between pixels takes.
    for spread, error in zip((2, 5, 10), errors, strict=True):
        assert 1.2 * spread**2 < error - floor < 2.1 * spread**2


def test_what_is_covered_or_uncovered_counts_as_no_error() -> None:
    front, back = (seen(canvas(seed), STILL, 0) for seed in (1, 2))
    source = []
    for t in range(14):
        picture = back.copy()
        picture[40:90, 10 + 4 * t : 60 + 4 * t] = front[40:90, :50]
        source.append(picture)
    found = watch(source, source)
    # Had the 4 columns that the square uncovers counted, it would be many times as much.
    uncovered = float(np.mean((front.astype(float) - back) ** 2)) * 2 * 4 * 50 / (HEIGHT * WIDTH)
    assert means(found, "dense_1")[0] < uncovered / 3
    assert found.cuts == []


def test_no_pair_reaches_over_a_cut() -> None:
    before, after = film(1, shift(2, 1), 13), film(2, shift(-1, 2), 12)
    found = watch(before + after, before + after)
    assert found.cuts == [13]
    assert {*found.numbers["dense_1"]} == {*range(1, 13), *range(14, 25)}
    assert {*found.numbers["drift_10"]} == {10, 11, 12, 23, 24}
    assert {*found.numbers["dense_10"]} == {10, 23}
    assert max(means(found, name)[0] for name in ERRORS) < 10


@pytest.mark.parametrize("seed", range(4))
def test_noise_flashes_and_fades_are_no_cuts(seed: int) -> None:
    still = film(seed, STILL, 3)
    noisy = added(still, *(noise(t, 15) for t in range(3)))
    assert watch(noisy).cuts == []
    flash = added(still, 0.0, 60.0, 0.0)
    assert watch(flash).cuts == []
    grey = [np.full_like(picture, 100 + 20 * t) for t, picture in enumerate(still)]
    assert watch(grey).cuts == []


def test_a_steady_output_of_a_noisy_still_has_no_flicker() -> None:
    still = film(1, STILL)
    noisy = added(still, *(noise(t, 6) for t in range(len(still))))
    painted = [(2.0 * it - 128).clip(0, 255).astype(np.uint8) for it in noisy]
    found = watch(noisy, painted, film(2, STILL))
    for name in ERRORS:
        _, per_frame, steady = means(found, name)
        assert steady < 0.2 * per_frame


def test_colours_that_wander_are_told_beside_those_of_the_source() -> None:
    source = [np.full((HEIGHT, WIDTH, 3), 60 + 5 * t, np.uint8) for t in range(14)]
    kept = [picture.copy() for picture in source]
    redder = added(source, *(np.array([2.0 * t, 0, 0]) for t in range(14)))
    found = watch(source, kept, redder)
    assert means(found, "drift_1")[:2] == [0, 0]
    assert means(found, "drift_10")[:2] == [0, 0]
    near, far = means(found, "drift_1")[2], means(found, "drift_10")[2]
    assert far == pytest.approx(10 * near, rel=0.1)


def test_a_distance_between_colours_is_that_of_cie_1976() -> None:
    # Red and white of sRGB, as tables have them.
    red, white, grey = lab(np.array([[1.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5]]))
    assert red == pytest.approx([53.24, 80.09, 67.20], abs=0.03)
    assert white == pytest.approx([100, 0, 0], abs=1e-6)
    assert grey == pytest.approx([53.39, 0, 0], abs=0.01)
    known = wandered(np.stack([white, red]), np.stack([white, white]))
    assert known == pytest.approx([0, np.linalg.norm(red - white)])


def test_a_planted_seam_is_found_at_its_place() -> None:
    source = film(1, shift(1.5, 0.5), 24)
    output = added(source, *(noise(t, 3) + 6 * (t >= 15) for t in range(24)))
    errors = {t: values[1] for t, values in watch(source, output).numbers["dense_1"].items()}
    found = seam("shards", {8, 15}, errors)
    assert found is not None
    assert found.worst.frame == 15
    # The step's square on top of the noise around it.
    around = np.mean([errors[t] for t in range(11, 20) if t != 15])
    assert found.worst.score == pytest.approx((6**2 + around) / around, rel=0.1)
    clean = seam("shards", {8}, errors)
    assert clean is not None
    assert clean.score == pytest.approx(1, abs=0.1)


def test_nothing_depends_on_threads() -> None:
    source = film(1, turn(1))
    output = added(source, *(noise(t, 9) for t in range(len(source))))
    assert watch(source, output, threads=1) == watch(source, output, threads=4)
    before = cv2.getNumThreads()
    watch(source[:2], output[:2])
    assert cv2.getNumThreads() == before


def test_missing_opencv_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(BadInput, match=r"OpenCV.*is missing; run pip install 'impasto\[flow\]'"):
        Eyes()
