"""The watcher, as a real process on real services: what is uploaded becomes a job, exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.storage.blob import BlobBlock

from support.faults import Proxy, Refuse
from support.queues import SqsTestQueue, begin_in_parts, upload_in_parts
from support.stores import azure, signed_in
from support.watchcloud import Cloud, table
from support.watcher import Watching, status

if TYPE_CHECKING:
    from pathlib import Path

    from support.cloud import Authority, Azurite, MotoS3
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


WIDE = b"n,pad\n" + b"".join(b"%d,%s\n" % (n, b"x" * 110_000) for n in range(50))
"""A table of more than 5 MiB, the least of a part in S3."""


def test_uploads_to_s3_are_scored_with_and_without_a_message(
    tmp_path: Path, monkeypatch: Env, s3: MotoS3
) -> None:
    cloud = Cloud.amazon(tmp_path, monkeypatch, s3)
    queue = SqsTestQueue.make(s3, cloud.container, "in/")
    quiet = {"inbox": f"{cloud.media.url}/quiet", "output": f"{cloud.media.url}/{{name}}.jsonl"}
    told = {"queue": queue.url, "interval": NEVER}
    cloud.write_rules({"rows": told, "quiet": quiet})
    with Watching(tmp_path) as watching:
        watching.until(lambda: {*status(tmp_path)} == {"rows", "quiet"})
        # Two messages come of one upload in parts.
        upload_in_parts(s3, cloud.container, "in/ann/a+b é.csv", [WIDE, b"50,x\n"])
        cloud.upload("quiet/found.csv", 3)
        watching.until(lambda: len(watching.states("done")) == 2)
        cloud.upload("in/ann/a+b é.csv", 4)
        watching.until(lambda: len(watching.states("done")) == 3 and not queue.left())
    assert cloud.squares("out/ann/a+b é.jsonl") == [16]
    assert cloud.squares("found.jsonl") == [9]
    assert len(cloud.jobs()) == 3
    assert len(cloud.records("seen")) == 2
    assert not cloud.records("poison")


def test_a_half_written_upload_never_starts(
    tmp_path: Path,
    monkeypatch: Env,
    azurite: Azurite,
    s3: MotoS3,
    queue: AzureTestQueue,
) -> None:
    cloud = Cloud.azure(tmp_path / "azure", monkeypatch, azurite)
    amazon = Cloud.amazon(tmp_path / "amazon", monkeypatch, s3)
    for each, named in ((cloud, queue.url), (amazon, "")):
        each.folder.mkdir()
        each.write_rules({"rows": {"queue": named}})
    half = azurite.blob(cloud.container, "in/half.csv")
    half.stage_block("0000", table([1, 2]))
    complete = begin_in_parts(s3, amazon.container, "in/half.csv", [WIDE, b"50,x\n"])
    queue.put(cloud.event("in/half.csv"))
    with Watching(cloud.folder) as one, Watching(amazon.folder) as other:
        cloud.upload("in/whole.csv", 3)
        amazon.upload("in/whole.csv", 3)
        one.until(lambda: one.states("done"))
        other.until(lambda: other.states("done"))
        assert len(cloud.records("seen")) == len(amazon.records("seen")) == 1
        half.stage_block("0001", table([3])[2:])
        half.commit_block_list([BlobBlock("0000"), BlobBlock("0001")])
        complete()
        one.until(lambda: len(one.states("done")) == 2)
        other.until(lambda: len(other.states("done")) == 2)
    assert cloud.squares("out/half.jsonl") == [1, 4, 9]
    assert amazon.squares("out/half.jsonl") == [n * n for n in range(51)]


IMPATIENT = "from impasto.watch import unannounced; unannounced.PATIENCE = 0.5"


def test_objects_without_a_message_are_told(
    tmp_path: Path, monkeypatch: Env, azurite: Azurite, queue: AzureTestQueue
) -> None:
    cloud = Cloud.azure(tmp_path, monkeypatch, azurite)
    cloud.write_rules({"rows": {"queue": queue.url}})
    cloud.upload("in/before.csv", 1)
    with Watching(tmp_path, first=IMPATIENT) as watching:
        watching.until(lambda: watching.states("done"))
        queue.put(cloud.event("in/told.csv"))
        watching.until(lambda: not queue.left())
        cloud.upload("in/told.csv", 2)
        watching.until(lambda: len(watching.states("done")) == 2)
        cloud.upload("in/untold.csv", 3)
        watching.until_told("1 object came without a message in the queue")
        watching.until(lambda: status(tmp_path)["rows"]["news"]["unannounced"] == 1)
        watching.until(lambda: len(watching.states("done")) == 3)


HASTY = "from impasto.storage import clients; clients.RETRY['max_retries'] = 1"
"""Waits less for a store before it counts as away."""


def test_a_store_that_is_away_is_waited_for_and_told_once(
    tmp_path: Path, monkeypatch: Env, azurite: Azurite, authority: Authority
) -> None:
    with Proxy(azurite.endpoint(), authority) as proxy:
        cloud = Cloud.azure(tmp_path, monkeypatch, azurite, proxy=proxy)
        straight = azure(monkeypatch, azurite, cloud.container).open("in")
        cloud.write_rules({"rows": {}}, beat=2)
        with Watching(tmp_path, first=HASTY) as watching:
            cloud.upload("in/0.csv", 0)
            watching.until(lambda: watching.states("done"))
            straight.put("1.csv", table([1]))
            watching.until(lambda: len(watching.states("began")) == 2)
            proxy.fault = lambda _: Refuse()
            straight.put("2.csv", table([2]))
            watching.until_told("; waiting")
            straight.put("3.csv", table([3]))
            failed = len(proxy.records) + 6
            watching.until(lambda: len(proxy.records) > failed)
            proxy.fault = None
            watching.until(lambda: len(watching.states("done")) == 4)
        for words in ("; waiting", "answers again"):
            assert len([each for each in watching.lines if words in each["text"]]) == 1
        assert [cloud.squares(f"out/{n}.jsonl") for n in range(4)] == [[0], [1], [4], [9]]
        assert len(cloud.jobs()) == 4
        assert not cloud.records("tries") + cloud.records("failed") + cloud.records("poison")
