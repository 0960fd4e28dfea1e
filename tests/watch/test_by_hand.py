"""Tickets are tried again, made again and forgotten; whatever is interrupted, none is lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from impasto.errors import BadInput
from impasto.jobs.job import Job
from impasto.schema.job import JobSpec
from impasto.schema.watch import Try
from impasto.watch import by_hand
from impasto.watch.claims import Claims
from impasto.watch.records import Records
from impasto.watch.resetting import forget
from support import stores
from support.jobs import RESULT
from support.watching import (
    RULE,
    WATCHERS,
    Died,
    Watched,
    arrival,
    dying,
    ending,
    kinds,
    rule,
    ticket,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from impasto.schema.watch import Ticket
    from impasto.watch.by_hand import Entry
    from support.stores import Backend

TICKET = ticket()
KEY = TICKET.key


@pytest.fixture
def place(tmp_path: Path) -> Backend:
    return stores.folder(tmp_path / "home")


def records_of(place: Backend) -> Records:
    return Records(place.open())


def ended(place: Backend, of: Ticket = TICKET, state: str = "failed", **fields: str) -> Records:
    own = records_of(place)
    own.admit(of)
    own.add_try(RULE, of.name, Try(error="no"))
    own.end(of, ending(of, state, **fields))
    own.close(RULE, of.name)
    return own


def find(own: Records, item: str, name: str | None = None) -> list[Entry]:
    return by_hand.find(own, [rule("/in")], item, name)


def states(own: Records, item: str = KEY) -> list[str]:
    return [each.state for each in find(own, item)]


@pytest.mark.parametrize("item", [KEY, f"/in/{KEY}", f"/in/./{KEY}", f"file:///in/{KEY}"])
def test_an_item_is_found_by_its_key_path_or_url(item: str, place: Backend) -> None:
    own = ended(place)
    own.admit(ticket("ann/b.mp4"))
    (found,) = find(own, item)
    assert (found.name, found.state) == (TICKET.name, "failed")


def test_an_item_of_an_earlier_recipe_or_rule_is_found_by_its_records(place: Backend) -> None:
    own = ended(place, ticket(recipe="old"), "done")
    assert states(own) == ["done"]
    assert [each.state for each in by_hand.find(own, [], KEY, RULE)] == ["done"]


def test_all_versions_are_found_and_the_newest_is_changed(place: Backend) -> None:
    own = ended(place)
    ended(place, ticket(version="v2"), "done")
    found = find(own, KEY)
    assert sorted(each.state for each in found) == ["done", "failed"]
    assert [each.state for each in by_hand.newest(found)] == ["done"]


def test_an_unknown_item_gets_a_hint(place: Backend) -> None:
    own = ended(place)
    with pytest.raises(BadInput, match=rf"ann/a.mp3: is not known; did you mean {KEY}\?"):
        find(own, "ann/a.mp3")
    with pytest.raises(BadInput, match="zzz: is not known; see `impasto watch status`"):
        find(own, "zzz")
    with pytest.raises(BadInput, match=f"rule pant: is not known; did you mean {RULE}"):
        find(own, KEY, "pant")


def test_an_item_of_several_rules_needs_the_rules_name(place: Backend) -> None:
    own = ended(place)
    other = ticket(rule="other")
    own.admit(other)
    with pytest.raises(BadInput, match="is in several rules"):
        find(own, KEY)
    assert [each.name for each in find(own, KEY, "other")] == [other.name]


@pytest.mark.parametrize("state", ["failed", "poison"])
def test_a_retry_opens_a_ticket_as_if_it_was_never_tried(state: str, place: Backend) -> None:
    own = ended(place, state=state)
    (entry,) = find(own, KEY)
    assert by_hand.retry(own, entry)
    assert kinds(place) == {"open": 1, "seen": 1}
    assert own.tries(RULE, TICKET.name) == ()
    (entry,) = find(own, KEY)
    assert not by_hand.retry(own, entry)


def test_a_retry_of_what_never_got_a_ticket_lets_it_count_as_new(place: Backend) -> None:
    own = records_of(place)
    name = own.reject(RULE, arrival(), "too large")
    seen = own.seen(RULE)
    (entry,) = find(own, KEY)
    assert by_hand.retry(own, entry)
    assert own.forgotten(RULE, seen) == 1
    assert name not in seen
    assert name not in own.seen(RULE)


def test_a_redo_removes_the_job_and_may_replace_the_output(place: Backend) -> None:
    job = Job(place.open(), "0123456789ab")
    job.record(JobSpec(source="in.csv", output="/out/a.mp4"))
    job.record(RESULT)
    own = ended(place, state="done", job=job.id, output="/out/a.mp4")
    own.own_output(RULE, "/out/a.mp4", KEY)
    (entry,) = find(own, KEY)
    assert by_hand.redo(own, entry)
    assert not job.exists()
    assert own.own_output(RULE, "/out/a.mp4", KEY) is True
    assert states(own) == ["open"]
    assert not by_hand.redo(own, entry)


def test_what_is_forgotten_counts_as_new_also_where_it_was_in_memory(place: Backend) -> None:
    own = ended(place)
    seen = own.seen(RULE)
    (entry,) = find(own, KEY)
    forget(own.folder(RULE), entry.name)
    assert own.forgotten(RULE, seen) == 1
    assert TICKET.name not in seen
    assert own.forgotten(RULE, seen) == 0
    assert own.admit(TICKET)


def test_a_message_can_be_forgotten(place: Backend) -> None:
    own = records_of(place)
    own.reject_message(RULE, b"{", "is no JSON")
    ((name, _),) = own.folder(RULE).names("poison")
    (entry,) = find(own, name)
    assert not by_hand.retry(own, entry)
    forget(own.folder(RULE), entry.name)
    assert kinds(place) == {}


def test_what_a_watcher_works_on_is_left_alone(place: Backend) -> None:
    own = records_of(place)
    own.admit(TICKET)
    claims = Claims(place.open(), WATCHERS[0], 30.0)
    claims.beat({})
    assert claims.take(f"{RULE}/{TICKET.name}")
    with pytest.raises(BadInput, match="a watcher works on it now; try again once"):
        by_hand.check_idle(own, KEY, find(own, KEY))
    claims.leave()
    by_hand.check_idle(own, KEY, find(own, KEY))


CHANGES = {"retry": ("failed", by_hand.retry), "redo": ("done", by_hand.redo)}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_is_interrupted_anywhere_loses_nothing(change: str, tmp_path: Path) -> None:
    state, act = CHANGES[change]
    for at in range(1, 20):
        place = stores.folder(tmp_path / f"home{at}")
        ended(place, state=state)
        store = Watched.of(place, dying(at))
        own = Records(store)
        try:
            act(own, find(own, KEY)[0])
        except Died:
            assert states(records_of(place)) in (["open"], [state]), at
        else:
            assert at > 3
            return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("change", CHANGES)
def test_a_watcher_that_meets_a_change_closes_nothing_for_good(change: str, tmp_path: Path) -> None:
    state, act = CHANGES[change]
    for at in range(1, 9):
        place = stores.folder(tmp_path / f"home{at}")
        ended(place, state=state)
        store = Watched.of(place, _at(at, partial(tidy, place)))
        own = Records(store)
        act(own, find(own, KEY)[0])
        assert states(records_of(place)) == ["open"], at


def test_a_forgotten_ticket_is_never_lost_to_a_watcher(tmp_path: Path) -> None:
    for at in range(1, 12):
        place = stores.folder(tmp_path / f"home{at}")
        own = ended(place)
        seen = own.seen(RULE)

        def meanwhile(own: Records = own, seen: object = seen, place: Backend = place) -> None:
            own.forgotten(RULE, seen)  # type: ignore[arg-type]
            if TICKET.name not in seen:  # type: ignore[operator]
                own.admit(TICKET)
            tidy(place)

        other = Records(Watched.of(place, _at(at, meanwhile)))
        forget(other.folder(RULE), find(other, KEY)[0].name)
        own.forgotten(RULE, seen)
        if TICKET.name not in seen:
            own.admit(TICKET)
        tidy(place)
        own.mend(RULE)
        assert states(own) == ["open"], at


def tidy(place: Backend) -> None:
    """Do what a watcher does with open tickets that have ended."""
    own = records_of(place)
    for name in own.open_tickets(RULE):
        if own.ended(RULE, name):
            own.close(RULE, name)


def _at(at: int, act: Callable[[], None]) -> Callable[[int], None]:
    def before(number: int) -> None:
        if number == at:
            act()

    return before
