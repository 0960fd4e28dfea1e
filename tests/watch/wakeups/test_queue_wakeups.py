"""Hints by queues, from real services: Azurite's queues, and moto's SQS that moto's S3 tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from impasto.schema.queue import parse_queue
from impasto.schema.url import parse
from impasto.watch.wakeups import azure_queue, base, sqs
from impasto.watch.wakeups.azure_queue import AzureQueue
from impasto.watch.wakeups.sqs import SqsQueue
from support.queues import (
    SqsTestQueue,
    blob_created,
    cloud_event,
    encoded,
    put_object,
    upload_in_parts,
)
from support.stores import azure_profile, s3_profile, signed_in
from support.wakeups import Heard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from impasto.watch.wakeups.base import Wakeup
    from support.cloud import Azurite, MotoS3
    from support.queues import AzureTestQueue, AzuriteQueues

    Env = pytest.MonkeyPatch
    Listen = Callable[..., Heard]

JUNK = [
    "",
    "words",
    "{}",
    "[[[",
    "bm8gSlNPTg==",
    "<&>",
    "😀",
    json.dumps({"Records": 5}),
    "9" * 60_000,
]


@pytest.fixture
def started() -> Iterator[Callable[[Wakeup], None]]:
    """Starts wake-ups, and stops them at the end."""
    running: list[Wakeup] = []

    def start(wakeup: Wakeup) -> None:
        running.append(wakeup)
        wakeup.start()

    yield start
    for each in running:
        each.stop()


@pytest.fixture
def queue(azurite_queues: AzuriteQueues) -> AzureTestQueue:
    return azurite_queues.make()


@pytest.fixture
def listen(
    started: Callable[[Wakeup], None], azurite: Azurite, queue: AzureTestQueue, monkeypatch: Env
) -> Listen:
    """Listens to the queue for the inbox ``az://media/in``."""
    monkeypatch.setattr(azure_queue, "PAUSE", 0.02)
    monkeypatch.setattr(base, "SHORTEST", 0.05)

    def begin(variable: str = "", heard: Heard | None = None, **how: Any) -> Heard:
        heard = heard or Heard()
        place, profile = parse("az://media/in"), azure_profile(monkeypatch, azurite, "media", **how)
        named = parse_queue(queue.url, place)
        started(AzureQueue(named, variable, place, profile, heard.ring, heard.tell, heard.reject))
        return heard

    return begin


def test_event_grid_and_cloud_events_name_keys_and_are_deleted(
    listen: Listen, queue: AzureTestQueue
) -> None:
    queue.put(
        encoded(blob_created("media", "in/a.mp4")),
        json.dumps([cloud_event("media", "in/é & b.mp4"), blob_created("media", "out/c.mp4")]),
        encoded(blob_created("other", "in/d.mp4")),
    )
    heard = listen()
    heard.wait(lambda: len(heard.keys) == 2 and queue.left() == 0)
    assert heard.keys == ["a.mp4", "é & b.mp4"]
    assert heard.refused == []


def test_poison_is_set_aside_once_and_blocks_nothing(listen: Listen, queue: AzureTestQueue) -> None:
    for n in range(5):
        queue.put(*JUNK[1:], encoded(blob_created("media", f"in/{n}.mp4")))
    heard = listen()
    heard.wait(lambda: queue.left() == 0)
    assert sorted(heard.keys) == [f"{n}.mp4" for n in range(5)]
    assert len(heard.refused) == 5 * len(JUNK[1:])
    assert {body.decode() for body, _ in heard.refused} == {*JUNK[1:]}
    assert heard.told == []


def test_what_could_not_be_set_aside_comes_again(
    listen: Listen, queue: AzureTestQueue, monkeypatch: Env
) -> None:
    monkeypatch.setattr(azure_queue, "HIDDEN", 1)
    queue.put("junk", encoded(blob_created("media", "in/a.mp4")))
    heard = Heard()
    heard.broken = 1
    listen(heard=heard)
    heard.wait(lambda: queue.left() == 0)
    assert heard.keys == ["a.mp4"]
    assert [body for body, _ in heard.refused] == [b"junk"]
    assert len(heard.told) == 2
    assert "the store is away" in heard.told[0]


def test_the_right_to_process_messages_is_enough(
    listen: Listen, queue: AzureTestQueue, monkeypatch: Env
) -> None:
    monkeypatch.setenv("QUEUE_SAS", queue.sas("p"))
    queue.put(encoded(blob_created("media", "in/a.mp4")))
    heard = listen("QUEUE_SAS", auth="sas")
    heard.wait(lambda: heard.keys == ["a.mp4"] and queue.left() == 0)


@pytest.mark.parametrize("form", ["key", "connection string", "connection string with a SAS"])
def test_a_queue_may_be_opened_by_other_secrets(
    form: str, listen: Listen, queue: AzureTestQueue, azurite: Azurite, monkeypatch: Env
) -> None:
    key = azurite.accounts["dataacct"]
    secret = {
        "key": key,
        "connection string": f"AccountName=dataacct;AccountKey={key};EndpointSuffix=x",
        "connection string with a SAS": f"SharedAccessSignature={queue.sas('p')};QueueEndpoint=x",
    }[form]
    monkeypatch.setenv("QUEUE_SECRET", secret)
    queue.put(encoded(blob_created("media", "in/a.mp4")))
    heard = listen("QUEUE_SECRET", auth="sas")
    heard.wait(lambda: heard.keys == ["a.mp4"])


