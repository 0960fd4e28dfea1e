"""What the ends of workers teach about the items they were scoring."""

from __future__ import annotations

import math

from impasto.driver import blame
from impasto.schema.outcome import Done, Failed, FailedKind
from impasto.schema.plan import Shard

SHARD = Shard(index=0, start=0, stop=100)


def end(*items: int, kind: FailedKind = "died") -> Failed:
    return Failed(shard=0, error="the end", kind=kind, items=items)


def test_what_a_worker_died_over_is_scored_alone_next_time() -> None:
    attempt = blame.next_attempt(SHARD, [end(4, 5, 6)], (), None)
    assert (attempt.suspects, attempt.aside) == ((4, 5, 6), ())


def test_one_death_over_a_single_item_may_be_bad_luck_and_two_are_not() -> None:
    assert blame.set_aside([end(4, 5), end(5)]) == ()
    (error,) = blame.set_aside([end(4, 5), end(5), end(5)])
    assert (error.item, error.error) == (5, "the end")


def test_one_time_out_alone_is_enough() -> None:
    assert blame.set_aside([end(4, 5, kind="timeout")]) == ()
    assert [it.item for it in blame.set_aside([end(5, kind="timeout")])] == [5]


def test_what_is_set_aside_is_no_suspect_any_more() -> None:
    attempt = blame.next_attempt(SHARD, [end(4, 5), end(5, kind="timeout")], (), None)
    assert attempt.suspects == (4,)
    assert [it.item for it in attempt.aside] == [5]


def test_earlier_runs_make_suspects_and_set_nothing_aside() -> None:
    attempt = blame.next_attempt(SHARD, (), [end(7), end(7), end(7)], None)
    assert (attempt.suspects, attempt.aside) == ((7,), ())


def test_a_shard_is_given_up_after_failures_that_no_item_explains() -> None:
    plain = [end(kind="error")] * (blame.ATTEMPTS - 1)
    assert not blame.exhausted([*plain, end(1), end(1)], 0)
    assert blame.exhausted([*plain, end(kind="error")], 0)
    assert blame.exhausted([end(kind="bad_input")], math.inf)


def test_a_scorer_that_ends_a_worker_with_every_item_is_given_up() -> None:
    deaths = [end(item) for item in range(blame.PATIENCE + 1) for _ in range(blame.DEATHS)]
    assert not blame.exhausted(deaths[: -blame.DEATHS], 0)
    assert blame.exhausted(deaths, 0)
    assert not blame.exhausted(deaths, 50)


def lethal(*items: int) -> list[Failed]:
    """The ends of workers over items, first several together and then each alone."""
    return [end(*items), *(end(item) for item in items for _ in range(blame.DEATHS))]


def test_a_scorer_of_which_no_worker_survives_an_item_is_hopeless() -> None:
    several = lethal(0, 1, 2)
    assert not blame.survived(SHARD, several, None)
    assert blame.hopeless([several], 100)
    assert blame.hopeless([lethal(0), lethal(10), lethal(20)], 100)
    assert not blame.hopeless([several[:-1]], 100)
    assert blame.hopeless([[end()] * blame.ATTEMPTS] * blame.HOPELESS, 100)


def test_items_that_are_all_there_is_are_set_aside_one_by_one() -> None:
    assert not blame.hopeless([lethal(0, 1, 2)], 3)


def test_an_item_that_was_scored_before_one_that_ends_workers_shows_that_the_scorer_works() -> None:
    assert blame.survived(SHARD, [end(1)], None)
    assert blame.survived(SHARD, [*lethal(0, 1), end(3)], None)
    assert not blame.survived(SHARD, [*lethal(0, 1), end(2)], None)
    assert not blame.survived(SHARD, [end(kind="error")], None)


def test_a_retry_of_items_of_a_shard_that_was_done_is_never_hopeless() -> None:
    base = Done(shard=0, segment="s", items=100, bytes=1, seconds=1.0, worker="w")
    assert blame.survived(SHARD, lethal(0, 1, 2), base)
