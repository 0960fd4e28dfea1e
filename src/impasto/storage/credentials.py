"""Credentials: how requests to a store are signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Never
from urllib.parse import unquote

from impasto import secrecy
from impasto.errors import BadInput
from impasto.schema.profile import StoreProfile
from impasto.schema.url import check_endpoint, parse
from impasto.settings import secret
from impasto.storage import identities

if TYPE_CHECKING:
    from impasto.schema.url import Url

GOOGLE = "https://storage.googleapis.com"


@dataclass(frozen=True, slots=True)
class Credential:
    """How to sign requests.

    Attributes:
        asker: the credential's name for people, such as ``the SAS in MEDIA_SAS``.
        until: when it expires, if it says so.
        account: the Azure storage account.
        endpoint: the service's address.
        fields: what the client's credential provider returns; None signs nothing.
        provider: returns fresh ones whenever they expire.
        region: of an S3 bucket.
    """

    asker: str
    account: str = ""
    endpoint: str = ""
    fields: dict[str, Any] | None = field(default=None, repr=False)
    provider: Callable[[], Any] | None = field(default=None, repr=False)
    region: str = ""
    until: datetime | None = None

    def __reduce__(self) -> Never:
        raise TypeError("a credential is never sent anywhere; send the name of its profile")

    def supply(self) -> Callable[[], Any] | None:
        """Return the client's credential provider, or None to sign nothing."""
        if self.fields is None:
            return self.provider
        fields = {"expires_at": None, **self.fields}
        return lambda: fields


def find_profile(place: Url, profiles: Mapping[str, StoreProfile]) -> StoreProfile | None:
    """Return the profile whose URL is the longest prefix of a place's, or None."""
    found: tuple[int, StoreProfile] | None = None
    for profile in profiles.values():
        served = parse(profile.url)
        if _serves(served, profile, place):
            length = len(served.container) + len(served.key)
            if found is None or length > found[0]:
                found = length, profile
    return found[1] if found else None


def _serves(served: Url, profile: StoreProfile, place: Url) -> bool:
    if served.scheme != place.scheme:
        return False
    if place.account and place.account != (served.account or profile.account):
        return False
    if place.endpoint and (served.endpoint or profile.endpoint or place.endpoint) != place.endpoint:
        return False
    if served.account and not place.account:
        return False
    if not served.container:
        return True
    below = place.key == served.key or place.key.startswith(f"{served.key}/") or not served.key
    return served.container == place.container and below


def credential(place: Url, profile: StoreProfile | None) -> Credential:
    """Find how requests for a place are signed: its own SAS, its profile, or an identity.

    Raises:
        BadInput: nothing says how, a secret is missing or malformed, or a library is missing.
    """
    if not place.container:
        raise BadInput(
            f"{place.scheme}://: does not name a container", f"write {place.scheme}://NAME/..."
        )
    if place.scheme == "az":
        return _azure(place, profile)
    if place.scheme == "s3":
        return _amazon(place, profile)
    return _google(place, profile)


def _azure(place: Url, profile: StoreProfile | None) -> Credential:
    account = place.account or (profile.account if profile else None) or ""
    endpoint = place.endpoint or (profile.endpoint if profile else None)
    fields: dict[str, Any] | None = None
    if profile and profile.auth == "connection_string":
        fields, account, endpoint = _connection_string(profile, account, endpoint)
    if not account and not endpoint:
        raise BadInput(
            f"{place}: no profile says which account this container is in",
            f"add it to impasto.toml, or write "
            f"https://ACCOUNT.blob.core.windows.net/{place.container}/...",
        )
    account = account or str(endpoint).rpartition("/")[2].partition(".")[0]
    endpoint = endpoint or f"https://{account}.blob.core.windows.net"
    if place.signature:
        return _signed(place.signature, "the SAS in its URL", account, endpoint)
    match profile.auth if profile else "identity":
        case "sas":
            return _signed(_secret(profile), _label("SAS", profile), account, endpoint)
        case "key":
            key = {"access_key": _secret(profile)}
            return Credential(_label("key", profile), account, endpoint, key)
        case "connection_string":
            return Credential(_label("connection string", profile), account, endpoint, fields)
        case "anonymous":
            return Credential("anonymous requests", account, endpoint)
    return Credential("the Azure identity", account, endpoint, provider=identities.azure())


