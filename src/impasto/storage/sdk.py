"""The platforms' own libraries, for what the usual client of stores cannot do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from impasto.errors import Denied, Unavailable
from impasto.settings import secret
from impasto.storage import identities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.profile import StoreProfile
    from impasto.storage.credentials import Credential

PATIENCE: dict[str, Any] = {"connection_timeout": 10, "read_timeout": 30, "retry_total": 1}
"""How the libraries for Azure wait and try again."""

_LACKING = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
}


def azure_credential(signed: Credential) -> Any:
    """Return how requests are signed, in the form that the libraries for Azure expect."""
    fields = signed.fields or {}
    if "access_key" in fields:
        return {"account_name": signed.account, "account_key": fields["access_key"]}
    if signed.provider:
        return identities.Token(signed.provider)
    return fields.get("sas_token")


def amazon_client(
    service: str,
    endpoint: str,
    region: str,
    profile: StoreProfile | None,
    *,
    seconds: float = 30,
    loopback: bool = False,
) -> Any:
    """Return boto3's client of a service.

    Args:
        service: its name.
        endpoint: its address.
        region: where it is.
        profile: how it is reached.
        seconds: how long to wait for an answer.
        loopback: whether it is on this machine, which is behind no proxy.

    Raises:
        BadInput: a secret or the library is missing.
    """
    try:
        from boto3 import Session
        from botocore import UNSIGNED
        from botocore.config import Config
    except ImportError:
        raise identities.uninstalled("boto3", "s3") from None
    keys: dict[str, str] = {}
    how: dict[str, Any] = {"proxies": {}} if loopback else {}
    if profile and profile.auth == "key":
        keys = {
            "aws_access_key_id": secret(profile.key_id or ""),
            "aws_secret_access_key": secret(profile.secret or ""),
        }
    if profile and profile.auth == "anonymous":
        how["signature_version"] = UNSIGNED
    return Session(**keys).client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        verify=(profile and profile.ca) or None,
        config=Config(
            retries={"total_max_attempts": 2},
            connect_timeout=10,
            read_timeout=seconds,
            s3={"addressing_style": "path"},
            **how,
        ),
    )


@contextmanager
def azure_errors(where: str, remedy: str) -> Iterator[None]:
    """Turn the errors of libraries for Azure, which are several lines long, into Impasto's.

    Args:
        where: what is asked, for people.
        remedy: what to do if it refuses access.

    Raises:
        Denied: it refuses access.
        Unavailable: anything else.
    """
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        code = getattr(error, "error_code", None) or error.status_code
        if error.status_code in {401, 403}:
            raise Denied(f"{where}: access is refused ({code})", remedy) from None
        raise Unavailable(f"{where}: answers {code}", "check its name and its service") from None
    except AzureError as error:
        raise _silent(where, error) from None


@contextmanager
def amazon_errors(where: str, remedy: str) -> Iterator[None]:
    """Turn boto3's errors into Impasto's; takes and raises what `azure_errors` does."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]
        if code in _LACKING:
            raise Denied(f"{where}: access is refused ({code})", remedy) from None
        raise Unavailable(f"{where}: answers {code}", "check its name and its service") from None
    except BotoCoreError as error:
        raise _silent(where, error) from None


def _silent(where: str, error: Exception) -> Unavailable:
    return Unavailable(f"{where}: does not answer ({type(error).__name__})", "check the network")
