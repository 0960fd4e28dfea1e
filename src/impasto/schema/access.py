"""Who may use the service, as the control store keeps it.

access/tokens/<id>.json   a token; written once, and deleted when it is revoked
access/first.json         the first token was made; put-if-absent
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, StringConstraints

from impasto.schema.base import Frozen
from impasto.schema.bounds import Seconds, Word

Role = Literal["viewer", "submitter", "operator", "admin"]
"""Each may do what the ones before it may."""
ROLES: tuple[Role, ...] = get_args(Role)
TenantName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
TokenId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]


class Token(Frozen):
    """A token, without its secret.

    Attributes:
        id: its name, which is also the first part of the token.
        digest: SHA-256 of the token's secret, in hexadecimal. The secret has 256 random bits, so a
            slow hash would add nothing.
        name: what it is for, for people.
        role: what its bearer may do.
        tenant: whose jobs its bearer sees; "" for all.
        created: seconds since 1970.
        expires: seconds since 1970; None is never.
    """

    id: TokenId
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    name: Word = ""
    role: Role
    tenant: TenantName | Literal[""] = ""
    created: Seconds = 0.0
    expires: Annotated[Seconds, Field()] | None = None
