"""Seams: planted ones are found at their place, and none where there is none."""

from __future__ import annotations

import pytest

from impasto.metrics.sampling import RUN, most_by_default, runs, some
from impasto.metrics.seams import seam


def errors(frames: int = 100) -> dict[int, float]:
    """Errors that grow slowly, as motion does."""
    return {frame: 10 + 0.1 * frame for frame in range(1, frames)}


def test_a_planted_seam_is_found_at_its_place() -> None:
    planted = errors()
    planted[50] *= 1.5
    found = seam("shards", {25, 50, 75}, planted)
    assert found is not None
    assert (found.name, found.borders, found.worst.frame) == ("shards", 3, 50)
    assert found.worst.score == pytest.approx(1.5)
    # Of 12.5, 15 and 17.5, one is half as large again.
    assert found.score == pytest.approx((12.5 + 1.5 * 15 + 17.5) / 45)


def test_no_seam_is_one_however_motion_changes() -> None:
    found = seam("every 12", range(12, 100, 12), errors())
    assert found is not None
    assert found.score == pytest.approx(1)


def test_borders_at_cuts_and_outside_of_what_was_measured_do_not_count() -> None:
    known = errors()
    del known[25]
    assert seam("shards", {25}, known) is None
    assert seam("shards", {500}, known) is None
    found = seam("shards", {25, 50, 500}, known)
    assert found is not None
    assert (found.borders, found.worst.frame) == (1, 50)
    assert seam("shards", {5}, dict.fromkeys(range(1, 10), 0.0)) is None


def test_borders_beside_each_other_are_not_compared_with_each_other() -> None:
    known = dict.fromkeys(range(1, 30), 4.0) | {10: 40.0, 11: 40.0}
    found = seam("shards", {10, 11}, known)
    assert found is not None
    assert found.score == pytest.approx(10)


def test_a_short_video_is_measured_whole() -> None:
    assert runs(60, 100) == (range(60),)
    assert runs(10, 1) == (range(10),)


@pytest.mark.parametrize("count", [49, 60, 200, 1000, 100_000])
@pytest.mark.parametrize("most", [24, 48, 240])
def test_runs_are_spread_over_a_long_video(count: int, most: int) -> None:
    found = runs(count, most)
    frames = [frame for run in found for frame in run]
    assert frames == sorted({*frames})
    assert len(frames) <= most
    assert min(map(len, found)) >= RUN
    assert frames[-1] < count
    if most > RUN:
        assert (frames[0], frames[-1]) == (0, count - 1)


def test_runs_lie_round_borders() -> None:
    borders = {*range(250, 10_000, 250)}
    found = runs(10_000, 240, borders)
    assert len(found) == 10
    assert all(run.start + RUN // 2 in borders for run in found)
    near = runs(10_000, 240, {5, 9_998})
    assert near == (range(RUN), range(10_000 - RUN, 10_000))


def test_a_large_picture_still_has_two_runs() -> None:
    assert most_by_default(640, 360) == 173
    assert most_by_default(7680, 4320) == 2 * RUN


def test_single_frames_are_spread_over_the_runs() -> None:
    found = sorted(some((range(10), range(100, 110)), 5))
    assert found == [0, 5, 100, 104, 109]
    assert some((range(3),), 8) == {0, 1, 2}
