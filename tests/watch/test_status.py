"""The status of rules is what their records say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto.schema.watch import RuleNews
from impasto.watch import status
from impasto.watch.claims import Claims
from impasto.watch.records import Records
from support import stores
from support.watching import RULE, WATCHERS, ending, ticket

if TYPE_CHECKING:
    from impasto.watch.status import RuleStatus
    from support.stores import Backend


@pytest.fixture(params=stores.KINDS)
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    return stores.backend_of(request.param, request, monkeypatch, role="control")


def look(place: Backend, *names: str, every: bool = False) -> list[RuleStatus]:
    home = place.open()
    return status.statuses(home, names, status.watchers(home), every=every)


def test_a_rule_is_counted_by_how_its_tickets_stand(anywhere: Backend) -> None:
    own = Records(anywhere.open())
    ends = ("done", "failed", "superseded", "poison", "", "")
    tickets = [ticket(f"{n}.mp4") for n in range(len(ends))]
    assert all(own.admit_many(tickets))
    for each, end in zip(tickets, ends, strict=True):
        if end:
            own.end(each, ending(each, end, error="why"))
            own.close(RULE, each.name)
    own.reject_message(RULE, b"{", "is no JSON")
    one, other = (Claims(anywhere.open(), each, 30.0) for each in WATCHERS[:2])
    one.beat({RULE: RuleNews(objects=6, settling=1)})
    other.beat({RULE: RuleNews(objects=5, held=2, error="away")})
    assert one.take(f"{RULE}/{tickets[-1].name}")
    (found, empty) = look(anywhere, RULE, "new")
    counts = ("seen", "waiting", "running", "done", "failed", "superseded", "poison")
    assert [getattr(found, each) for each in counts] == [6, 1, 1, 1, 1, 1, 2]
    assert found.news == RuleNews(objects=6, settling=1, held=2, error="away")
    assert None not in (found.waits_since, found.runs_since, found.done_at)
    assert sorted(each.ended.error for each in found.troubles) == ["is no JSON", "why", "why"]
    assert (empty.rule, empty.seen, empty.news) == ("new", 0, None)
    one.leave()
    (found,) = look(anywhere)
    assert (found.waiting, found.running) == (2, 0)


def test_only_the_newest_failures_are_read_unless_all_are_asked_for(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = stores.folder(tmp_path_factory.mktemp("home"))
    own = Records(place.open())
    for n in range(status.SHOWN + 3):
        own.reject_message(RULE, bytes([n]), "is no JSON")
    assert len(look(place)[0].troubles) == status.SHOWN
    assert len(look(place, every=True)[0].troubles) == status.SHOWN + 3
