"""Clients of object stores, each with explicit credentials, never any found by chance.

The clients would otherwise take keys, endpoints and plain HTTP from the environment, so everything
that decides where a request goes and how it is signed is passed to them explicitly.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.store import AzureStore, GCSStore, S3Store

from impasto.schema.profile import StoreProfile
from impasto.schema.url import is_loopback
from impasto.settings import secret
from impasto.storage.environment import bare_environment
from impasto.storage.local import read_file

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

    from impasto.schema.url import Url
    from impasto.storage.credentials import Credential

    Client = AzureStore | GCSStore | S3Store

RETRY: RetryConfig = {
    "max_retries": 8,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=10)},
    "retry_timeout": timedelta(seconds=60),
}
AT_ONCE: RetryConfig = {"max_retries": 1, "retry_timeout": timedelta(seconds=5)}
"""For callers that would rather see an error than wait it out."""


def connect(
    place: Url, profile: StoreProfile | None, signed: Credential, retry: RetryConfig
) -> Client:
    """Make a client for a place's container; no request is sent yet."""
    options: ClientConfig = {
        "allow_http": signed.endpoint.startswith("http://"),
        "allow_invalid_certificates": False,
        "connect_timeout": timedelta(seconds=10),
        "timeout": timedelta(seconds=120),
    }
    if profile and profile.ca:
        options["root_certificate"] = read_file(Path(profile.ca))
    shared: dict[str, Any] = {"client_options": options, "retry_config": retry}
    provider = signed.supply()
    if provider is None:
        shared["skip_signature"] = True
    else:
        shared |= {"skip_signature": False, "credential_provider": provider}
    customer = secret(profile.customer_key) if profile and profile.customer_key else None
    with bare_environment(loopback=is_loopback(urlsplit(signed.endpoint).netloc)):
        return _client(place, profile, signed, shared, customer)


def _client(
    place: Url,
    profile: StoreProfile | None,
    signed: Credential,
    shared: dict[str, Any],
    customer: str | None,
) -> Client:
    if place.scheme == "az":
        if customer:
            shared["encryption_key"] = customer
        return AzureStore(
            place.container,
            account_name=signed.account,
            endpoint=signed.endpoint,
            use_emulator=False,
            **shared,
        )
    if place.scheme == "gs":
        return GCSStore(place.container, base_url=signed.endpoint, **shared)
    if customer:
        shared |= {"server_side_encryption": "sse-c", "sse_customer_key_base64": customer}
    if profile and profile.kms_key:
        shared |= {"server_side_encryption": "aws:kms", "sse_kms_key_id": profile.kms_key}
    return S3Store(
        place.container,
        endpoint=signed.endpoint,
        aws_endpoint_url_s3=signed.endpoint,
        region=signed.region,
        virtual_hosted_style_request=False,
        s3_express=False,
        request_payer=False,
        unsigned_payload=False,
        conditional_put="etag",
        copy_if_not_exists="multipart",
        **shared,
    )
