"""Listing of containers that hold names which the usual client refuses.

That client gives up on a whole listing at the first name that it cannot write itself, such as
``a//b``. Whoever may write to a container could so hide all else in it. The platforms' own
libraries are slower, but list any name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from impasto.schema.url import is_loopback
from impasto.storage import identities, sdk
from impasto.storage.store import Stat
from impasto.storage.upload import bare_etag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.profile import StoreProfile
    from impasto.schema.url import Url
    from impasto.storage.credentials import Credential

PLATFORMS = {"az", "s3"}
"""Schemes of the stores that can be listed here."""
_REMEDY = "give its credential the right to list"


def walk(
    place: Url, profile: StoreProfile | None, signed: Credential, after: str
) -> Iterator[Stat]:
    """Yield every object below a prefix whose key comes after another, in the store's order.

    Args:
        place: the prefix, in a store of `PLATFORMS`.
        profile: how it is reached.
        signed: how requests are signed.
        after: a key below the prefix, or "".

    Raises:
        BadInput: a secret or a library is missing.
        Unavailable: the store does not answer, or refuses access.
    """
    prefix = f"{place.key.rstrip('/')}/" if place.key else ""
    objects = _azure if place.scheme == "az" else _amazon
    for name, size, etag, modified in objects(place, prefix, profile, signed, prefix + after):
        key = name.removeprefix(prefix)
        if key > after:
            yield Stat(key, size, bare_etag(etag), modified.timestamp())


def _azure(
    place: Url, prefix: str, profile: StoreProfile | None, signed: Credential, _: str
) -> Iterator[tuple[str, int, str, Any]]:
    try:
        from azure.storage.blob import ContainerClient
    except ImportError:
        raise identities.uninstalled("azure-storage-blob", "azure") from None
    client = ContainerClient(
        signed.endpoint,
        place.container,
        credential=sdk.azure_credential(signed),
        connection_verify=(profile and profile.ca) or True,
        use_env_settings=not is_loopback(urlsplit(signed.endpoint).netloc),
        **sdk.PATIENCE,
    )
    with sdk.azure_errors(str(place), _REMEDY), client:
        for each in client.list_blobs(name_starts_with=prefix):
            yield each.name, each.size, each.etag, each.last_modified


def _amazon(
    place: Url, prefix: str, profile: StoreProfile | None, signed: Credential, after: str
) -> Iterator[tuple[str, int, str, Any]]:
    loopback = is_loopback(urlsplit(signed.endpoint).netloc)
    client = sdk.amazon_client("s3", signed.endpoint, signed.region, profile, loopback=loopback)
    with sdk.amazon_errors(str(place), _REMEDY):
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=place.container, Prefix=prefix, StartAfter=after
        )
        for page in pages:
            for each in page.get("Contents", ()):
                yield each["Key"], each["Size"], each["ETag"], each["LastModified"]
