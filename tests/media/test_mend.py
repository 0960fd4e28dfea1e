"""A wrong timestamp costs one timestamp: it moves between its neighbours, all others stay."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.media.read.mend import AHEAD, ascending, jumps

STEADY = list(range(0, 400, 10))
HOUR = 3600


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ([0, 10, 20, 20, 40, 50], [0, 10, 20, 30, 40, 50]),
        ([0, 10, 10, 10, 10, 50], [0, 10, 20, 30, 40, 50]),
        ([0, 10, 5, 30, 40], [0, 10, 20, 30, 40]),
        ([0, 10, 35, 30, 40], [0, 10, 20, 30, 40]),
        ([0, 10, None, None, 40], [0, 10, 20, 30, 40]),
        ([None, 10, 20, 30], [0, 10, 20, 30]),
        ([10**9, 10, 20, 30], [0, 10, 20, 30]),
        ([0, 10, 20, 20], [0, 10, 20, 30]),
        ([0, 10, 10**9, 30, 40, 50, -(10**9), 70], [0, 10, 20, 30, 40, 50, 60, 70]),
        ([0, 7, 7, 60, 61, 99], [0, 7, 33, 60, 61, 99]),
    ],
)
def test_a_wrong_time_moves_between_its_neighbours(
    wrong: list[int | None], right: list[int]
) -> None:
    found = ascending(wrong)
    assert found is not None
    assert (found.times, found.finer) == (right, 1)
    assert found.moved == sum(a != b for a, b in zip(wrong, right, strict=True))


def test_times_that_have_no_room_get_a_finer_unit() -> None:
    found = ascending([0, 1, 1, 2, 3])
    assert found is not None
    assert (found.times, found.finer, found.moved) == ([0, 2, 3, 4, 6], 2, 1)


def test_times_of_which_most_are_wrong_are_not_used() -> None:
    assert ascending([None, None, None, 5]) is None
    assert ascending([]) is None
    assert ascending([9, 8, 7, 6, 5]) is None


@given(st.lists(st.none() | st.integers(-(2**40), 2**40), max_size=40))
def test_whatever_the_times_they_ascend_and_most_stay(times: list[int | None]) -> None:
    found = ascending(times)
    if found is not None:
        assert all(a < b for a, b in pairwise(found.times))
        stayed = [t is not None and t * found.finer for t in times]
        kept = sum(a == b for a, b in zip(stayed, found.times, strict=True))
        assert len(times) - kept <= found.moved <= len(times) / 2


@given(st.integers(0, 59), st.integers(-(2**40), 2**40))
def test_one_wrong_time_among_many_moves_no_other(place: int, wrong: int) -> None:
    times: list[int | None] = [*range(0, 600, 10)]
    times[place] = wrong
    found = ascending(times)
    assert found is not None
    assert sum(a != b for a, b in zip(times, found.times, strict=True)) <= 1
    assert set(jumps(times, 10)) == {0}


def test_a_clock_set_back_goes_on() -> None:
    added = jumps(STEADY * 3, 10)
    assert [t + by for t, by in zip(STEADY * 3, added, strict=True)] == list(range(0, 1200, 10))


def test_a_clock_set_hours_ahead_goes_on_where_a_clock_means_nothing() -> None:
    times = [*STEADY, *(t + 10 * HOUR for t in STEADY)]
    assert set(jumps(times, 10)) == {0}
    added = jumps(times, 10, HOUR)
    assert [t + by for t, by in zip(times, added, strict=True)] == list(range(0, 800, 10))


def test_the_order_of_decoding_is_no_jump() -> None:
    assert set(jumps([0, 160, *range(10, 160, 10), 320, *range(170, 320, 10)], 10)) == {0}
    assert set(jumps([*STEADY, 5, 6], 10)) == {0}
    assert AHEAD > 16
