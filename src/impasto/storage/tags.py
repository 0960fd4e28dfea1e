"""Tags of objects, which the client of stores cannot set: on Azure (index tags) and S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from impasto.errors import BadInput, Denied, Missing, Unavailable
from impasto.schema.url import is_loopback
from impasto.storage import credentials, identities
from impasto.storage.environment import bare_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.schema.profile import StoreProfile
    from impasto.schema.url import Url
    from impasto.storage.credentials import Credential
    from impasto.storage.stores import Stores

    Tags = dict[str, str]

MOST = 10
"""Tags that an object may have, on either platform."""
_PATIENCE: dict[str, Any] = {"connection_timeout": 10, "read_timeout": 30, "retry_total": 1}


def set_tag(stores: Stores, url: str | Url, name: str, value: str) -> None:
    """Set a tag of an object and keep its others; its etag and its time stay as they are.

    Args:
        stores: how the object is reached.
        url: where it is.
        name: the tag's name.
        value: its value.

    Raises:
        BadInput: the platform has no tags, the object has no room for another, or a library is
            missing.
        Missing: there is no such object.
        Denied: the credentials may not read or set tags.
        Unavailable: the service does not answer.
    """
    place = stores.locate(url)
    if place.scheme not in {"az", "s3"}:
        raise BadInput(f"{place}: has no tags", "they are for objects on Azure and S3")
    profile = stores.profile(place)
    signed = credentials.credential(place, profile)
    if signed.supply() is None:
        raise BadInput(f"{place}: anonymous requests set no tags", "sign in to its store")
    (_azure if place.scheme == "az" else _amazon)(place, profile, signed, {name: value})


def _merged(place: Url, known: Tags, more: Tags) -> Tags | None:
    """Return all tags, or None if there is nothing to set."""
    if known.items() >= more.items():
        return None
    if len(known | more) > MOST:
        raise BadInput(f"{place}: has {MOST} tags already", "remove one of them")
    return known | more


def _azure(place: Url, profile: StoreProfile | None, signed: Credential, more: Tags) -> None:
    try:
        from azure.core.exceptions import AzureError
        from azure.storage.blob import BlobClient
    except ImportError:
        raise identities.uninstalled("azure-storage-blob", "azure") from None
    fields = signed.fields or {}
    secret: Any = fields.get("sas_token")
    if key := fields.get("access_key"):
        secret = {"account_name": signed.account, "account_key": key}
    if signed.provider:
        secret = identities.Token(signed.provider)
    # The library's errors contain addresses, and are several lines long.
    try:
        with BlobClient(
            signed.endpoint,
            place.container,
            place.key,
            credential=secret,
            connection_verify=(profile and profile.ca) or True,
            use_env_settings=not is_loopback(urlsplit(signed.endpoint).netloc),
            **_PATIENCE,
        ) as client:
            tags = _merged(place, client.get_blob_tags(), more)
            if tags:
                client.set_blob_tags(tags)
    except AzureError as error:
        status = getattr(error, "status_code", None)
        code = getattr(error, "error_code", None) or status or type(error).__name__
        right = "give it the right t: in a SAS, or by the role Storage Blob Data Owner"
        raise _refusal(place, signed, status, str(code), right) from None


def _amazon(place: Url, profile: StoreProfile | None, signed: Credential, more: Tags) -> None:
    try:
        from boto3 import Session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise identities.uninstalled("boto3", "s3") from None
    supply: Callable[[], Any] | None = signed.supply()
    fields = supply() if supply else {}
    loopback = is_loopback(urlsplit(signed.endpoint).netloc)
    patient: dict[str, Any] = {"proxies": {}} if loopback else {}
    config = Config(
        connect_timeout=10,
        read_timeout=30,
        retries={"total_max_attempts": 2},
        s3={"addressing_style": "path"},
        **patient,
    )
    with bare_environment(loopback=loopback):
        client = Session(
            fields["access_key_id"], fields["secret_access_key"], fields.get("token")
        ).client(
            "s3",
            region_name=signed.region,
            endpoint_url=signed.endpoint,
            verify=(profile and profile.ca) or None,
            config=config,
        )
    named = {"Bucket": place.container, "Key": place.key}
    try:
        known = client.get_object_tagging(**named)["TagSet"]
        tags = _merged(place, {each["Key"]: each["Value"] for each in known}, more)
        if tags:
            pairs = [{"Key": name, "Value": value} for name, value in tags.items()]
            client.put_object_tagging(**named, Tagging={"TagSet": pairs})
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code = error.response.get("Error", {}).get("Code", status)
        right = "give it s3:GetObjectTagging and s3:PutObjectTagging"
        raise _refusal(place, signed, status, str(code), right) from None
    except BotoCoreError as error:
        raise _refusal(place, signed, None, type(error).__name__, "") from None
    finally:
        client.close()


def _refusal(
    place: Url, signed: Credential, status: int | None, code: str, right: str
) -> Missing | Denied | Unavailable:
    """Return the error for a service's refusal, or for its silence."""
    if status == 404:
        return Missing(f"{place}: no such object", "check the URL")
    if status in {401, 403}:
        return Denied(f"{place}: its tags are refused ({code}) to {signed.asker}", right)
    fact = f"answers {code}" if status else f"does not answer ({code})"
    return Unavailable(f"{place}: the service of its tags {fact}", "check the store and try again")
