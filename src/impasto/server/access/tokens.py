"""Impasto's own tokens: ``imp_<id>_<secret>``, of which the control store keeps a digest."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import TYPE_CHECKING

from impasto.errors import Missing
from impasto.schema.access import Role, Token
from impasto.schema.base import read

if TYPE_CHECKING:
    from impasto.storage.store import Store

_TOKEN = re.compile(r"imp_([0-9a-f]{12})_([0-9A-Za-z_-]{43})")


def _key(token: str) -> str:
    return f"access/tokens/{token}.json"


class Tokens:
    """The tokens of a home; methods raise Unavailable when the store does not answer."""

    def __init__(self, home: Store) -> None:
        self._home = home

    def create(
        self, role: Role, *, name: str = "", tenant: str = "", expires: float | None = None
    ) -> tuple[Token, str]:
        """Make a token; returns also its text, which nobody can read again.

        Args:
            role: what its bearer may do.
            name: what it is for.
            tenant: whose jobs its bearer sees; "" for all.
            expires: seconds since 1970; None is never.
        """
        token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        token = Token(
            id=token_id,
            digest=_digest(secret),
            name=name,
            role=role,
            tenant=tenant,
            created=time.time(),
            expires=expires,
        )
        self._home.create(_key(token_id), token.model_dump_json().encode())
        return token, f"imp_{token_id}_{secret}"

    def find(self, text: str) -> Token | None:
        """Return the token that a text is, unless it is wrong, expired or revoked."""
        match = _TOKEN.fullmatch(text)
        data = self._read(_key(match[1])) if match else None
        token = read(Token, data) if data is not None else None
        if token is None or match is None or token.id != match[1]:
            return None
        if not hmac.compare_digest(token.digest, _digest(match[2])):
            return None
        return token if token.expires is None or time.time() < token.expires else None

    def list(self) -> list[Token]:
        """Return all tokens, the newest first."""
        stats = self._home.list_all("access/tokens")
        found = [read(Token, self._read(stat.key) or b"") for stat in stats]
        return sorted(filter(None, found), key=lambda token: -token.created)

    def revoke(self, token_id: str) -> None:
        """Revoke a token; raises Missing if there is none of that id."""
        key = _key(token_id)
        if self._read(key) is None:
            raise Missing(f"token {token_id}: not found", "see `impasto token list`")
        self._home.delete(key)

    def _read(self, key: str) -> bytes | None:
        try:
            return self._home.read(key)
        except Missing:
            return None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
