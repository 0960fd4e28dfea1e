from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import httpx2
import pytest

from impasto import JobSpec
from impasto.driver.detaching import detach
from impasto.jobs.job import Job
from impasto.jobs.waiting import Undriven
from impasto.schema.events import Detached, Stopped
from impasto.watch import errands
from impasto.watch.drive_job import drive_job
from impasto.watch.given import Given
from impasto.watch.rules import load_rules
from impasto.watch.running import Means
from support import inprocess
from support.command import wait_for
from support.rules import styles
from support.serving import Serving
from support.streams import served

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    made = Serving(tmp_path)
    styles(made.media / "acme", "a.png", "b.png")
    return made


def _submitted(serving: Serving, **fields: object) -> Job:
    spec = {"source": str(serving.media / "acme"), "scorer": "identity", "tenant": "acme"}
    out = {"output": str(serving.made / "made/")}
    made = detach(JobSpec.model_validate({**spec, **out, **fields}), serving.context.settings)
    return Job(serving.context.home, made.job)


def _drive(serving: Serving, job: Job) -> str:
    means = Means(serving.context.settings, None, threading.Event(), lambda _: None)
    return drive_job(job.id, means).state


def test_a_job_is_cancelled_and_continued(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    job, client = _submitted(serving), serving.client("submitter", "acme")
    row = client.post(f"/v1/jobs/{job.id}/cancel").json()
    assert (row["state"], row["tenant"]) == ("cancelled", "acme")
    assert not Undriven(serving.context.home).find()
    assert client.post(f"/v1/jobs/{job.id}/resume").json()["state"] == "waiting"
    assert [each.id for each in Undriven(serving.context.home).find()] == [job.id]
    assert _drive(serving, job) == "done"
    for act in ("cancel", "resume", "retry"):
        answer = client.post(f"/v1/jobs/{job.id}/{act}")
        assert (answer.status_code, "is done already" in answer.json()["title"]) == (409, True)


def test_failed_items_are_tried_again_by_whoever_drives_the_job(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    (serving.media / "acme/b.png").write_bytes(b"broken")
    job, client = _submitted(serving), serving.client("submitter", "acme")
    assert client.post(f"/v1/jobs/{job.id}/retry").status_code == 409
    assert _drive(serving, job) == "failed"
    row = client.post(f"/v1/jobs/{job.id}/retry").json()
    assert row["job"] == job.id
    last = [event for event in job.journal.read() if isinstance(event, Detached | Stopped)][-1]
    assert isinstance(last, Detached)
    assert last.retry
    client.post(f"/v1/jobs/{job.id}/retry")
    assert [each.id for each in Undriven(serving.context.home).find()] == [job.id]
    assert _drive(serving, job) == "failed"


def test_an_output_that_became_a_link_is_not_followed(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    (serving.made / "deep").mkdir()
    job = _submitted(serving, output=str(serving.made / "deep/out/"), exact=True)
    (serving.made / "deep").rmdir()
    (tmp_path / "secret").mkdir()
    (serving.made / "deep").symlink_to(tmp_path / "secret")
    assert _drive(serving, job) == "failed"
    assert not [*(tmp_path / "secret").iterdir()]


def test_others_jobs_are_not_there(serving: Serving) -> None:
    job = _submitted(serving)
    for role, tenant, status in (("submitter", "other", 404), ("viewer", "acme", 403)):
        client = serving.client(role, tenant)  # type: ignore[arg-type]
        for act in ("cancel", "resume", "retry"):
            assert client.post(f"/v1/jobs/{job.id}/{act}").status_code == status


def test_the_services_own_watcher_takes_up_a_job_at_once(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "LOOK", 3600.0)
    first = _submitted(serving)
    job = _submitted(serving, output=str(serving.made / "more/"), max_size=16)
    job.cancel()
    load = partial(load_rules, None, serving.context.settings, serving.context.stores)
    given = Given(serving.context.settings, load, lambda _: None)
    with served(serving.context, given) as service:
        client = serving.client("submitter", "acme")
        # The watcher has looked, and will look again in an hour unless it is called.
        wait_for(first.result)
        url = f"{service.url}v1/jobs/{job.id}/resume"
        answer = httpx2.post(url, headers=client.headers)
        assert answer.status_code == 200, answer.text
        wait_for(job.result)
