"""The watcher, as a real process on real services: what is uploaded becomes a job, exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.stores import signed_in
from support.watchcloud import Cloud
from support.watcher import Watching, status

if TYPE_CHECKING:
    from pathlib import Path

    from support.cloud import Azurite
    from support.queues import AzureTestQueue, AzuriteQueues

    Env = pytest.MonkeyPatch

NEVER = 3600
"""An interval after which nothing is listed within a test."""


@pytest.fixture
def queue(azurite_queues: AzuriteQueues) -> AzureTestQueue:
    return azurite_queues.make()


@pytest.mark.parametrize("auth", ["key", "sas", "identity"])
def test_uploads_to_azure_are_scored_with_and_without_a_message(
    auth: str, tmp_path: Path, monkeypatch: Env, azurite: Azurite, queue: AzureTestQueue
) -> None:
    cloud = Cloud.azure(tmp_path, monkeypatch, azurite, auth=auth)
    monkeypatch.setenv("QUEUE_SAS", queue.sas("p"))
    own = "QUEUE_SAS" if auth == "sas" else ""
    quiet = {"inbox": f"{cloud.media.url}/quiet", "output": f"{cloud.media.url}/{{name}}.jsonl"}
    told = {"queue": queue.url, "queue_secret": own, "interval": NEVER}
    cloud.write_rules({"rows": told, "quiet": quiet})
    with signed_in(monkeypatch, azurite.token()), Watching(tmp_path) as watching:
        watching.until(lambda: {*status(tmp_path)} == {"rows", "quiet"})
        cloud.upload("in/ann/told.csv", 1, 2)
        queue.put(cloud.event("in/ann/told.csv"))
        cloud.upload("quiet/found.csv", 3)
        watching.until(lambda: len(watching.states("done")) == 2)
        cloud.upload("in/ann/told.csv", 4)
        queue.put(*[cloud.event("in/ann/told.csv")] * 3)
        watching.until(lambda: len(watching.states("done")) == 3 and not queue.left())
    assert cloud.squares("out/ann/told.jsonl") == [16]
    assert cloud.squares("found.jsonl") == [9]
    assert len(cloud.jobs()) == 3
    assert len(cloud.records("seen")) == 2
    assert not cloud.records("poison")
