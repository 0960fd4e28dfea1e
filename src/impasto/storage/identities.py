"""The platforms' own chains of sign-ins: managed identities, roles, service accounts, logins.

Each needs the platform's library, an extra of this package.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput, Unavailable
from impasto.secrecy import remember

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import AccessToken

AZURE_SCOPE = "https://storage.azure.com/.default"
GOOGLE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


class Token:
    """The provider of Azure tokens, in the form that the service's libraries expect."""

    def __init__(self, provide: Callable[[], Any]) -> None:
        """Take what `azure` returns."""
        self._provide = provide

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Return a token that is valid now."""
        from azure.core.credentials import AccessToken

        fields = self._provide()
        return AccessToken(fields["token"], int(fields["expires_at"].timestamp()))


@cache
def azure() -> Callable[[], Any]:
    """Return the provider of Azure tokens, which the whole process shares.

    Raises:
        BadInput: the library is missing.
        Unavailable: no identity is found.
    """
    try:
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise uninstalled("azure-identity", "azure") from None
    chain = DefaultAzureCredential()

    def provide() -> dict[str, Any]:
        token = chain.get_token(AZURE_SCOPE)
        ends = datetime.fromtimestamp(token.expires_on).astimezone()
        return {"token": remember(token.token), "expires_at": ends}

    try:
        provide()
    except ClientAuthenticationError:
        raise Unavailable(
            "Azure: no identity was found here",
            "run 'az login', give this machine a managed identity, or name a SAS in impasto.toml",
        ) from None
    return provide


def amazon() -> tuple[Callable[[], Any], str | None]:
    """Return a provider of AWS keys, and the region that goes with them.

    Raises:
        BadInput: the library is missing, or finds no identity.
    """
    try:
        from boto3 import Session
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise uninstalled("boto3", "s3") from None
    session = Session()
    try:
        return Boto3CredentialProvider(session), session.region_name
    except ValueError:
        raise BadInput(
            "AWS: no identity was found here",
            "sign in, give this machine a role, or use auth = 'key' in impasto.toml",
        ) from None


def google() -> Callable[[], Any]:
    """Return a provider of Google tokens; raises BadInput as `amazon` does."""
    try:
        from google.auth.exceptions import DefaultCredentialsError
        from obstore.auth.google import GoogleCredentialProvider
    except ImportError:
        raise uninstalled("google-auth", "gcs") from None
    try:
        return GoogleCredentialProvider()
    except DefaultCredentialsError:
        raise BadInput(
            "Google: no identity was found here",
            "sign in, give this machine a service account, or use auth = 'key' in impasto.toml",
        ) from None


def google_key(text: str, name: str) -> Callable[[], Any]:
    """Return a provider of Google tokens for a service account's key.

    Raises:
        BadInput: the library is missing, or the text is not such a key.
    """
    try:
        from google.oauth2.service_account import Credentials
        from obstore.auth.google import GoogleCredentialProvider
    except ImportError:
        raise uninstalled("google-auth", "gcs") from None
    try:
        parse: Any = Credentials.from_service_account_info
        key = parse(json.loads(text), scopes=[GOOGLE_SCOPE])
    except ValueError:
        raise BadInput(f"{name}: is not a service account's key in JSON", "copy it again") from None
    return GoogleCredentialProvider(key)


def uninstalled(package: str, extra: str) -> BadInput:
    """Return the error for a library that is missing."""
    return BadInput(f"{package}: is not installed", f"get it with: pip install 'impasto[{extra}]'")
