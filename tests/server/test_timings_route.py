from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from impasto.jobs.job import Job
from impasto.schema.events import Item
from impasto.schema.job import JobSpec
from support.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    served = Serving(tmp_path)
    job = Job(served.context.home, "0123456789ab")
    job.record(JobSpec(source="a.csv", output="b.csv", tenant="acme"))
    job.journal.write(Item(1.0, 0, 3, 5.0, {}, worker="vm:7/cpu"))
    return served


def test_timings_are_streamed_in_the_format_that_is_asked_for(serving: Serving) -> None:
    client = serving.client("viewer", "acme")
    url = "/v1/jobs/0123456789ab/timings"
    found = client.get(url, params={"of": "items"}).json()
    assert [(row["name"], row["score_ms"], row["worker"]) for row in found] == [
        ("item 3", 5.0, "vm:7/cpu")
    ]
    table = client.get(url, params={"of": "items", "format": "csv"})
    assert next(csv.DictReader(io.StringIO(table.text)))["item"] == "3"
    assert table.headers["x-content-type-options"] == "nosniff"
    assert "0123456789ab-items.csv" in table.headers["content-disposition"]
    assert client.get(url, params={"format": "parquet"}).content[:4] == b"PAR1"
    assert client.get(url).json() == []
    assert client.get(url, params={"of": "frames"}).status_code == 422


def test_timings_of_another_tenants_job_are_not_found(serving: Serving) -> None:
    client = serving.client("viewer", "other")
    hidden = client.get("/v1/jobs/0123456789ab/timings")
    absent = client.get("/v1/jobs/ba9876543210/timings")
    assert (hidden.status_code, absent.status_code) == (404, 404)
