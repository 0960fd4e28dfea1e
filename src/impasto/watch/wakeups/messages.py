"""What messages of queues say about new objects: hints, of which nothing is believed.

Event Grid and CloudEvents 1.0 (Azure), and the notifications of S3, also through SNS. Sources:
learn.microsoft.com/azure/event-grid/event-schema-blob-storage and
docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus, urlsplit

from impasto.errors import BadInput
from impasto.schema.url import check_key

if TYPE_CHECKING:
    from impasto.schema.url import Url

LARGEST = {"az": 64 << 10, "s3": 1 << 20}
"""Most bytes of a message that the services' queues take, by the scheme of the inbox."""
MOST = 1000
"""Events in one message."""

_SUBJECT = re.compile(r"/blobServices/default/containers/([^/]+)/blobs/(.+)", re.DOTALL)
_AZURE = "Microsoft.Storage."
_MADE = {"Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobRenamed"}


def keys(body: bytes, inbox: Url) -> tuple[str, ...]:
    """Return the keys below an inbox that a message names; none if it is about other objects.

    Args:
        body: the message, of whatever origin.
        inbox: a prefix of a container in Azure, or of a bucket in S3.

    Raises:
        BadInput: it is no message of the kinds that the inbox's platform sends.
    """
    if len(body) > LARGEST[inbox.scheme]:
        raise _no(f"is over {LARGEST[inbox.scheme]} bytes")
    content = _json(body)
    if inbox.scheme == "s3":
        named = _amazon(content)
    else:
        events = content if isinstance(content, list) else [content]
        named = (pair for event in _few(events) for pair in _azure(event))
    prefix = f"{inbox.key.rstrip('/')}/" if inbox.key else ""
    found: dict[str, None] = {}
    for container, name in named:
        key = name.removeprefix(prefix)
        ours = container == inbox.container and name.startswith(prefix)
        if ours and key and not key.endswith("/"):
            found[_checked(key)] = None
    return tuple(found)


def _no(fact: str) -> BadInput:
    return BadInput(f"a message in the queue {fact}", "check what sends it")


def _json(body: bytes) -> Any:
    """Return what a message says in JSON, plain or in base64."""
    try:
        return json.loads(body)
    except RecursionError:
        raise _no("is nested too deeply") from None
    except ValueError:
        pass
    try:
        return json.loads(base64.b64decode(body.strip(), validate=True))
    except RecursionError:
        raise _no("is nested too deeply") from None
    except ValueError:
        raise _no("is not JSON") from None


def _few(events: list[Any]) -> list[Any]:
    if len(events) > MOST:
        raise _no(f"has over {MOST} events")
    return events


def _azure(event: Any) -> Iterator[tuple[str, str]]:
    """Yield the container and name of the blob that an event is about.

    A name may be written in two ways, so it may be either.
    """
    kind = _text(event, "eventType") or _text(event, "type")
    if not kind.startswith(_AZURE):
        raise _no("is not an event of a storage account")
    data = _of(event, "data")
    # A file of a hierarchical namespace is made first, and comes once more when it is whole.
    if kind not in _MADE or _text(data, "api") == "CreateFile":
        return
    moved = _text(data, "destinationUrl")
    subject = _SUBJECT.fullmatch(_text(event, "subject"))
    if subject and not moved:
        container, name = subject.groups()
    else:
        container, name = _in_url(moved or _text(data, "url"))
    yield container, name
    if (other := unquote(name)) != name:
        yield container, other


def _in_url(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _no("names no blob") from None
    container, _, name = parts.path.lstrip("/").partition("/")
    if not name:
        raise _no("names no blob")
    return container, name


def _amazon(content: Any) -> Iterator[tuple[str, str]]:
    """Yield the bucket and name of each object that a notification is about."""
    if _text(content, "Type") == "Notification":
        content = _json(_text(content, "Message").encode(errors="replace"))
    if _text(content, "Event") == "s3:TestEvent":
        return
    records = _of(content, "Records")
    if not isinstance(records, list) or not records:
        raise _no("is not a notification of a bucket")
    for record in _few(records):
        if not _text(record, "eventVersion").startswith("2."):
            raise _no("is in a form that is not known")
        # Topics and replicas say it with and without this prefix.
        if not _text(record, "eventName").removeprefix("s3:").startswith("ObjectCreated"):
            continue
        about = _of(record, "s3")
        bucket, name = _text(_of(about, "bucket"), "name"), _text(_of(about, "object"), "key")
        if not bucket or not name:
            raise _no("names no object")
        yield bucket, unquote_plus(name)


def _of(value: Any, name: str) -> Any:
    """Return a field of a JSON object; None if it has none, or is none."""
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any, name: str) -> str:
    found = _of(value, name)
    return found if isinstance(found, str) else ""


def _checked(key: str) -> str:
    try:
        return check_key(key, "")
    except BadInput as error:
        raise _no(f"is about an object of which {error.fact.removeprefix(': ')}") from None
