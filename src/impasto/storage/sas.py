"""Shared access signatures (SAS): URLs that let outsiders reach one container for a while.

This is the only place where a secret is made and given away on purpose.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from impasto import secrecy
from impasto.errors import BadInput, Denied, Unavailable
from impasto.schema.url import parse
from impasto.storage import credentials, identities

if TYPE_CHECKING:
    from azure.storage.blob import UserDelegationKey

    from impasto.schema.profile import StoreProfile
    from impasto.schema.url import Url
    from impasto.settings import Settings
    from impasto.storage.credentials import Credential

RIGHTS = {
    "r": "read",
    "a": "append",
    "c": "create",
    "w": "write",
    "d": "delete",
    "l": "list",
}
"""What each letter allows, in the order that the service requires."""
DELEGATED_HOURS = 7 * 24
"""Maximum hours for which the service lets an identity delegate."""
KEYED_HOURS = 365 * 24
"""Maximum hours accepted here: only rotating the key ends such a SAS early."""
SKEW = timedelta(minutes=15)
"""How long before now a SAS begins, since clocks differ."""
ROTATE = "rotating the account's key"
REVOKE = "revoking the account's user delegation keys"

_PATIENCE: dict[str, Any] = {"connection_timeout": 10, "retry_total": 1, "initial_backoff": 1}
_ELSEWHERE = {
    "file": "a folder is shared by its permissions",
    "s3": "for s3:// use presigned URLs (aws s3 presign) or a bucket policy",
    "gs": "for gs:// use signed URLs (gcloud storage sign-url) or grant a role",
}


@dataclass(frozen=True, slots=True)
class Sas:
    """A SAS and what it means.

    Attributes:
        url: the container, or the part of it that was asked for, with the signature: a secret.
        container: the container that it opens, all of it.
        rights: the letters of what it allows.
        until: when it ends.
        revoke: what ends it earlier.
        notes: what its user may not expect.
    """

    url: str = field(repr=False)
    container: str
    rights: str
    until: datetime
    revoke: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [RIGHTS[letter] for letter in self.rights]
        allows = " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
        return (
            f"allows {allows} in the whole container {self.container} "
            f"until {self.until:%Y-%m-%d %H:%M} UTC; revoke it by {self.revoke}"
        )


def mint(settings: Settings, url: str, permission: str, hours: float) -> Sas:
    """Make a SAS for the container of a URL, with the account's key or on behalf of an identity.

    Args:
        settings: how the store is reached, and what outsiders must never reach.
        url: a container, or a place in it.
        permission: letters of `RIGHTS`, in any order.
        hours: how long it is valid, from now on.

    Raises:
        BadInput: the store cannot or must not be shared this way, or the request is malformed.
        Unavailable: the service does not answer, or does not let the identity delegate.
    """
    place = parse(url)
    if place.scheme != "az":
        raise BadInput(f"{place}: only Azure containers have a SAS", f"{_ELSEWHERE[place.scheme]}")
    rights = _rights(permission)
    profile = credentials.find_profile(place, settings.stores)
    signed = credentials.credential(place, profile)
    _refuse_control(settings, place, profile, signed)
    key = (signed.fields or {}).get("access_key")
    if not key and not signed.provider:
        raise BadInput(
            f"{place}: {signed.asker}: cannot sign a SAS",
            "give the store's profile auth = 'identity' or 'key' on the machine that makes the SAS",
        )
    _check_hours(hours, KEYED_HOURS if key else DELEGATED_HOURS)
    start = datetime.now(UTC).replace(microsecond=0) - SKEW
    until = start + SKEW + timedelta(hours=hours)
    if not key:
        until = min(until, start + timedelta(hours=DELEGATED_HOURS))
    token = _sign(place, profile, signed, key, rights, (start, until))
    base = f"{signed.endpoint}/{place.container}"
    return Sas(
        url=f"{base}/{quote(place.key)}?{token}" if place.key else f"{base}?{token}",
        container=place.container,
        rights=rights,
        until=until,
        revoke=ROTATE if key else REVOKE,
        notes=_notes(place, profile),
    )


def _rights(permission: str) -> str:
    unknown = "".join(sorted(set(permission) - set(RIGHTS)))
    if unknown or not permission:
        known = ", ".join(f"{letter} ({word})" for letter, word in RIGHTS.items())
        fact = f"{unknown!r} is not a permission" if unknown else "is empty"
        raise BadInput(f"`permission={permission}`: {fact}", f"choose from {known}")
    return "".join(letter for letter in RIGHTS if letter in permission)


def _check_hours(hours: float, most: int) -> None:
    # In this form it refuses NaN as well.
    if not 0 < hours <= most:
        raise BadInput(
            f"`hours={hours:g}`: is out of range", f"give more than 0 and at most {most}"
        )


def _refuse_control(
    settings: Settings, place: Url, profile: StoreProfile | None, signed: Credential
) -> None:
    """Refuse a container that holds anything that outsiders must never reach."""
    if profile and profile.role == "control":
        raise BadInput(
            f"{place}: is a control store, which outsiders must not reach", "share another"
        )
    home = parse(settings.home)
    others = [(home, credentials.find_profile(home, settings.stores))] if not home.local else []
    others += [(parse(p.url), p) for p in settings.stores.values() if p.role == "control"]
    for other, how in others:
        if (other.scheme, other.container) != ("az", place.container):
            continue
        if account(other, how) in {"", signed.account}:
            raise BadInput(
                f"{place}: a SAS covers the whole container, and outsiders must not "
                f"reach {other} in it",
                "share a separate container",
            )


def account(place: Url, profile: StoreProfile | None) -> str:
    """Return the Azure account that a place is in, without signing in; "" if that is unknown."""
    if profile and profile.auth == "connection_string":
        with suppress(BadInput):
            return credentials.credential(place, profile).account
    endpoint = place.endpoint or (profile and profile.endpoint) or ""
    named = place.account or (profile and profile.account)
    return named or endpoint.rpartition("/")[2].partition(".")[0]


def _notes(place: Url, profile: StoreProfile | None) -> tuple[str, ...]:
    notes = []
    if place.key:
        notes.append(
            f"{place.key} does not limit it: without a hierarchical namespace a SAS covers "
            "the whole container"
        )
    if profile and profile.customer_key:
        notes.append(
            f"anyone who uses it must also send the customer key in {profile.customer_key}; "
            "a store without one is easier to share"
        )
    return tuple(notes)


def _sign(
    place: Url,
    profile: StoreProfile | None,
    signed: Credential,
    key: str | None,
    rights: str,
    span: tuple[datetime, datetime],
) -> str:
    """Return the query string of a SAS; its signature is hidden from logs from then on."""
    try:
        from azure.storage.blob import generate_container_sas
    except ImportError:
        raise BadInput(
            "azure-storage-blob: is not installed", "get it with: pip install 'impasto[azure]'"
        ) from None
    if key:
        check_key(key, signed)
    plain = signed.endpoint.startswith("http://")
    token = generate_container_sas(
        signed.account,
        place.container,
        account_key=key,
        user_delegation_key=None if key else delegation(profile, signed, span),
        permission=rights,
        start=span[0],
        expiry=span[1],
        # Only endpoints on this machine may lack TLS.
        protocol="https,http" if plain else "https",
    )
    secrecy.remember(parse_qs(token)["sig"][0])
    return token


def check_key(key: str, signed: Credential) -> None:
    """Raise BadInput unless an account's key has the form of one."""
    try:
        base64.b64decode(key, validate=True)
    except ValueError:
        raise BadInput(
            f"{signed.asker}: is not an account key (it is not base64)", "copy it again"
        ) from None


