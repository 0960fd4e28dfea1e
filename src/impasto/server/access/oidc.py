"""Bearer tokens of an OpenID Connect issuer, such as Entra ID.

Only signatures by a key that the issuer publishes count. Keys are kept in memory; one that is not
known is asked for at once, but not more often than once in `COOLDOWN` seconds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import jwt

from impasto.errors import Unavailable
from impasto.schema.access import ROLES, Role
from impasto.server.access.recent import Recent
from impasto.server.config import Oidc, check_issuer

if TYPE_CHECKING:
    from collections.abc import Mapping

COOLDOWN = 30.0
"""Seconds between two requests for keys because of a key that is not known."""
LIFESPAN = 600.0
"""Seconds after which keys are asked for again."""
STALE = 3600.0
"""Seconds for which keys are believed while the issuer does not answer."""
AGAIN = 5.0
"""Seconds after which an issuer that did not answer is asked again."""
LEEWAY = 30
"""Seconds that clocks may differ."""
VERIFIED = 60.0
"""Seconds for which a token is not verified again."""
LONGEST = 16_384
"""Characters of the longest token."""
_LOG = logging.getLogger(__name__)
_ANSWER = 1 << 20
"""Bytes of the issuer's longest answer."""
_PATIENCE = 5.0
"""Seconds for which the issuer may take to answer."""
_WHO = ("preferred_username", "name", "azp", "appid", "client_id", "sub")
"""Claims that name a bearer for people, the best first."""


class Bearer(NamedTuple):
    """Whom a token is about.

    Attributes:
        id: tells bearers apart.
        name: for people.
        role: what the bearer may do; None is nothing.
        tenant: the tenant that the token names; "" if the issuer is not asked for one, and None if
            the token names none.
        expires: seconds since 1970.
    """

    id: str
    name: str
    role: Role | None
    tenant: str | None
    expires: float


class _Key(NamedTuple):
    """A public key, and the one algorithm that it is for; "" if the issuer names none."""

    public: Any
    algorithm: str


class _Verified(NamedTuple):
    bearer: Bearer
    at: float


class Issuer:
    """Whose bearer tokens are believed.

    Args:
        oidc: what it is, and what its tokens say.
    """

    def __init__(self, oidc: Oidc) -> None:
        self._oidc = oidc
        self._keys = _Keys(oidc)
        self._verified = Recent[_Verified](1024)

    def find(self, text: str) -> Bearer | None:
        """Return whom a token is about, unless it is wrong or has expired.

        Raises:
            Unavailable: the issuer's keys are not known, and it does not answer.
        """
        digest = _digest(text)
        known = self._verified.get(digest)
        if known and time.monotonic() - known.at < VERIFIED and time.time() < known.bearer.expires:
            return known.bearer
        self._verified.drop(digest)
        bearer = self._verify(text)
        if bearer:
            self._verified.put(digest, _Verified(bearer, time.monotonic()))
        return bearer

    def knows(self, text: str) -> bool:
        """Return whether a token was right when it was last verified."""
        return self._verified.get(_digest(text)) is not None

    def _verify(self, text: str) -> Bearer | None:
        if len(text) > LONGEST or text.count(".") != 2:
            return None
        try:
            kid = jwt.get_unverified_header(text).get("kid")
            key = self._keys.find(kid) if isinstance(kid, str) and kid else None
            if key is None:
                return None
            claims = jwt.decode(
                text,
                key.public,
                algorithms=[each for each in self._oidc.algorithms if key.algorithm in ("", each)],
                audience=self._oidc.audience,
                issuer=self._oidc.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            return self._bearer(claims)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError):
            # The last ones: claims of a wrong type, which nobody but the issuer could sign.
            return None

    def _bearer(self, claims: Mapping[str, Any]) -> Bearer:
        subject = f"{claims['iss']} {claims['sub']}"
        names = (claims.get(claim) for claim in _WHO)
        name = next((name for name in names if isinstance(name, str) and name), "")
        said: str | None = ""
        if self._oidc.tenant_claim:
            value = claims.get(self._oidc.tenant_claim)
            said = value if isinstance(value, str) and value else None
        shown = "".join(letter for letter in name if letter.isprintable())[:200]
        expires = float(claims["exp"]) + LEEWAY
        return Bearer(f"oidc-{_digest(subject)[:24]}", shown, self._role(claims), said, expires)

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        value = claims.get(self._oidc.role_claim)
        words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        table = self._oidc.roles or {role: role for role in ROLES}
        found = [table[word] for word in words if isinstance(word, str) and word in table]
        return max(found, key=ROLES.index, default=None)


