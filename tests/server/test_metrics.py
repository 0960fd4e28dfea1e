"""Metrics, and that the dashboard and the alerts ask for those that exist."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from checks import prometheus
from impasto.driver import api
from impasto.errors import Unavailable
from impasto.jobs import find
from impasto.jobs.job import Job
from impasto.schema.driver import Driver
from impasto.schema.live import Live, Workers
from impasto.server.board.board import Board
from impasto.server.looks import Kept, Standings
from impasto.server.metrics.counters import JobCounters
from impasto.server.metrics.jobs import JobMetrics
from impasto.storage.stores import Stores
from impasto.watch.records import Records
from support import board as jobs
from support import inprocess
from support.board import eventually
from support.jobs import spec
from support.serving import Serving
from support.watching import RULE, ticket

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from conftest import MakeClip
    from impasto.jobs.listing import Listing
    from impasto.schema.outcome import Done
    from impasto.schema.plan import Plan
    from impasto.storage.store import Store

DEPLOY = Path(__file__).parents[2] / "deploy"


class Scrape:
    def __init__(self, client: TestClient) -> None:
        self._client = client

    def values(self) -> dict[tuple[object, ...], float]:
        text = self._client.get("/v1/metrics").text
        found = [s for family in text_string_to_metric_families(text) for s in family.samples]
        return {(s.name, *sorted(s.labels.items())): s.value for s in found}


def shards_took(values: dict[tuple[object, ...], float]) -> float:
    return values["impasto_shard_duration_seconds_count",]


class Counted:
    """What is counted of the jobs of a home from now on."""

    def __init__(self, home: Store, *, start: bool = True) -> None:
        self._registry = CollectorRegistry()
        self.board, self.counters = Board(home), JobCounters(home, self._registry)
        self.board.observer = self.counters
        self.jobs = JobMetrics(lambda: self.board.peek().rows, self.counters)
        self.counters.want()
        if start:
            for job in find.ids(home):
                self.board.look(job)
            self.counters.round_ended(well=True)

    def __call__(self, name: str, job: Job | None = None, **labels: str) -> float:
        if job:
            self.board.look(job.id)
            self.counters.round_ended(well=True)
        full = f"impasto_{name}" + ("_total" if name.endswith("done") else "")
        return self._registry.get_sample_value(full, labels) or 0.0


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return Stores({}).open_home(str(tmp_path / "home"))


def promtool(*words: object, text: bytes = b"") -> None:
    command = ["promtool", *map(str, words)]
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_query_asks_for_metrics_and_labels_that_jobs_and_requests_make(
    tmp_path: Path, clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    serving = Serving(tmp_path)
    assert all(Records(serving.context.home).admit_many([ticket("a.mp4")]))
    client = serving.client("viewer")
    scrape = Scrape(client)
    eventually(lambda: scrape.values()["impasto_home_up",] == 1)
    api.run(spec(clip(), tmp_path / "out.mp4"), settings=serving.context.settings)
    client.get("/v1/jobs/0123456789ab")
    client.get("/v1/nowhere/0123456789ab")
    eventually(lambda: client.get("/v1/jobs") and shards_took(scrape.values()))
    eventually(lambda: ("impasto_watchers",) in scrape.values())
    text = client.get("/v1/metrics").text
    serving.context.board.close()
    promtool("check", "metrics", text=text.encode())
    assert "0123456789ab" not in text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    values = {(s.name, *sorted(s.labels.items())): s.value for s in samples}
    assert values["impasto_jobs", ("state", "done")] == 1
    assert values["impasto_items_done_total",] > 0
    assert values["impasto_job_duration_seconds_count",] == 1
    assert values["impasto_stage_seconds_total", ("stage", "score")] > 0
    assert values["impasto_tickets", ("rule", RULE), ("state", "waiting")] == 1
    assert values["impasto_oldest_ticket_seconds", ("rule", RULE)] >= 0
    documented = (DEPLOY.parent / "docs/observability.md").read_text()
    assert {*re.findall(r"`(impasto_\w+)`", documented)} == {
        re.sub(r"_(bucket|count|sum)$", "", sample.name)
        for sample in samples
        if not sample.name.endswith("_created")
    }
    labels: dict[str, set[str]] = {}
    for sample in samples:
        labels.setdefault(sample.name, set()).update(sample.labels)
    for _, _, query in prometheus.queries(DEPLOY):
        names = re.findall(r"\bimpasto_\w+", query)
        assert names
        assert {*names} <= labels.keys(), query
        known = set().union(*(labels[name] for name in names))
        matched = re.findall(r"(\w+)=~?\"", query)
        grouped = ",".join(re.findall(r"by \(([^)]*)\)", query)).replace(" ", "").split(",")
        assert {*matched, *filter(None, grouped)} <= known, query


def test_metrics_are_for_callers_that_see_all_tenants(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    assert serving.client(None).get("/v1/metrics").status_code == 401
    assert serving.client("admin", "acme").get("/v1/metrics").status_code == 403


def test_counters_begin_with_the_first_round_and_never_shrink(home: Store) -> None:
    first = jobs.record(home, 1)
    jobs.drive(first)
    jobs.shard_done(first, 0)
    counted = Counted(home)
    assert counted("items_done") == 0
    jobs.shard_done(first, 1)
    assert counted("items_done", first) == 3
    first.drop([0, 1])
    assert counted("items_done", first) == 3
    first.discard()
    counted.board.look(first.id)
    second = jobs.record(home, 1)
    jobs.drive(second)
    jobs.shard_done(second, 0)
    assert counted("items_done", second) == 6


def test_records_are_read_once_when_a_job_ends(
    home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.record(home, 1)
    jobs.drive(job)
    jobs.shard_done(job, 0)
    counted = Counted(home)
    read: list[int] = []
    done = Job.done

    def note(self: Job, listing: Listing, plan: Plan | None) -> dict[int, Done]:
        read.extend(listing.done)
        return done(self, listing, plan)

    monkeypatch.setattr(Job, "done", note)
    jobs.shard_done(job, 1)
    assert counted("shard_duration_seconds_count", job) == 0
    assert read == []
    job.folder.delete("drivers/00000000.json")
    jobs.finish(job)
    for _ in range(2):
        assert counted("shard_duration_seconds_count", job) == 1
    assert counted("stage_seconds_total", stage="score") == 0.5
    assert counted("job_duration_seconds_count") == 1
    assert read == [1]


def test_what_each_driver_told_is_added_up(home: Store) -> None:
    counted = Counted(home)
    job = jobs.record(home, 1)
    jobs.drive(job)
    told = [[(10, 1), (50, 0)], [(12, 1), (50, 0)], [(12, 1)], [(3, 2)]]
    for number, drivers in enumerate(told):
        for key in range(2):
            job.folder.delete(f"drivers/0000000{key}.json")
        for at, (requests, errors) in enumerate(drivers):
            began = 9.0 if number == 3 else float(at)
            workers = Workers(asked=2, running=1)
            live = Live(stage="scoring", requests=requests, errors=errors, workers=workers)
            driver = Driver(host=os.uname().nodename, pid=os.getpid(), began=began, live=live)
            job.folder.put(f"drivers/0000000{at}.json", driver.model_dump_json().encode())
        counted.board.look(job.id)
    assert counted("driver_store_requests_total") == 12 + 50 + 3
    assert counted("driver_store_errors_total") == 1 + 2
    (driver,) = counted.counters.drivers()
    assert driver.live
    assert driver.live.workers.running == 1


def test_a_scrape_answers_at_once_while_the_home_does_not(
    home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = threading.Event()

    def fail(*_: object) -> NoReturn:
        hang.wait(20)
        raise Unavailable("the store: does not answer", "try again")

    for name in ("walk_ours", "list_ours"):
        monkeypatch.setattr(type(home), name, fail)
    looks = Kept[Standings](fail)
    counted = Counted(home, start=False)
    counted.board.start()
    assert looks.peek() is None
    values = {s.name: s.value for m in counted.jobs.collect() for s in m.samples}
    assert values["impasto_home_up"] == 0
    assert "impasto_jobs" not in values
    hang.set()
    counted.board.close()
