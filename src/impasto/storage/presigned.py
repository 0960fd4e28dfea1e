"""URLs that let their bearer create one object, once and for a short while, straight in its store.

Only stores that can sign have them: Azure, with the account's key or on behalf of an identity, and
S3. Whoever has such a URL can neither read nor replace anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from impasto import secrecy
from impasto.schema.url import is_loopback
from impasto.storage import credentials
from impasto.storage.environment import bare_environment
from impasto.storage.sas import SKEW, check_key, delegation

if TYPE_CHECKING:
    from impasto.schema.profile import StoreProfile
    from impasto.schema.url import Url
    from impasto.storage.credentials import Credential
    from impasto.storage.stores import Stores

LARGEST = {"az": 5_000 << 20, "s3": 5 << 30}
"""Bytes of the largest object that one request can create, by scheme."""


@dataclass(frozen=True, slots=True)
class Presigned:
    """A URL that creates an object.

    Attributes:
        url: where to send the object by ``PUT``: a secret.
        headers: headers that the request must have.
    """

    url: str = field(repr=False)
    headers: dict[str, str]


def origin(stores: Stores, place: Url) -> str:
    """Return the origin that such URLs have for a place; "" if it has none.

    Raises:
        BadInput: the credentials for it are missing or malformed.
    """
    signed = _signer(stores, place)
    parts = urlsplit(signed.endpoint) if signed else None
    return f"{parts.scheme}://{parts.netloc}" if parts else ""


def presign(stores: Stores, place: Url, size: int, seconds: float) -> Presigned | None:
    """Return a URL that creates an object, or None if its store cannot sign one.

    Args:
        stores: how the store is reached.
        place: the object.
        size: its bytes.
        seconds: how long the URL is valid, from now on.

    Raises:
        BadInput: the credentials for it are missing or malformed.
        Unavailable: the service does not answer, or does not let the identity delegate.
    """
    signed = _signer(stores, place)
    if signed is None or size > LARGEST[place.scheme]:
        return None
    profile = stores.profile(place)
    if place.scheme == "az":
        return _azure(place, profile, signed, seconds)
    return _amazon(place, profile, signed, size, seconds)


def _signer(stores: Stores, place: Url) -> Credential | None:
    """Return what signs for a place, or None."""
    profile = stores.profile(place)
    library = {"az": "azure.storage.blob", "s3": "boto3"}.get(place.scheme)
    # With a key of the customer's, every request has to carry that key.
    if library is None or (profile and profile.customer_key) or place.signature:
        return None
    if find_spec(library.partition(".")[0]) is None:
        return None
    signed = credentials.credential(place, profile)
    keyed = bool((signed.fields or {}).keys() & {"access_key", "secret_access_key"})
    return signed if keyed or signed.provider else None


def _azure(
    place: Url, profile: StoreProfile | None, signed: Credential, seconds: float
) -> Presigned:
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas

    key = (signed.fields or {}).get("access_key")
    if key:
        check_key(key, signed)
    start = datetime.now(UTC).replace(microsecond=0) - SKEW
    span = start, start + SKEW + timedelta(seconds=seconds)
    plain = signed.endpoint.startswith("http://")
    token = generate_blob_sas(
        signed.account,
        place.container,
        place.key,
        account_key=key,
        user_delegation_key=None if key else delegation(profile, signed, span),
        permission=BlobSasPermissions(create=True),
        start=span[0],
        expiry=span[1],
        protocol="https,http" if plain else "https",
    )
    secrecy.remember(parse_qs(token)["sig"][0])
    url = f"{signed.endpoint}/{place.container}/{quote(place.key)}?{token}"
    return Presigned(url, {"x-ms-blob-type": "BlockBlob"})


def _amazon(
    place: Url, profile: StoreProfile | None, signed: Credential, size: int, seconds: float
) -> Presigned:
    from boto3 import Session
    from botocore.config import Config

    supply = signed.supply()
    fields: dict[str, Any] = supply() if supply else {}
    # The checksums that the library adds would be of no content at all.
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
    )
    named: dict[str, Any] = {"Bucket": place.container, "Key": place.key}
    named |= {"ContentLength": size, "IfNoneMatch": "*"}
    headers = {"If-None-Match": "*"}
    if profile and profile.kms_key:
        named |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": profile.kms_key}
        headers["x-amz-server-side-encryption"] = "aws:kms"
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = profile.kms_key
    loopback = is_loopback(urlsplit(signed.endpoint).netloc)
    with bare_environment(loopback=loopback):
        client = Session(
            fields["access_key_id"], fields["secret_access_key"], fields.get("token")
        ).client("s3", region_name=signed.region, endpoint_url=signed.endpoint, config=config)
    url = client.generate_presigned_url("put_object", named, ExpiresIn=max(1, int(seconds)))
    client.close()
    secrecy.remember_query(urlsplit(url).query)
    return Presigned(url, headers)
