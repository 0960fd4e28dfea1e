"""One watcher drives a thing at a time, by the store's clock alone."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Never

import pytest

from impasto.errors import Unavailable
from impasto.schema.watch import Claim, RuleNews, Watcher
from impasto.storage.store import Store
from impasto.watch import claims as module
from impasto.watch.claims import Claims
from impasto.watch.signs import space
from support import stores
from support.watching import WATCHERS, race_to_take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.stores import Backend

A, B, C = WATCHERS
SUBJECT = "paint/0123456789abcdef-0123456789abcdef"
CLAIM = f"watch/_claims/{SUBJECT}"
STALE = 30.0


@pytest.fixture
def place(tmp_path: Path) -> Backend:
    return stores.folder(tmp_path / "home")


@pytest.fixture(params=stores.KINDS)
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    return stores.backend_of(request.param, request, monkeypatch, role="control")


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets this machine's clock run ahead; stores do not know of it."""
    ahead = [0.0]
    real = module._clock
    monkeypatch.setattr(module, "_clock", lambda: real() + ahead[0])

    def run(seconds: float) -> None:
        ahead[0] += seconds

    return run


def watcher(place: Backend, name: str, stale: float = STALE) -> Claims:
    made = Claims(place.open(), name, stale)
    made.beat({})
    return made


def age(place: Backend, key: str, seconds: float) -> None:
    """Make an object of a folder look older."""
    path = place.open().local(key)
    assert path
    at = path.stat().st_mtime - seconds
    os.utime(path, (at, at))


def elsewhere(place: Backend, name: str) -> None:
    """Let a watcher of another machine have given a sign of life."""
    known = Watcher(host="elsewhere", pid=1)
    place.open().put(f"watch/_watchers/{name}.json", known.model_dump_json().encode())


def claim(place: Backend, name: str, generation: int = 1) -> str:
    key = f"{CLAIM}-{generation}.json"
    assert place.open().create(key, Claim(watcher=name).model_dump_json().encode())
    return key


def test_what_one_watcher_drives_no_other_takes(anywhere: Backend) -> None:
    one, other = watcher(anywhere, A), watcher(anywhere, B)
    assert one.take(SUBJECT)
    assert one.take(SUBJECT)
    assert not other.take(SUBJECT)
    assert other.take("_jobs/0123456789ab")
    one.beat({})
    other.beat({})
    assert one.busy() == other.busy() == {SUBJECT, "_jobs/0123456789ab"}
    one.release(SUBJECT)
    assert other.take(SUBJECT)
    other.leave()
    assert one.take(SUBJECT)
    assert stores.keys(anywhere.open(), "watch") == [
        f"{CLAIM}-1.json",
        f"watch/_watchers/{A}.json",
    ]


def test_of_many_threads_one_wins_each_time(anywhere: Backend) -> None:
    each = [watcher(anywhere, f"{n:012x}") for n in range(16)]
    subjects = [f"paint/{n}" for n in range(3)]
    with ThreadPoolExecutor(16) as pool:
        for subject in subjects:
            won = [*pool.map(lambda own, subject=subject: own.take(subject), each)]
            assert won.count(True) == 1


def test_of_many_processes_one_takes_over_from_one_that_is_gone(anywhere: Backend) -> None:
    # It has no heartbeat, and cannot be read: nobody's, once it is old enough.
    anywhere.open().put(f"{CLAIM}-1.json", b"{")
    secrets = anywhere.secrets
    context = get_context("spawn")
    barrier = context.Barrier(4)
    with context.Pool(4, stores.meet, (barrier,)) as pool:
        ids = [f"{n:012x}" for n in range(4)]
        jobs = [(anywhere, secrets, name, SUBJECT) for name in ids]
        won = pool.starmap(race_to_take, jobs)
    assert won.count(True) == 1
    assert f"{CLAIM}-2.json" in stores.keys(anywhere.open(), "watch")