class _Keys:
    """An issuer's keys, as last told; one thread at a time asks for them."""

    def __init__(self, oidc: Oidc) -> None:
        self._oidc = oidc
        self._lock = threading.Lock()
        self._known: dict[str, _Key] = {}
        self._told = self._asked = float("-inf")

    def find(self, kid: str) -> _Key | None:
        """Return a key; raises Unavailable if none are known and the issuer does not answer."""
        if self._is_due(kid):
            self._refresh(kid)
        if time.monotonic() - self._told > STALE:
            raise Unavailable(
                f"{self._oidc.issuer}: its keys cannot be read", "see the service's log"
            )
        return self._known.get(kid)

    def _is_due(self, kid: str) -> bool:
        now = time.monotonic()
        old = now - self._told > LIFESPAN
        pause = AGAIN if old else COOLDOWN
        return (old or kid not in self._known) and now - self._asked >= pause

    def _refresh(self, kid: str) -> None:
        # Who has the key goes on with it; the others wait a little for the thread that asks.
        if not self._lock.acquire(timeout=0 if kid in self._known else _PATIENCE / 5):
            return
        try:
            if self._is_due(kid):
                self._ask()
        finally:
            self._lock.release()

    def _ask(self) -> None:
        try:
            self._known = _signing_keys(_fetch(self._where()))
            self._told = time.monotonic()
        except Unavailable as error:
            # What is known serves until it is stale.
            _LOG.warning("keys of %s: %s", self._oidc.issuer, error)
        finally:
            self._asked = time.monotonic()

    def _where(self) -> str:
        if self._oidc.jwks:
            return self._oidc.jwks
        issuer = self._oidc.issuer
        found = _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        where = found.get("jwks_uri")
        if found.get("issuer") != issuer or not isinstance(where, str):
            raise Unavailable(f"{issuer}: its configuration is another issuer's", "check `issuer`")
        try:
            return check_issuer(where)
        except ValueError as error:
            raise Unavailable(f"{issuer}: jwks_uri {error}", "set `jwks`") from None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: the issuer's name is what is believed."""


def _fetch(url: str) -> dict[str, Any]:
    """Return the JSON object at a URL; raises Unavailable."""
    until = time.monotonic() + _PATIENCE
    data = b""
    try:
        opener = build_opener(_NoRedirect())
        request = Request(url, headers={"Accept": "application/json"})
        with opener.open(request, timeout=_PATIENCE) as answer:
            while part := answer.read1(1 << 16):
                data += part
                if len(data) > _ANSWER or time.monotonic() > until:
                    raise Unavailable(f"{url}: its answer is too long")
        found = json.loads(data)
    except (URLError, OSError, HTTPException, ValueError, RecursionError) as error:
        raise Unavailable(f"{url}: {error}", "check `issuer` and `jwks`") from None
    if not isinstance(found, dict):
        raise Unavailable(f"{url}: is not a JSON object")
    return found


def _signing_keys(found: Mapping[str, Any]) -> dict[str, _Key]:
    """Return the keys with which tokens are signed, by id; raises Unavailable if there are none."""
    rows = found.get("keys")
    keys: dict[str, _Key] = {}
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.get("use", "sig") != "sig" or row.get("kty") == "oct":
            continue
        try:
            key = jwt.PyJWK(row)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key.key_id, str) and key.key_id:
            # Without a name the library takes a key for its type's usual algorithm alone.
            keys[key.key_id] = _Key(key.key, str(row.get("alg") or ""))
    if not keys:
        raise Unavailable("the issuer publishes no keys that sign", "check `jwks`")
    return keys


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
