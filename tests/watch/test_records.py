"""Tickets exist exactly once, whatever is interrupted, repeated or done by two watchers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from impasto.schema.watch import Hook, Try
from impasto.watch import records
from impasto.watch.records import Records, refused_name
from support import stores
from support.watching import RULE, Died, Watched, arrival, dying, ending, kinds, ticket

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Backend


TICKET = ticket()


@pytest.fixture
def place(tmp_path: Path) -> Backend:
    return stores.folder(tmp_path / "home")


@pytest.fixture(params=stores.KINDS)
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    return stores.backend_of(request.param, request, monkeypatch, role="control")


def records_of(place: Backend) -> Records:
    return Records(place.open())


def work(own: Records, ran: list[str], held: set[str]) -> None:
    """Do what a watcher does in one pass over an inbox that holds one object."""
    if TICKET.name not in own.seen(RULE):
        own.admit(TICKET)
    for each in own.open_tickets(RULE):
        if each in held:
            continue
        held.add(each)
        drive(own, each, ran)
        held.discard(each)


def drive(own: Records, name: str, ran: list[str]) -> None:
    found = own.ticket(RULE, name)
    if found is None:
        return
    if not own.ended(RULE, name):
        ran.append(name)
        own.end(found, ending(found))
    own.close(RULE, name)


def test_a_ticket_lives_and_ends(anywhere: Backend) -> None:
    own = records_of(anywhere)
    assert [*own.admit_many([TICKET, TICKET, ticket("b.mp4")])].count(True) == 2
    assert {*own.open_tickets(RULE)} == {TICKET.name, ticket("b.mp4").name}
    assert own.ticket(RULE, TICKET.name) == TICKET
    assert own.ended(RULE, TICKET.name) is None
    assert own.end(TICKET, ending(TICKET, "failed", error="no"))
    assert not own.end(TICKET, ending(TICKET, "failed", error="again"))
    own.close(RULE, TICKET.name)
    assert own.ticket(RULE, TICKET.name) is None
    ended = own.ended(RULE, TICKET.name)
    assert ended
    assert (ended.state, ended.error) == ("failed", "no")
    assert [*own.open_tickets(RULE)] == [ticket("b.mp4").name]
    assert TICKET.name in own.seen(RULE)


def test_many_watchers_admit_a_ticket_once(anywhere: Backend) -> None:
    each = [records_of(anywhere) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = [*pool.map(lambda own: own.admit(TICKET), each)]
    assert made.count(True) == 1


def writes_of_a_pass(tmp_path: Path) -> int:
    store = Watched.of(stores.folder(tmp_path / "trial"))
    work(Records(store), [], set())
    return store.writes


def test_a_watcher_that_dies_anywhere_loses_nothing_and_starts_no_second_job(
    tmp_path: Path,
) -> None:
    most = writes_of_a_pass(tmp_path)
    assert most >= 5
    for at in range(1, most + 1):
        place, ran = stores.folder(tmp_path / f"home{at}"), list[str]()
        with pytest.raises(Died):
            work(Records(Watched.of(place, dying(at))), ran, set())
        ended = records_of(place).ended(RULE, TICKET.name)
        again: list[str] = []
        work(records_of(place), again, set())
        assert len(again) == (0 if ended else 1), at
        assert kinds(place) == {"seen": 1, "done": 1}, at
        work(records_of(place), again, set())
        assert len(again) == (0 if ended else 1), at


def test_a_watcher_that_comes_at_any_moment_starts_no_second_job(tmp_path: Path) -> None:
    for at in range(1, writes_of_a_pass(tmp_path) + 1):
        place, ran, held = stores.folder(tmp_path / f"home{at}"), list[str](), set[str]()

        def other(
            number: int,
            at: int = at,
            place: Backend = place,
            ran: list[str] = ran,
            held: set[str] = held,
        ) -> None:
            if number == at:
                work(records_of(place), ran, held)

        work(Records(Watched.of(place, other)), ran, held)
        work(records_of(place), ran, held)
        assert ran == [TICKET.name], at
        assert kinds(place) == {"seen": 1, "done": 1}, at


def test_an_admission_that_comes_late_leaves_no_phantom(place: Backend) -> None:
    own = records_of(place)
    own.admit(TICKET)
    drive(own, TICKET.name, [])
    assert not own.admit(TICKET)
    assert own.open_tickets(RULE) == {}


def test_damaged_records_count_as_absent_and_stop_nothing(place: Backend) -> None:
    own, store = records_of(place), place.open()
    own.admit(TICKET)
    open_key, seen_key = (f"watch/{RULE}/{kind}/{TICKET.name}.json" for kind in ("open", "seen"))
    store.put(open_key, b"{")
    assert own.ticket(RULE, TICKET.name) == TICKET
    store.put(open_key, ticket("other.mp4").model_dump_json().encode())
    store.put(seen_key, b"\xff" * 99)
    seen = own.seen(RULE)
    assert own.ticket(RULE, TICKET.name) is None
    # Its object counts as new.
    assert own.forgotten(RULE, seen) == 1
    assert own.admit(TICKET)
    store.put(f"watch/{RULE}/done/{TICKET.name}.json", b"")
    assert own.end(TICKET, ending(TICKET))
    ended = own.ended(RULE, TICKET.name)
    assert ended
    assert ended.state == "done"


def test_what_is_not_impastos_is_passed_over(place: Backend) -> None:
    own, store = records_of(place), place.open()
    own.admit(TICKET)
    for kind in ("open", "seen", "poison", "hooks"):
        for name in ("x", "UP.json", f"{TICKET.name}.txt", f"sub/{TICKET.name}.json"):
            store.put(f"watch/{RULE}/{kind}/{name}", b"?")
    assert [*own.open_tickets(RULE)] == [TICKET.name]
    assert len(own.seen(RULE)) == 1
    assert own.hooks(RULE) == []


def test_tries_are_counted_and_a_damaged_one_still_counts(place: Backend) -> None:
    own = records_of(place)
    own.add_try(RULE, TICKET.name, Try(error="first"))
    own.add_try(RULE, TICKET.name, Try(error="second", job="0123456789ab"))
    place.open().put(f"watch/{RULE}/tries/{TICKET.name}-1.json", b"")
    assert [each.error for each in own.tries(RULE, TICKET.name)] == [
        "unknown: its record is damaged",
        "second",
    ]
    assert own.tries(RULE, ticket("b.mp4").name) == ()


def test_a_ticket_that_neither_is_open_nor_has_ended_is_opened_again(place: Backend) -> None:
    own = records_of(place)
    for each in (TICKET, ticket("b.mp4"), ticket("c.mp4")):
        own.admit(each)
    own.end(ticket("b.mp4"), ending(ticket("b.mp4"), "superseded"))
    own.close(RULE, ticket("b.mp4").name)
    assert own.mend(RULE) == 0
    own.close(RULE, TICKET.name)
    assert own.mend(RULE) == 1
    own.close(RULE, TICKET.name)
    place.open().put(f"watch/{RULE}/seen/{TICKET.name}.json", b"")
    assert own.mend(RULE) == 1
    assert own.admit(TICKET)
    assert {*own.open_tickets(RULE)} == {TICKET.name, ticket("c.mp4").name}


def test_a_refused_object_has_one_record_and_is_seen(place: Backend) -> None:
    own, odd = records_of(place), arrival("ann/\udcff\x1b.mp4")
    assert own.reject(RULE, odd, "too \x1b large") == refused_name(RULE, odd)
    own.reject(RULE, odd, "again")
    assert refused_name(RULE, odd) in own.seen(RULE)
    ended = own.ended(RULE, refused_name(RULE, odd))
    assert ended
    assert ended.key == "ann/?\x1b.mp4"


def test_a_message_is_set_aside_once_and_a_flood_is_only_counted(
    place: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_MESSAGES", 3)
    own = records_of(place)
    told = [own.reject_message(RULE, b"\x1b[31m\xff", "is no JSON") for _ in range(5)]
    assert told == [True, False, False, False, False]
    assert not records_of(place).reject_message(RULE, b"\x1b[31m\xff", "is no JSON")
    assert kinds(place) == {"poison": 1}
    told = [own.reject_message(RULE, bytes([n]) * 70_000, "too large") for n in range(5)]
    assert told == [True, True, False, False, False]
    assert own.dropped(RULE) == 3
    # A message's record is none of an object.
    assert len(own.seen(RULE)) == 0
    again = records_of(place)
    assert not again.reject_message(RULE, b"new", "is no JSON")
    assert kinds(place) == {"poison": 3}
    assert all(stat.size < 2000 for stat in place.open().list_all("watch"))


def test_an_output_belongs_to_one_object(place: Backend) -> None:
    own = records_of(place)
    assert own.own_output(RULE, "/out/a.mp4", "a.mp4") is False
    assert own.own_output(RULE, "/out/a.mp4", "a.mp4") is False
    own.output_made(RULE, "/out/a.mp4", "a.mp4")
    assert own.own_output(RULE, "/out/a.mp4", "a.mp4") is True
    assert own.own_output(RULE, "/out/a.mp4", "b.mp4") is None


def test_a_webhook_stays_until_it_is_delivered(place: Backend) -> None:
    own = records_of(place)
    hook = Hook(kind="done", ticket=TICKET.name, since=5.0)
    own.add_hook(RULE, hook)
    own.add_hook(RULE, hook.model_copy(update={"tries": 1}))
    assert [each.tries for each in own.hooks(RULE)] == [1]
    own.hook_done(RULE, TICKET.name)
    assert own.hooks(RULE) == []
