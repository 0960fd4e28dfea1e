"""Rules and tickets are shown to who may see them, and changed as the command line does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.watch.records import Records
from support.serving import Serving
from support.watching import RULE, ending, ticket

if TYPE_CHECKING:
    from pathlib import Path


def _watched(tmp_path: Path) -> Serving:
    scope = {"read": (), "write": (), "rules": (RULE,)}
    serving = Serving(tmp_path, tenants={"acme": scope, "other": {**scope, "rules": ()}})
    own = Records(serving.context.home)
    tickets = [ticket(f"{n}.mp4") for n in range(3)]
    assert all(own.admit_many(tickets))
    for each, end in zip(tickets, ("done", "failed"), strict=False):
        own.end(each, ending(each, end, error="why"))
        own.close(RULE, each.name)
    return serving


def test_tickets_are_listed_and_tried_again(tmp_path: Path) -> None:
    serving = _watched(tmp_path)
    client = serving.client("operator", "acme")
    (row,) = client.get("/v1/rules").json()["rules"]
    assert [row[name] for name in ("seen", "waiting", "done", "failed")] == [3, 1, 1, 1]
    url = f"/v1/rules/{RULE}/tickets"
    states, cursor, pages = [], "", 0
    while cursor or not pages:
        page = client.get(url, params={"limit": 1, "cursor": cursor}).json()
        states += [each["state"] for each in page["tickets"]]
        cursor, pages = page["next"], pages + 1
    assert sorted(states) == ["done", "failed", "waiting"]
    (failed,) = client.get(url, params={"state": "failed"}).json()["tickets"]
    assert (failed["key"], failed["error"]) == ("1.mp4", "why")
    assert client.post(f"{url}/{failed['ticket']}/retry").json()["state"] == "waiting"
    assert client.post(f"{url}/{failed['ticket']}/redo").status_code == 422
    assert client.post(f"{url}/{failed['ticket']}/forget").json() is None
    assert client.post(f"{url}/{failed['ticket']}/forget").status_code == 404
    assert client.get(url, params={"cursor": "x"}).status_code == 422


def test_rules_of_others_do_not_exist_and_viewers_change_nothing(tmp_path: Path) -> None:
    serving = _watched(tmp_path)
    other = serving.client("admin", "other")
    assert other.get("/v1/rules").json() == {"rules": [], "watchers": [], "error": ""}
    assert other.get(f"/v1/rules/{RULE}/tickets").status_code == 404
    name = ticket("1.mp4").name
    assert other.post(f"/v1/rules/{RULE}/tickets/{name}/retry").status_code == 404
    viewer = serving.client("submitter", "acme")
    assert viewer.post(f"/v1/rules/{RULE}/tickets/{name}/retry").status_code == 403


def test_this_machine_is_shown_to_who_sees_all(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    found = serving.client("viewer").get("/v1/cluster").json()
    assert (found["engine"], found["error"], len(found["machines"])) == ("local", "", 1)
    assert serving.client("admin", "acme").get("/v1/cluster").status_code == 403
