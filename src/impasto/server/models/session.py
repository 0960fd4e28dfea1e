"""Who calls, and how requests are refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from impasto.schema.access import Role
from impasto.schema.base import Frozen
from impasto.schema.bounds import Word


class Problem(Frozen):
    """Why a request was refused; sent as ``application/problem+json`` (RFC 9457).

    Attributes:
        status: the HTTP status.
        title: the thing and the fact, one line.
        remedy: what to do, or "".
    """

    status: int
    title: str
    remedy: str = ""


class Session(Frozen):
    """Who the caller is, and what this service can do.

    Attributes:
        name: of the caller.
        role: what it may do.
        tenant: whose jobs it sees; "" for all.
        csrf: goes into the header ``X-Impasto-CSRF`` of requests that change something, where the
            browser sends the cookie by itself; "" for bearers.
        can_write: whether it has a place for outputs, so that it may upload and submit.
        watches: whether a watcher runs that will take up what is submitted.
        version: of Impasto.
    """

    name: str
    role: Role
    tenant: str = ""
    csrf: str = ""
    can_write: bool = False
    watches: bool = False
    version: str


class Login(Frozen):
    """A token, to be kept in a cookie that scripts cannot read."""

    token: Annotated[str, Field(max_length=16_384)]


class TokenRow(Frozen):
    """A token, without its secret."""

    id: str
    name: str
    role: Role
    tenant: str = ""
    created: float
    expires: float | None = None


class TokenList(Frozen):
    """All tokens, the newest first."""

    tokens: list[TokenRow]


class TokenRequest(Frozen):
    """A token to make.

    Attributes:
        name: what it is for.
        role: what its bearer may do.
        tenant: whose jobs its bearer sees; "" for all.
        expires_in: seconds for which it is valid; None is for ever.
    """

    name: Word = ""
    role: Role
    tenant: Annotated[str, Field(max_length=100)] = ""
    expires_in: Annotated[float, Field(gt=0, le=1e9)] | None = None


class NewToken(Frozen):
    """A new token.

    Attributes:
        token: its text, which cannot be read again.
        row: all else.
    """

    token: str
    row: TokenRow
