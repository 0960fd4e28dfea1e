"""Impasto's own tokens: ``imp_<id>_<secret>``, of which the control store keeps a digest."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

from impasto.errors import BadInput, ImpastoError, Missing, meant
from impasto.schema.access import Role, Token
from impasto.schema.base import parse, read
from impasto.server.access.recent import Recent
from impasto.storage.parallel import in_order

if TYPE_CHECKING:
    from collections.abc import Collection

    from impasto.storage.store import Store

FRESH = 4.0
"""Seconds for which an answer of the store is believed: a revoked token ends that much later."""
REMEMBERED = 4096
_TOKEN = re.compile(r"imp_([0-9a-f]{12})_([0-9A-Za-z_-]{43})")
_ID = re.compile(r"[0-9a-f]{12}")
_AT_ONCE = 16
"""Tokens read at the same time, to list them."""


class _Answer(NamedTuple):
    token: Token | None
    at: float


def _key(token: str) -> str:
    return f"access/tokens/{token}.json"


class Tokens:
    """The tokens of a home; methods raise Unavailable when the store does not answer."""

    def __init__(self, home: Store) -> None:
        self._home = home
        # Apart, so that a flood of wrong tokens does not push out the right ones.
        self._right = Recent[_Answer](REMEMBERED)
        self._wrong = Recent[_Answer](REMEMBERED)

    def create(
        self, role: Role, *, name: str = "", tenant: str = "", expires: float | None = None
    ) -> tuple[Token, str]:
        """Make a token; returns also its text, which nobody can read again.

        Args:
            role: what its bearer may do.
            name: what it is for.
            tenant: whose jobs its bearer sees; "" for all.
            expires: seconds since 1970; None is never.

        Raises:
            BadInput: one of these is wrong.
        """
        token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        fields = {
            "id": token_id,
            "digest": _digest(secret),
            "name": name,
            "role": role,
            "tenant": tenant,
            "created": time.time(),
            "expires": expires,
        }
        token = parse(Token, fields)
        self._home.create(_key(token_id), token.model_dump_json().encode())
        return token, f"imp_{token_id}_{secret}"

    def find(self, text: str) -> Token | None:
        """Return the token that a text is, unless it is wrong, expired or revoked.

        What the store says is believed for `FRESH` seconds.
        """
        match = _TOKEN.fullmatch(text)
        token = self._stored(match[1]) if match else None
        if token is None or match is None or not _opens(token, match[2]):
            return None
        return token if token.expires is None or time.time() < token.expires else None

    def knows(self, text: str) -> bool:
        """Return whether a text was a token when the store was last asked; asks it nothing."""
        match = _TOKEN.fullmatch(text)
        answer = self._right.get(match[1]) if match else None
        return bool(match and answer and answer.token and _opens(answer.token, match[2]))

    def list(self) -> list[Token]:
        """Return all tokens, the newest first; files that are none are passed over."""
        names = (stat.key.rpartition("/")[2] for stat in self._home.list_all("access/tokens"))
        ids = [name[:-5] for name in names if name.endswith(".json") and _ID.fullmatch(name[:-5])]
        found = in_order(self._load, ids, _AT_ONCE)
        return sorted(filter(None, found), key=lambda token: -token.created)

    def revoke(self, token_id: str) -> None:
        """Revoke a token; raises Missing if there is none of that id."""
        if not _ID.fullmatch(token_id) or self._read(token_id) is None:
            raise Missing(f"token {token_id[:80]}: not found", "see `impasto token list`")
        self._home.delete(_key(token_id))
        self._right.drop(token_id)

    def get(self, token_id: str) -> Token | None:
        """Return the token of an id, without proof that anybody holds it; None if there is none."""
        return self._load(token_id) if _ID.fullmatch(token_id) else None

    def _stored(self, token_id: str) -> Token | None:
        now, old = time.monotonic(), self._right.get(token_id)
        answer = old or self._wrong.get(token_id)
        if answer and now - answer.at < FRESH:
            return answer.token
        if old:
            # One request asks the store, and those that come meanwhile go by its last answer.
            self._right.put(token_id, _Answer(old.token, now))
        try:
            token = self._load(token_id)
        except ImpastoError:
            if old:
                self._right.put(token_id, old)
            raise
        (self._right if token else self._wrong).put(token_id, _Answer(token, now))
        if token is None:
            self._right.drop(token_id)
        return token

    def _load(self, token_id: str) -> Token | None:
        data = self._read(token_id)
        token = read(Token, data) if data is not None else None
        return token if token and token.id == token_id else None

    def _read(self, token_id: str) -> bytes | None:
        try:
            return self._home.read(_key(token_id))
        except Missing:
            return None


def check_tenant(tenant: str, known: Collection[str]) -> None:
    """Raise BadInput unless a tenant is "" or known."""
    if tenant and tenant not in known:
        raise BadInput(
            f"tenant {tenant[:80]}: is not known",
            meant(tenant, known) or f"add a table [tenants.{tenant[:80]}] to impasto.toml",
        )


def _opens(token: Token, secret: str) -> bool:
    return hmac.compare_digest(token.digest, _digest(secret))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
