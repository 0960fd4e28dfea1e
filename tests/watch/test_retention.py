"""Old records go when their object is gone, and jobs when a rule says so; nothing else does."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from impasto.errors import Missing, Unavailable
from impasto.jobs.job import Job
from impasto.schema.job import JobSpec
from impasto.schema.watch import RuleNews, Try
from impasto.watch.claims import Claims
from impasto.watch.records import Records
from impasto.watch.retention import TOLD, Expiry, retire
from support import stores
from support.jobs import RESULT
from support.watching import RULE, WATCHERS, arrival, ending, kinds, rule, ticket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from impasto.jobs.removal import Removal
    from impasto.schema.watch import Ticket
    from impasto.watch.rule import Rule
    from support.stores import Backend

DAY = 86400.0
HERE, GONE = ticket("here.mp4"), ticket("gone.mp4")


@pytest.fixture
def place(tmp_path: Path) -> Backend:
    return stores.folder(tmp_path / "home")


def done(place: Backend, of: Ticket, state: str = "done", job: str = "") -> Records:
    own = Records(place.open())
    own.admit(of)
    own.add_try(RULE, of.name, Try(error="no"))
    own.own_output(RULE, f"/out/{of.key}", of.key)
    own.end(of, ending(of, state, job=job))
    own.close(RULE, of.name)
    return own


def aged(place: Backend, days: float = 40) -> None:
    """Make all that a watcher has kept look older."""
    at = time.time() - days * DAY
    for stat in place.open().list_all("watch"):
        path = place.open().local(stat.key)
        assert path
        os.utime(path, (at, at))


def removed(
    place: Backend,
    keys: Sequence[str] | Exception = ("here.mp4",),
    rules: Sequence[Rule] = (rule("/in"),),
    *,
    dry_run: bool = False,
) -> list[Removal]:
    def listed(_: Rule) -> Sequence[str]:
        if isinstance(keys, Exception):
            raise keys
        return keys

    own, before = Records(place.open()), time.time() - 30 * DAY
    return [*retire(own, rules, listed, before, dry_run=dry_run)]


def told(found: Sequence[Removal]) -> list[tuple[str, int]]:
    return [(each.name.removeprefix(f"of rule {RULE}: "), each.count) for each in found]


def test_old_records_of_objects_that_are_gone_go(place: Backend) -> None:
    done(place, HERE)
    done(place, GONE)
    own = done(place, ticket("gone.mp4", recipe="old"), "failed")
    own.reject_message(RULE, b"{", "is no JSON")
    own.reject(RULE, arrival("gone.mp4"), "too large")
    own.reject(RULE, arrival("here.mp4"), "too large")
    aged(place)
    done(place, ticket("new.mp4"))
    expected = [("done", 1), ("poison", 2), ("failed", 1), ("tries", 2), ("outputs", 1)]
    assert told(removed(place, dry_run=True)) == [*expected, ("seen", 2)]
    would = kinds(place)
    found = removed(place)
    assert told(found) == [*expected, ("seen", 2)]
    assert all(each.bytes for each in found)
    assert would["seen"] == 4
    assert kinds(place) == {"seen": 2, "done": 2, "outputs": 2, "tries": 2, "poison": 1}
    assert removed(place) == []
    assert HERE.name in own.seen(RULE)


def test_an_output_may_be_replaced_however_long_its_object_is_gone(place: Backend) -> None:
    own = done(place, GONE)
    own.output_made(RULE, "/out/gone.mp4", "gone.mp4")
    aged(place)
    assert dict(told(removed(place))) == {"done": 1, "tries": 1, "seen": 1}
    assert own.own_output(RULE, "/out/gone.mp4", "gone.mp4") is True


def test_an_object_that_is_there_keeps_its_records_under_every_recipe(place: Backend) -> None:
    done(place, HERE)
    done(place, ticket("here.mp4", "v0"))
    done(place, ticket("here.mp4", recipe="old"))
    aged(place, 4000)
    assert removed(place) == []
    assert kinds(place)["seen"] == 3


def test_an_open_ticket_stays(place: Backend) -> None:
    Records(place.open()).admit(GONE)
    aged(place)
    assert removed(place) == []
    assert kinds(place) == {"open": 1, "seen": 1}


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ([], "the inbox is empty"),
        (Missing("/in: no such folder"), "does not answer (/in: no such folder)"),
        (Unavailable("/in: away"), "does not answer (/in: away)"),
    ],
)
def test_an_inbox_that_is_away_or_empty_keeps_all(
    keys: list[str] | Exception, why: str, place: Backend
) -> None:
    done(place, GONE)
    aged(place)
    (kept,) = removed(place, keys)
    assert why in kept.kept
    assert kinds(place)["seen"] == 1


def test_records_of_a_rule_that_is_gone_go_once_all_are_old(place: Backend) -> None:
    done(place, HERE)
    others = [rule("/in", name="other")]
    assert removed(place, rules=others) == []
    aged(place)
    (kept,) = removed(place, rules=())
    assert "no rule is configured" in kept.kept
    claims = Claims(place.open(), WATCHERS[0], 30.0)
    claims.beat({RULE: RuleNews()})
    # Another configuration has it.
    assert removed(place, rules=others) == []
    claims.leave()
    found = removed(place, rules=others)
    assert dict(told(found)) == {"done": 1, "tries": 1, "outputs": 1, "seen": 1}
    assert stores.keys(place.open()) == []


def test_what_watchers_left_that_are_gone_goes(place: Backend) -> None:
    claims = Claims(place.open(), WATCHERS[0], 30.0)
    claims.beat({})
    assert claims.take("paint/1")
    aged(place)
    (found,) = removed(place)
    assert (found.name, found.count) == ("of watchers that are gone", 2)
    assert stores.keys(place.open()) == []


def test_finished_jobs_go_once_they_are_older_than_their_rule_keeps_them(place: Backend) -> None:
    jobs = [Job(place.open(), letter * 12) for letter in "abc"]
    for n, job in enumerate(jobs):
        job.record(JobSpec(source="in.csv", output="out.csv"))
        if n < 2:
            job.record(RESULT.model_copy(update={"job": job.id}))
        done(place, ticket(f"{n}.mp4"), job=job.id)
    kept = rule("/in", keep_jobs=10 * DAY)
    expiry = Expiry(Records(place.open()))
    assert expiry.expire(kept) == 0
    aged(place)
    assert expiry.expire(rule("/in")) == 0
    assert expiry.expire(kept) == 2
    assert [job.exists() for job in jobs] == [False, False, True]
    assert kinds(place)["done"] == 3
    assert expiry.expire(kept) == 0


def test_what_watchers_were_told_to_forget_is_told_for_a_day(place: Backend) -> None:
    own = Records(place.open())
    own.folder(RULE).put_raw("forgotten", HERE.name, b"1")
    expiry = Expiry(own)
    expiry.expire(rule("/in"))
    assert kinds(place) == {"forgotten": 1}
    aged(place, 1 + TOLD / DAY)
    expiry.expire(rule("/in"))
    assert kinds(place) == {}
