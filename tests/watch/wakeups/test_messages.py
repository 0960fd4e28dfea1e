"""What messages of queues say."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import BadInput
from impasto.schema.url import Url, parse
from impasto.watch.wakeups.messages import LARGEST, MOST, keys
from support.queues import blob_created, cloud_event

AZURE, AMAZON = parse("az://media/in"), parse("s3://media/in")


def put(key: str, bucket: str = "media", **fields: Any) -> dict[str, Any]:
    about = {"bucket": {"name": bucket}, "object": {"key": key}}
    return {"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": about} | fields


def body(content: Any) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize("event", [blob_created, cloud_event])
def test_events_of_azure_are_read_alone_in_lists_and_in_base64(event: Any) -> None:
    one, two = event("media", "in/a b.mp4"), event("media", "in/deep/é.mp4")
    assert keys(body(one), AZURE) == ("a b.mp4",)
    assert keys(base64.b64encode(body(one)), AZURE) == ("a b.mp4",)
    assert keys(body([one, two, one]), AZURE) == ("a b.mp4", "deep/é.mp4")


def test_a_blob_may_be_named_in_two_ways() -> None:
    assert keys(body(blob_created("media", "in/a%20b.mp4")), AZURE) == ("a%20b.mp4", "a b.mp4")
    moved = blob_created("media", "in/old.mp4", destinationUrl="https://h/media/in/new%20b.mp4")
    moved["eventType"] = "Microsoft.Storage.BlobRenamed"
    assert keys(body(moved), AZURE)[-1] == "new b.mp4"


@pytest.mark.parametrize("api", ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", ""])
def test_all_ways_to_write_a_blob_count(api: str) -> None:
    assert keys(body(blob_created("media", "in/a.mp4", api=api)), AZURE) == ("a.mp4",)


@pytest.mark.parametrize(
    "event",
    [
        blob_created("media", "in/a.mp4", api="CreateFile"),
        blob_created("other", "in/a.mp4"),
        blob_created("media", "inside/a.mp4"),
        blob_created("media", "in"),
        blob_created("media", "in/folder/"),
        blob_created("media", "in/a.mp4") | {"eventType": "Microsoft.Storage.BlobDeleted"},
        [],
    ],
)
def test_events_of_other_objects_are_no_hint_and_no_fault(event: Any) -> None:
    assert keys(body(event), AZURE) == ()


def test_notifications_of_s3_are_read() -> None:
    records = [put("in%2Fa+b%2B%C3%A9.mp4"), put("in/c.mp4", eventVersion="2.6"), put("out/d.mp4")]
    assert keys(body({"Records": records}), AMAZON) == ("a b+é.mp4", "c.mp4")
    wrapped = {"Type": "Notification", "Message": json.dumps({"Records": records})}
    assert keys(body(wrapped), AMAZON) == ("a b+é.mp4", "c.mp4")


@pytest.mark.parametrize(
    "content",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "media"},
        {"Records": [put("in/a.mp4", eventName="ObjectRemoved:Delete")]},
        {"Records": [put("in/a.mp4", "other")]},
    ],
)
def test_notifications_of_other_things_are_no_hint_and_no_fault(content: Any) -> None:
    assert keys(body(content), AMAZON) == ()


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\x00\xff",
        b"plain words",
        b"{}",
        b"[1]",
        b"[[]]",
        b"null",
        b"[" * 50_000,
        base64.b64encode(b"[" * 40_000),
        b'{"a":' * 10_000,
        b"1" * 5000,
        b'{"eventType": "Microsoft.Storage.BlobCreated"}',
        body(blob_created("media", "in/../../etc/passwd")),
        body(blob_created("media", "in/a//b")),
        body(blob_created("media", "in/a\x1b[2Jb")),
        body(blob_created("media", "in/" + "a" * 2000)),
        body([blob_created("media", "in/a.mp4")] * (MOST + 1))[: LARGEST["az"]],
        body([{}] * (MOST + 1)),
        body({"Records": [put("in/a.mp4")]}),
        b" " * (LARGEST["az"] + 1),
    ],
    ids=range(20),
)
def test_anything_else_is_refused_in_one_short_line(junk: bytes) -> None:
    with pytest.raises(BadInput) as raised:
        keys(junk, AZURE)
    assert raised.value.fact.isprintable()
    assert len(raised.value.fact) < 200


@pytest.mark.parametrize(
    "content",
    [
        {"Records": []},
        {"Records": {}},
        {"Records": [put("in/a.mp4", eventVersion="3.0")]},
        {"Records": [put("in/a.mp4", s3={})]},
        {"Records": [put("in/a.mp4")] * (MOST + 1)},
        {"Type": "Notification", "Message": "no JSON"},
        {"Type": "Notification", "Message": 5},
        {"Type": "SubscriptionConfirmation"},
        blob_created("media", "in/a.mp4"),
    ],
)
def test_other_messages_in_sqs_are_refused(content: Any) -> None:
    with pytest.raises(BadInput):
        keys(body(content), AMAZON)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
field_names = st.sampled_from(["eventType", "type", "data", "subject", "url", "api", "Records"])
azure_events = st.fixed_dictionaries(
    {"eventType": st.just("Microsoft.Storage.BlobCreated"), "subject": values | st.text()},
    optional={"data": st.dictionaries(field_names | st.just("destinationUrl"), values)},
)
subjects = st.text().map(lambda key: blob_created("media", f"in/{key}"))
urls = st.text().map(lambda url: blob_created("media", "in/a", destinationUrl=f"https://{url}"))
records = st.text().map(lambda key: {"Records": [put(f"in/{key}")]})


@given(
    st.binary()
    | (values | azure_events | subjects | urls | records).map(body)
    | values.map(lambda value: base64.b64encode(body(value))),
    st.sampled_from([AZURE, AMAZON, parse("az://media"), parse("s3://media")]),
)
def test_whatever_a_message_holds_only_keys_or_a_refusal_come_out(raw: bytes, inbox: Url) -> None:
    try:
        found = keys(raw, inbox)
    except BadInput:
        return
    assert all(key and not key.startswith("/") and ".." not in key.split("/") for key in found)
