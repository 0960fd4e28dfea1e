from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto.schema.events import Item, Printed, Started, Workers
from support import board as jobs
from support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.context.board.close()


def ids(answer: object) -> list[str]:
    return [row["job"] for row in answer["jobs"]]  # type: ignore[index]


def test_jobs_are_listed_in_pages_that_new_ones_do_not_shift(serving: Serving) -> None:
    home, viewer = serving.context.home, serving.client("viewer")
    for number in range(5):
        jobs.record(home, number)
    first = viewer.get("/v1/jobs?limit=2").json()
    assert ids(first) == [jobs.job_id(4), jobs.job_id(3)]
    assert first["total"] == 5
    serving.context.board.look(jobs.record(home, 9).id)
    second = viewer.get("/v1/jobs", params={"limit": 2, "cursor": first["next"]}).json()
    assert ids(second) == [jobs.job_id(2), jobs.job_id(1)]
    last = viewer.get("/v1/jobs", params={"limit": 2, "cursor": second["next"]}).json()
    assert (ids(last), last["next"]) == ([jobs.job_id(0)], "")
    assert viewer.get("/v1/jobs?cursor=nonsense").status_code == 422


def test_jobs_are_filtered(serving: Serving) -> None:
    home, viewer = serving.context.home, serving.client("viewer")
    jobs.finish(jobs.record(home, 1, labels={"film": "Nosferatu"}))
    jobs.record(home, 2, rule="paint", labels={"film": "Metropolis"})
    jobs.record(home, 3, params={"style": "/art/starry.jpg"}).cancel()
    for query, found in {
        "state=done": [1],
        "state=done&state=cancelled": [3, 1],
        "label=film": [2, 1],
        "label=film:Metropolis": [2],
        "label=film:nobody": [],
        "rule=paint": [2],
        "q=nosFER": [1],
        "q=3.csv": [3],
        "q=starry": [3],
        "q=/in/ metro": [2],
        "since=1": [3, 2, 1],
        "until=1": [],
    }.items():
        answer = viewer.get(f"/v1/jobs?{query}").json()
        assert ids(answer) == [jobs.job_id(number) for number in found], query
    counts = viewer.get("/v1/jobs?state=done").json()["counts"]
    assert counts == {"done": 1, "stopped": 1, "cancelled": 1}


def test_a_tenant_sees_its_own_jobs_alone(serving: Serving) -> None:
    home = serving.context.home
    mine, other = jobs.record(home, 1, tenant="acme"), jobs.record(home, 2, tenant="other")
    nobody = jobs.record(home, 3)
    viewer = serving.client("viewer", "acme")
    answer = viewer.get("/v1/jobs").json()
    assert (ids(answer), answer["total"], answer["counts"]) == ([mine.id], 1, {"stopped": 1})
    for part in ("", "/shards", "/logs"):
        assert viewer.get(f"/v1/jobs/{mine.id}{part}").status_code == 200
        for job in (other.id, nobody.id):
            refused, unknown = (viewer.get(f"/v1/jobs/{it}{part}") for it in (job, "f" * 12))
            assert refused.status_code == unknown.status_code == 404
            assert refused.text.replace(job, "f" * 12) == unknown.text
    assert {*ids(serving.client("admin").get("/v1/jobs").json())} == {mine.id, other.id, nobody.id}


def test_a_job_is_shown_with_its_shards(serving: Serving) -> None:
    job, viewer = jobs.record(serving.context.home, 1, max_size=64), serving.client("viewer")
    jobs.drive(job)
    jobs.shard_done(job, 1)
    shown = viewer.get(f"/v1/jobs/{job.id}").json()
    assert shown["row"]["state"] == "running"
    assert (shown["row"]["items_done"], shown["row"]["noun"]) == (3, "rows")
    assert shown["output_kind"] == "records"
    assert shown["spec"] == {"max_size": 64}
    assert shown["stages"] == {"score": 0.5}
    shards = viewer.get(f"/v1/jobs/{job.id}/shards").json()["shards"]
    assert [(each["state"], each["start"], each["items"]) for each in shards] == [
        ("waiting", 0, 0),
        ("done", 3, 3),
    ]


def test_a_log_is_read_in_pages_and_filtered(serving: Serving) -> None:
    job, viewer = jobs.record(serving.context.home, 1), serving.client("viewer")
    where = f"/v1/jobs/{job.id}/logs"
    job.journal.write(Started(host="box", pid=1, resumed=0))
    job.journal.write(*(Item(5.0, 0, n, 2.0, {}, f"a{n}.png") for n in range(3)))
    job.journal.write(Printed(text="hello there", worker="w1"), Workers(text="one died"))
    first = viewer.get(where, params={"limit": 2}).json()
    assert [line["event"] for line in first["lines"]] == ["started", "item", "item", "item"]
    assert first["more"]
    rest = viewer.get(where, params={"cursor": first["next"]}).json()
    assert [line["event"] for line in rest["lines"]] == ["printed", "workers"]
    assert [line["below"] for line in rest["lines"]] == ["hello there", ""]
    assert not rest["more"]
    job.journal.write(Workers(text="another"))
    later = viewer.get(where, params={"cursor": rest["next"]}).json()
    assert [line["fields"] for line in later["lines"]] == [{"text": "another"}]
    for query, events in {
        "level=warning": ["workers", "workers"],
        "item=a1.png": ["item"],
        "item=2": ["item"],
        "shard=0": ["item"] * 3,
        "worker=w1": ["printed"],
        "text=HELLO": ["printed"],
    }.items():
        lines = viewer.get(f"{where}?{query}").json()["lines"]
        assert [line["event"] for line in lines] == events, query
    assert viewer.get(f"{where}?cursor=nonsense").status_code == 422