def test_a_watcher_without_a_sign_of_life_loses_what_it_held(place: Backend) -> None:
    own, gone = watcher(place, A), watcher(place, C)
    elsewhere(place, B)
    key = claim(place, B)
    own.beat({})
    assert not own.take(SUBJECT)
    age(place, f"watch/_watchers/{B}.json", STALE + 1)
    own.beat({})
    # Stores may tell whole seconds only.
    assert not own.take(SUBJECT)
    age(place, f"watch/_watchers/{B}.json", 3)
    own.beat({})
    assert own.busy() == set()
    assert own.take(SUBJECT)
    assert not gone.take(SUBJECT)
    assert place.open().stat(key)


def test_a_watcher_that_was_only_away_finds_out_and_stops(place: Backend) -> None:
    away = watcher(place, A)
    assert away.take(SUBJECT)
    elsewhere(place, A)
    age(place, f"watch/_watchers/{A}.json", 99)
    other = watcher(place, B)
    assert other.take(SUBJECT)
    away.beat({})
    assert not away.take(SUBJECT)
    assert away.lost() == {SUBJECT}
    assert away.lost() == set()
    away.release(SUBJECT)
    assert not away.take(SUBJECT)
    other.beat({})
    assert other.lost() == set()
    # Whoever was too late may have its turn later.
    other.leave()
    assert away.take(SUBJECT)


def test_a_claim_that_others_have_taken_over_and_ended_is_lost_too(place: Backend) -> None:
    away = watcher(place, A)
    assert away.take(SUBJECT)
    elsewhere(place, A)
    age(place, f"watch/_watchers/{A}.json", 99)
    other = watcher(place, B)
    assert other.take(SUBJECT)
    other.release(SUBJECT)
    assert stores.keys(place.open(), "watch/_claims") == []
    away.beat({})
    assert away.lost() == {SUBJECT}


def test_who_releases_what_was_taken_over_leaves_the_new_claim(place: Backend) -> None:
    away = watcher(place, A)
    assert away.take(SUBJECT)
    claim(place, B, 2)
    away.release(SUBJECT)
    assert stores.keys(place.open(), "watch/_claims") == [f"{CLAIM}-2.json"]


def test_a_claim_of_an_unknown_watcher_counts_until_it_is_old(place: Backend) -> None:
    own = watcher(place, A)
    key = claim(place, B)
    own.beat({})
    assert not own.take(SUBJECT)
    age(place, key, STALE + 3)
    own.beat({})
    assert own.take(SUBJECT)


def test_a_claim_under_the_key_of_an_earlier_one_is_that_of_its_own_watcher(
    anywhere: Backend,
) -> None:
    own, other = watcher(anywhere, A), watcher(anywhere, B)
    assert other.take(SUBJECT)
    own.beat({})
    assert own.busy() == {SUBJECT}
    other.release(SUBJECT)
    # Another one takes it, is killed, and has given no sign of life for long; B lives on.
    claim(anywhere, C)
    known = Watcher(host=os.uname().nodename, pid=1 << 22, space=space())
    anywhere.open().put(f"watch/_watchers/{C}.json", known.model_dump_json().encode())
    for each in (own, other):
        each.beat({})
        assert each.busy() == set()
    assert own.take(SUBJECT)
    assert not other.take(SUBJECT)


def test_a_claim_that_a_later_one_has_replaced_is_lost_though_its_number_is_the_same(
    place: Backend,
) -> None:
    away = watcher(place, A)
    assert away.take(SUBJECT)
    place.open().delete(f"{CLAIM}-1.json")
    claim(place, B)
    away.beat({})
    assert away.lost() == {SUBJECT}


def test_a_claim_whose_answer_was_lost_keeps_nobody_waiting(place: Backend) -> None:
    own = watcher(place, A)
    claim(place, A)
    own.beat({})
    assert own.busy() == set()
    assert own.take(SUBJECT)


