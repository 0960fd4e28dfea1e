"""Which machines of a cluster count as unfit for workers."""

from __future__ import annotations

from impasto.engines.ray.start_failures import MACHINES, TRIES, StartFailures


def failed(starts: StartFailures, machine: str, times: int = TRIES) -> list[bool]:
    return [starts.failed(machine) for _ in range(times)]


def test_a_machine_is_barred_once_when_starts_fail_there_in_a_row() -> None:
    starts = StartFailures()
    assert failed(starts, "a", TRIES + 1) == [False, False, True, False]
    assert starts.barred == {"a"}


def test_a_start_that_goes_well_counts_for_its_machine_alone() -> None:
    starts = StartFailures()
    failed(starts, "a", TRIES - 1)
    starts.succeeded("b")
    assert starts.failed("a")
    starts = StartFailures()
    failed(starts, "a", TRIES - 1)
    starts.succeeded("a")
    assert not starts.failed("a")


def test_it_is_hopeless_when_one_machine_after_the_other_is_barred() -> None:
    starts = StartFailures()
    for n in range(MACHINES):
        assert not starts.exhausted
        failed(starts, str(n))
    assert starts.exhausted


def test_a_start_that_goes_well_is_a_reason_to_hope() -> None:
    starts = StartFailures()
    for n in range(2 * MACHINES):
        failed(starts, str(n))
        starts.succeeded("good")
    assert not starts.exhausted


def test_failures_that_nobody_can_place_are_bounded_too() -> None:
    starts = StartFailures()
    failed(starts, "", TRIES - 1)
    assert not starts.exhausted
    starts.failed("")
    assert starts.exhausted