def delegation(
    profile: StoreProfile | None, signed: Credential, span: tuple[datetime, datetime]
) -> UserDelegationKey:
    """Ask the service for a key that signs on an identity's behalf.

    Raises:
        BadInput: nobody is signed in.
        Denied: the identity may not delegate.
        Unavailable: the service does not answer.
    """
    from azure.core.exceptions import AzureError, HttpResponseError
    from azure.storage.blob import BlobServiceClient

    where, token = signed.endpoint, _sign_in(signed)
    verify = (profile and profile.ca) or True
    # The library's errors contain addresses, and are several lines long.
    try:
        with BlobServiceClient(where, token, connection_verify=verify, **_PATIENCE) as client:
            return client.get_user_delegation_key(*span)
    except HttpResponseError as error:
        code = getattr(error, "error_code", None) or error.status_code
        if error.status_code in {401, 403}:
            raise Denied(
                f"{where}: {signed.asker} may not sign a SAS ({code})",
                "give it the role Storage Blob Delegator",
            ) from None
        raise Unavailable(f"{where}: answers {code}", "check the account and try again") from None
    except AzureError as error:
        fact = type(error).__name__
        raise Unavailable(
            f"{where}: does not answer ({fact})", "find out why with `impasto doctor`"
        ) from None


def _sign_in(signed: Credential) -> identities.Token:
    from azure.core.exceptions import AzureError

    try:
        fields = signed.provider() if signed.provider else {}
    except AzureError:
        raise BadInput(
            f"{signed.endpoint}: no Azure identity is signed in here",
            "run 'az login' or use a machine with a managed identity",
        ) from None
    return identities.Token(lambda: fields)
