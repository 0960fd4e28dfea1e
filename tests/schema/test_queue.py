"""URLs of queues."""

from __future__ import annotations

import pytest

from impasto.errors import BadInput
from impasto.schema.queue import parse_queue
from impasto.schema.url import parse

AZURE, AMAZON = parse("az://media/in"), parse("s3://media/in")


@pytest.mark.parametrize(
    "text",
    [
        "https://acct.queue.core.windows.net/new-media",
        "https://acct.queue.core.usgovcloudapi.net/new-media",
        "https://acct.z12.queue.storage.azure.net/new-media",
        "https://127.0.0.1:10001/acct/new-media",
    ],
)
def test_queues_of_azure_name_their_account(text: str) -> None:
    queue = parse_queue(text, AZURE)
    assert (queue.platform, queue.account, queue.name) == ("azure", "acct", "new-media")
    assert str(queue) == text


def test_queues_of_amazon_name_their_region() -> None:
    text = "https://sqs.eu-west-1.amazonaws.com/123456789012/new-media"
    queue = parse_queue(text, AMAZON)
    assert (queue.platform, queue.region) == ("amazon", "eu-west-1")
    assert str(queue) == text
    assert parse_queue("http://127.0.0.1:5000/123456789012/q.fifo", AMAZON).region == ""


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("https://acct.blob.core.windows.net/new-media", "is not a queue for az://"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/q", "is not a queue for az://"),
        ("https://evil.example/acct/new-media", "is not a queue for az://"),
        ("https://acct.queue.core.windows.net.evil.example/new-media", "is not a queue"),
        ("https://acct.queue.core.windows.net/", "is not a queue"),
        ("https://acct.queue.core.windows.net/a/b", "is not a queue"),
        ("https://me@acct.queue.core.windows.net/new-media", "is not an endpoint"),
        ("http://acct.queue.core.windows.net/new-media", "is not encrypted"),
        ("new-media", "is not an endpoint"),
        ("https://acct.queue.core.windows.net/new-media?sig=secretsecret", "holds a signature"),
    ],
)
def test_anything_else_is_refused(text: str, fact: str) -> None:
    with pytest.raises(BadInput, match=fact) as raised:
        parse_queue(text, AZURE)
    assert "secretsecret" not in str(raised.value)


@pytest.mark.parametrize("inbox", ["gs://media/in", "/media/in"])
def test_only_two_platforms_have_queues(inbox: str) -> None:
    with pytest.raises(BadInput, match="az:// and s3://"):
        parse_queue("https://acct.queue.core.windows.net/new-media", parse(inbox))
