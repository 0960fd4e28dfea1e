"""Tokens: an administrator's work; that of a tenant sees and makes those of the tenant only."""

from __future__ import annotations

import time

from fastapi import APIRouter

from impasto.schema.access import Token
from impasto.server.access.guard import Admin
from impasto.server.access.tokens import check_tenant
from impasto.server.context import Here
from impasto.server.models.session import NewToken, TokenList, TokenRequest, TokenRow
from impasto.server.problems import Refused, unknown

router = APIRouter(tags=["tokens"])


@router.get("/tokens")
def list_tokens(caller: Admin, context: Here) -> TokenList:
    """List tokens, the newest first."""
    found = context.tokens.list()
    return TokenList(tokens=[_row(token) for token in found if caller.sees(token.tenant)])


@router.post("/tokens", status_code=201)
def create(asked: TokenRequest, caller: Admin, context: Here) -> NewToken:
    """Make a token; its text is in this answer, and nowhere else."""
    tenant = asked.tenant or caller.tenant
    if not caller.sees(tenant):
        raise Refused(403, "you may make tokens of your own tenant only", "leave `tenant` out")
    check_tenant(tenant, context.serve.tenants)
    expires = time.time() + asked.expires_in if asked.expires_in else None
    token, text = context.tokens.create(asked.role, name=asked.name, tenant=tenant, expires=expires)
    return NewToken(token=text, row=_row(token))


@router.delete("/tokens/{token_id}", status_code=204)
def revoke(token_id: str, caller: Admin, context: Here) -> None:
    """Revoke a token; every instance of the service refuses it within five seconds."""
    token = context.tokens.get(token_id)
    if token is None or not caller.sees(token.tenant):
        raise unknown(f"token {token_id[:40]}")
    context.tokens.revoke(token_id)


def _row(token: Token) -> TokenRow:
    return TokenRow(**token.model_dump(exclude={"digest"}))
