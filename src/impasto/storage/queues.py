"""Clients of queues, with the credentials of the store that a queue tells of, or with its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.secrecy import remember, remember_query
from impasto.settings import secret
from impasto.storage import credentials, identities

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

    from impasto.schema.profile import StoreProfile
    from impasto.schema.queue import QueueUrl
    from impasto.schema.url import Url

LONG_POLL = 10
"""Seconds that a request to SQS waits for messages."""
_PATIENCE: dict[str, Any] = {"connection_timeout": 10, "read_timeout": 30, "retry_total": 1}


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
        **_PATIENCE,
    )


def amazon(queue: QueueUrl, profile: StoreProfile | None) -> Any:
    """Return boto3's client of SQS; takes and raises what `azure` does."""
    try:
        from boto3 import Session
        from botocore.config import Config
    except ImportError:
        raise identities.uninstalled("boto3", "s3") from None
    keys = {}
    auth = profile.auth if profile else "identity"
    if auth == "anonymous":
        raise _no_way(queue, "anonymous requests")
    if auth == "key" and profile:
        keys = {
            "aws_access_key_id": secret(profile.key_id or ""),
            "aws_secret_access_key": secret(profile.secret or ""),
        }
    patient: dict[str, Any] = {"proxies": {}} if queue.loopback else {}
    patient |= {"connect_timeout": 10, "read_timeout": LONG_POLL + 20}
    region = queue.region or (profile and profile.region) or "us-east-1"
    return Session(**keys).client(
        "sqs",
        region_name=region,
        endpoint_url=queue.endpoint,
        verify=(profile and profile.ca) or None,
        config=Config(retries={"total_max_attempts": 2}, **patient),
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
    fields = signed.fields or {}
    if "access_key" in fields and signed.account == queue.account:
        return {"account_name": queue.account, "account_key": fields["access_key"]}
    sas = fields.get("sas_token", "")
    # Only the SAS of an account names services; that of a container opens nothing else.
    services = dict(part.partition("=")[::2] for part in sas.split("&")).get("ss", "")
    if "q" in services and signed.account == queue.account:
        return sas
    if signed.provider:
        return identities.Token(signed.provider)
    raise _no_way(queue, signed.asker)


def _no_way(queue: QueueUrl, asker: str) -> BadInput:
    return BadInput(
        f"{queue}: cannot be opened with {asker}", "name what opens it with `queue_secret`"
    )
