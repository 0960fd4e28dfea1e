"""Places for a measured watcher: folders, and containers and buckets on servers of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from blobs.child import KEY
from blobs.server import serving
from impasto.schema.profile import StoreProfile
from support.cloud import DATA, MotoS3, NotReady
from support.queues import AzuriteQueues, SqsTestQueue, blob_created, encoded
from watching.places import Place

if TYPE_CHECKING:
    from pathlib import Path

    from blobs.server import Proxy, Service

ROLES = ("data", "control")
_ID, _SECRET = "BENCHMARK_S3_ID", "BENCHMARK_S3_SECRET"


def local(folder: Path) -> Place:
    """Return a folder."""
    folder.mkdir(parents=True)
    return Place(folder, str(folder), str(folder / "home"))


def azure(folder: Path, service: Service) -> Place:
    """Return new containers of Azurite."""
    folder.mkdir(parents=True)
    profiles = []
    for role in ROLES:
        made = service.container()
        signed = {"account": made.account, "auth": "key", "secret": KEY}
        profiles.append(_profile(made.url, role, endpoint=made.endpoint, ca=made.ca, **signed))
    return _in_store(folder, profiles)


def through(proxy: Proxy, place: Place) -> Place:
    """Return containers as seen through a proxy."""
    end = {"endpoint": f"{proxy.endpoint}/{DATA}"}
    return replace(place, profiles=tuple(each.model_copy(update=end) for each in place.profiles))


@contextmanager
def azure_with_queue(folder: Path) -> Iterator[Place]:
    """Yield a container and a queue, into which whoever uploads a blob puts a message."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        service = stack.enter_context(serving(folder))
        queues = AzuriteQueues.start(service.authority, service.azurite)
        stack.callback(queues.stop)
        queue, place = queues.make(), azure(folder / "it", service)
        container = place.url.removeprefix("az://")

        def announce(key: str) -> None:
            queue.put(encoded(blob_created(container, f"in/{key}")))

        yield replace(place, queue=queue.url, announce=announce)


@contextmanager
def amazon(folder: Path, *, queue: bool) -> Iterator[Place]:
    """Yield a bucket, perhaps one that tells a queue of new objects."""
    folder.mkdir(parents=True)
    try:
        server = MotoS3.start()
    except NotReady as problem:
        sys.exit(str(problem))
    os.environ[_ID], os.environ[_SECRET] = server.key_id, server.secret
    signed = {"auth": "key", "key_id": _ID, "secret": _SECRET, "region": "us-east-1"}
    try:
        names = [server.make_bucket() for _ in ROLES]
        pairs = zip(names, ROLES, strict=True)
        profiles = [
            _profile(f"s3://{name}", role, endpoint=server.endpoint, **signed)
            for name, role in pairs
        ]
        told = SqsTestQueue.make(server, names[0], "in/").url if queue else ""
        yield replace(_in_store(folder, profiles), queue=told)
    finally:
        server.stop()


def _profile(url: str, role: str, **fields: str) -> StoreProfile:
    return StoreProfile.model_validate({"url": url, "role": role, **fields})


def _in_store(folder: Path, profiles: Sequence[StoreProfile]) -> Place:
    data, control = profiles
    return Place(folder, data.url, f"{control.url}/home", (data, control))