def test_an_identity_opens_a_queue(
    listen: Listen, queue: AzureTestQueue, azurite: Azurite, monkeypatch: Env
) -> None:
    with signed_in(monkeypatch, azurite.token()):
        queue.put(encoded(blob_created("media", "in/a.mp4")))
        heard = listen(auth="identity")
        heard.wait(lambda: heard.keys == ["a.mp4"] and queue.left() == 0)


def test_a_signature_that_opens_only_a_container_is_told(listen: Listen) -> None:
    heard = listen(auth="sas")
    heard.wait(lambda: len(heard.told) == 1)
    assert "`queue_secret`" in heard.told[0]


def test_a_lack_of_rights_is_told_once_and_its_end_too(
    listen: Listen, queue: AzureTestQueue, monkeypatch: Env
) -> None:
    monkeypatch.setattr(base, "LONGEST", 0.1)
    monkeypatch.setenv("QUEUE_SAS", queue.sas("r"))
    heard = listen("QUEUE_SAS", auth="sas")
    heard.wait(lambda: len(heard.told) == 1)
    assert "access is refused (AuthorizationPermissionMismatch)" in heard.told[0]
    assert "sig=" not in heard.told[0]
    queue.put(encoded(blob_created("media", "in/a.mp4")))
    monkeypatch.setenv("QUEUE_SAS", queue.sas("p"))
    heard.wait(lambda: heard.keys == ["a.mp4"])
    assert len(heard.told) == 2
    assert heard.told[1].endswith("works again")


def test_a_queue_that_does_not_exist_is_waited_for(
    listen: Listen, queue: AzureTestQueue, monkeypatch: Env
) -> None:
    monkeypatch.setattr(base, "LONGEST", 0.1)
    queue.client.delete_queue()
    heard = listen()
    heard.wait(lambda: len(heard.told) == 1)
    assert "answers QueueNotFound" in heard.told[0]
    queue.client.create_queue()
    queue.put(encoded(blob_created("media", "in/a.mp4")))
    heard.wait(lambda: heard.keys == ["a.mp4"])


def test_two_watchers_of_a_queue_do_not_mind_each_other(
    listen: Listen, queue: AzureTestQueue, monkeypatch: Env
) -> None:
    monkeypatch.setattr(azure_queue, "HIDDEN", 1)
    queue.put(*(encoded(blob_created("media", f"in/{n}.mp4")) for n in range(80)))
    one, two = listen(), listen()
    one.wait(lambda: queue.left() == 0)
    assert {*one.keys, *two.keys} == {f"{n}.mp4" for n in range(80)}
    assert one.told + two.told == []


@pytest.fixture
def listen_to_bucket(
    started: Callable[[Wakeup], None], s3: MotoS3, monkeypatch: Env
) -> Callable[[SqsTestQueue, str], Heard]:
    """Listens to a queue for what is below ``in/`` of a bucket."""

    monkeypatch.setattr(sqs, "LONG_POLL", 1)

    def begin(queue: SqsTestQueue, bucket: str) -> Heard:
        heard = Heard()
        place, profile = parse(f"s3://{bucket}/in"), s3_profile(monkeypatch, s3, bucket)
        named = parse_queue(queue.url, place)
        started(SqsQueue(named, place, profile, heard.ring, heard.tell, heard.reject))
        return heard

    return begin


def test_what_is_uploaded_to_a_bucket_is_named(
    s3: MotoS3, listen_to_bucket: Callable[[SqsTestQueue, str], Heard]
) -> None:
    bucket = s3.make_bucket()
    queue = SqsTestQueue.make(s3, bucket, "in/")
    heard = listen_to_bucket(queue, bucket)
    names = ["a.mp4", "deep/b c+é%2F.mp4", "in parts.mp4"]
    put_object(s3, bucket, "out/other.mp4", b"1")
    put_object(s3, bucket, "in/a.mp4", b"1")
    put_object(s3, bucket, f"in/{names[1]}", b"1")
    upload_in_parts(s3, bucket, "in/in parts.mp4")
    # The first message is a test of the platform's own, and an upload in parts gives two.
    heard.wait(lambda: {*heard.keys} == {*names} and queue.left() == 0)
    assert heard.refused == []
    assert heard.told == []


def test_poison_in_sqs_blocks_nothing(
    s3: MotoS3, listen_to_bucket: Callable[[SqsTestQueue, str], Heard]
) -> None:
    queue = SqsTestQueue.make(s3)
    junk = [*JUNK[1:], "x" * 500_000]
    about = {"bucket": {"name": "media"}, "object": {"key": quote("in/a.mp4")}}
    record = {"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": about}
    queue.put(*junk, json.dumps({"Records": [record]}), *junk)
    heard = listen_to_bucket(queue, "media")
    heard.wait(lambda: heard.keys == ["a.mp4"] and queue.left() == 0)
    assert sorted(body.decode() for body, _ in heard.refused) == sorted([*junk, *junk])


def test_a_queue_in_sqs_that_does_not_exist_is_told(
    s3: MotoS3, listen_to_bucket: Callable[[SqsTestQueue, str], Heard]
) -> None:
    heard = listen_to_bucket(SqsTestQueue(s3, f"{s3.endpoint}/123456789012/none"), "media")
    heard.wait(lambda: len(heard.told) == 1)
    assert "NonExistentQueue" in heard.told[0]


def test_stopping_in_the_middle_of_a_long_poll_says_nothing(s3: MotoS3, monkeypatch: Env) -> None:
    heard, place = Heard(), parse("s3://media/in")
    named = parse_queue(SqsTestQueue.make(s3).url, place)
    profile = s3_profile(monkeypatch, s3, "media")
    wakeup = SqsQueue(named, place, profile, heard.ring, heard.tell, heard.reject)
    wakeup.start()
    wakeup.stop()
    assert heard.told == []
