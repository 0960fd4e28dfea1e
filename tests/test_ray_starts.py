"""Which machines of a cluster count as unfit for workers."""

from __future__ import annotations

from impasto.engines.ray_starts import MACHINES, TRIES, Starts


def failed(starts: Starts, machine: str, times: int = TRIES) -> list[bool]:
    return [starts.failed(machine) for _ in range(times)]


def test_a_machine_is_barred_once_when_starts_fail_there_in_a_row() -> None:
    starts = Starts()
    assert failed(starts, "a", TRIES + 1) == [False, False, True, False]
    assert starts.barred == {"a"}


def test_a_start_that_goes_well_counts_for_its_machine_alone() -> None:
    starts = Starts()
    failed(starts, "a", TRIES - 1)
    starts.succeeded("b")
    assert starts.failed("a")
    starts = Starts()
    failed(starts, "a", TRIES - 1)
    starts.succeeded("a")
    assert not starts.failed("a")


def test_it_is_hopeless_when_no_machine_is_left() -> None:
    starts = Starts()
    starts.succeeded("b")
    failed(starts, "a")
    assert not starts.hopeless({"a", "b"})
    assert starts.hopeless({"a"})


def test_it_is_hopeless_when_one_machine_after_the_other_is_barred_and_none_ever_worked() -> None:
    starts, machines = Starts(), [str(n) for n in range(MACHINES)]
    for machine in machines:
        assert not starts.hopeless({*machines, "new"})
        failed(starts, machine)
    assert starts.hopeless({*machines, "new"})
    starts.succeeded("new")
    assert not starts.hopeless({*machines, "new"})


def test_failures_that_nobody_can_place_are_bounded_too() -> None:
    starts = Starts()
    failed(starts, "", TRIES - 1)
    assert not starts.hopeless({"a"})
    starts.failed("")
    assert starts.hopeless({"a"})


def test_nothing_is_hopeless_before_a_start_has_failed() -> None:
    assert not Starts().hopeless(set())
