"""Clients of queues, with the credentials of the store that a queue tells of, or with its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.secrecy import remember, remember_query
from impasto.settings import secret
from impasto.storage import credentials, identities, sdk

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

    from impasto.schema.profile import StoreProfile
    from impasto.schema.queue import QueueUrl
    from impasto.schema.url import Url


def azure(queue: QueueUrl, own: str, place: Url, profile: StoreProfile | None) -> QueueClient:
    """Return the client of a queue in Azure Storage; no request is sent yet.

    Args:
        queue: which.
        own: the environment variable with a SAS, an account's key or a connection string for the
            queue; "" uses what opens the store.
        place: the store that it tells of, with its signature if it has one.
        profile: how that store is reached.

    Raises:
        BadInput: nothing there opens a queue, or a library is missing.
        Unavailable: no identity is found.
    """
    try:
        from azure.storage.queue import QueueClient
    except ImportError:
        raise identities.uninstalled("azure-storage-queue", "azure") from None
    return QueueClient(
        queue.endpoint,
        queue.name,
        credential=_own(queue, own) if own else _shared(queue, place, profile),
        connection_verify=(profile and profile.ca) or True,
        use_env_settings=not queue.loopback,
        **sdk.PATIENCE,
    )


def amazon(queue: QueueUrl, profile: StoreProfile | None, seconds: float) -> Any:
    """Return boto3's client of SQS; no request is sent yet.

    Args:
        queue: which.
        profile: how the store that it tells of is reached, and so the queue.
        seconds: how long to wait for an answer.

    Raises:
        BadInput: nothing there opens a queue, or the library is missing.
    """
    if profile and profile.auth == "anonymous":
        raise _no_way(queue, "anonymous requests")
    region = queue.region or (profile and profile.region) or "us-east-1"
    return sdk.amazon_client(
        "sqs", queue.endpoint, region, profile, seconds=seconds, loopback=queue.loopback
    )


def _own(queue: QueueUrl, variable: str) -> Any:
    """Return the credential in a queue's own variable, in the form that the library expects."""
    text = secret(variable)
    parts = dict(part.partition("=")[::2] for part in text.split(";") if "=" in part)
    if sas := parts.get("SharedAccessSignature") or ("sig=" in text and text):
        return remember_query(sas.lstrip("?"))
    key = parts.get("AccountKey") or text
    return {"account_name": queue.account, "account_key": remember(key)}


def _shared(queue: QueueUrl, place: Url, profile: StoreProfile | None) -> Any:
    """Return what opens a store as a credential for a queue, in the library's form."""
    signed = credentials.credential(place, profile)
    sas = (signed.fields or {}).get("sas_token", "")
    # Only the SAS of an account names services; that of a container opens nothing else.
    services = dict(part.partition("=")[::2] for part in sas.split("&")).get("ss", "")
    opens = signed.account == queue.account and signed.fields and (not sas or "q" in services)
    if opens or signed.provider:
        return sdk.azure_credential(signed)
    raise _no_way(queue, signed.asker)


def _no_way(queue: QueueUrl, asker: str) -> BadInput:
    return BadInput(
        f"{queue}: cannot be opened with {asker}", "name what opens it with `queue_secret`"
    )