def test_a_process_of_this_machine_that_has_ended_is_gone_at_once(place: Backend) -> None:
    code = (
        "import sys; from impasto.schema.url import parse; "
        "from impasto.storage.store import Store; from impasto.watch.claims import Claims; "
        "own = Claims(Store(parse(sys.argv[1])), sys.argv[2], 30.0); own.beat({}); "
        "sys.exit(not own.take(sys.argv[3]))"
    )
    done = subprocess.run([sys.executable, "-c", code, place.url, B, SUBJECT], check=False)
    assert done.returncode == 0
    assert watcher(place, A).take(SUBJECT)


def test_a_process_id_of_another_machine_or_container_says_nothing(place: Backend) -> None:
    nobody = Watcher(host=os.uname().nodename, pid=1 << 29, space="another")
    place.open().put(f"watch/_watchers/{B}.json", nobody.model_dump_json().encode())
    claim(place, B)
    assert not watcher(place, A).take(SUBJECT)


def test_a_watcher_whose_store_is_silent_for_too_long_doubts(
    place: Backend, passing: Callable[[float], None]
) -> None:
    own = Claims(place.open(), A, STALE)
    assert own.doubtful
    assert not own.take(SUBJECT)
    own.beat({})
    passing(STALE - 1)
    assert not own.doubtful
    passing(2)
    assert own.doubtful
    assert not own.take(SUBJECT)
    own.beat({})
    assert not own.doubtful


def test_a_clock_that_runs_ahead_takes_nothing_over(
    place: Backend, passing: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(place, B)
    claim(place, B)
    passing(1e6)
    monkeypatch.setattr("time.time", lambda: 1e10)
    assert not watcher(place, A).take(SUBJECT)


def test_each_sign_of_life_changes_the_object_and_brings_news(place: Backend) -> None:
    own, store = watcher(place, A), place.open()
    before = store.read(f"watch/_watchers/{A}.json")
    own.beat({"paint": RuleNews(objects=5)})
    after = store.read(f"watch/_watchers/{A}.json")
    assert before != after
    assert b'"objects":5' in after


def test_what_is_old_and_nobodys_is_swept(place: Backend) -> None:
    elsewhere(place, B)
    key = claim(place, B)
    own = watcher(place, A)
    assert own.take("paint/abc")
    for each in (key, f"watch/_watchers/{B}.json", "watch/_claims/paint/abc-1.json"):
        age(place, each, module.OLD + 60)
    place.open().put("watch/_claims/notes.txt", b"mine")
    own.beat({})
    assert stores.keys(place.open(), "watch") == [
        "watch/_claims/notes.txt",
        "watch/_claims/paint/abc-1.json",
        f"watch/_watchers/{A}.json",
    ]


def test_a_store_that_is_away_ends_no_watcher(
    place: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = watcher(place, A)
    assert own.take(SUBJECT)

    def away(*_: object) -> Never:
        raise Unavailable("home: away", "wait")

    with monkeypatch.context() as silent:
        for name in ("list_ours", "create", "put", "delete"):
            silent.setattr(Store, name, away)
        with pytest.raises(Unavailable):
            own.beat({})
        assert not own.take("paint/abc")
        own.release(SUBJECT)
        # Until that is known to the store, nobody has it.
        assert SUBJECT in own.busy()
        own.leave()
    own.beat({})
    assert own.busy() == set()
    assert stores.keys(place.open(), "watch") == [f"watch/_watchers/{A}.json"]


def test_what_is_taken_again_before_its_release_is_known_stays(
    place: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = watcher(place, A)
    assert own.take(SUBJECT)
    with monkeypatch.context() as silent:
        silent.setattr(Claims, "_give_up", lambda *_: None)
        own.release(SUBJECT)
    assert own.take(SUBJECT)
    own.beat({})
    assert own.lost() == set()
    assert stores.keys(place.open(), "watch/_claims") == [f"{CLAIM}-1.json"]