def _secret(profile: StoreProfile | None) -> str:
    return secret((profile and profile.secret) or "")


def _label(what: str, profile: StoreProfile | None) -> str:
    return f"the {what} in {profile.secret if profile else '?'}"


def _signed(sas: str, asker: str, account: str, endpoint: str) -> Credential:
    """Use a SAS, which itself says what it allows and until when."""
    token = sas.lstrip("?")
    fields = dict(part.partition("=")[::2] for part in token.split("&"))
    if not fields.get("sig"):
        raise BadInput(f"{asker}: is not a SAS (it has no sig=)", "make one with `impasto sas`")
    secrecy.remember(fields["sig"])
    says = f"{asker}, which allows {fields.get('sp', '?')!r}"
    says += f" until {fields['se'].replace('%3A', ':')}" if "se" in fields else ""
    return Credential(says, account, endpoint, {"sas_token": token}, until=end_of_sas(token))


def end_of_sas(token: str) -> datetime | None:
    """Return when a SAS ends, or None if it does not say so."""
    for part in token.lstrip("?").split("&"):
        name, _, value = part.partition("=")
        if name == "se":
            with suppress(ValueError):
                until = datetime.fromisoformat(unquote(value))
                return until.replace(tzinfo=until.tzinfo or UTC)
    return None


def _connection_string(
    profile: StoreProfile, account: str, endpoint: str | None
) -> tuple[dict[str, Any], str, str | None]:
    parts = dict(part.partition("=")[::2] for part in _secret(profile).split(";") if "=" in part)
    account = parts.get("AccountName", account)
    endpoint = parts.get("BlobEndpoint", endpoint or "").rstrip("/") or None
    if account and not endpoint and "EndpointSuffix" in parts:
        endpoint = f"https://{account}.blob.{parts['EndpointSuffix']}"
    if endpoint:
        check_endpoint(endpoint)
    if "AccountKey" in parts:
        return {"access_key": secrecy.remember(parts["AccountKey"])}, account, endpoint
    if "SharedAccessSignature" in parts:
        sas = _signed(parts["SharedAccessSignature"], f"the SAS in {profile.secret}", "", "")
        return sas.fields or {}, account, endpoint
    raise BadInput(
        f"{profile.secret}: is not a connection string (it has no AccountKey)", "copy it again"
    )


def _amazon(place: Url, profile: StoreProfile | None) -> Credential:
    region = profile.region if profile else None
    auth = profile.auth if profile else "identity"
    provider = None
    if auth == "identity":
        provider, found = identities.amazon()
        region = region or found
    region = region or "us-east-1"
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    endpoint = (profile.endpoint if profile else None) or f"https://s3.{region}.{domain}"
    if auth == "key":
        fields = {
            "access_key_id": secret((profile and profile.key_id) or ""),
            "secret_access_key": _secret(profile),
        }
        return Credential(_label("key", profile), "", endpoint, fields, region=region)
    if auth == "anonymous":
        return Credential("anonymous requests", "", endpoint, region=region)
    return Credential("the AWS identity", "", endpoint, provider=provider, region=region)


def _google(place: Url, profile: StoreProfile | None) -> Credential:
    endpoint = (profile.endpoint if profile else None) or GOOGLE
    auth = profile.auth if profile else "identity"
    if auth == "anonymous":
        return Credential("anonymous requests", "", endpoint)
    if auth == "key":
        provider = identities.google_key(_secret(profile), _label("key", profile))
        return Credential(_label("key", profile), "", endpoint, provider=provider)
    return Credential("the Google identity", "", endpoint, provider=identities.google())
