"""Tokens on the terminal: the text of a new one on stdout, for pipes, and all else on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from impasto.cli.render import moments
from impasto.cli.render.text import json_line, note, say, warn
from impasto.schema.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.schema.access import Token


def created(token: Token, text: str, *, as_json: bool) -> None:
    """Print a new token."""
    ends = f"until {moments.stamp(token.expires)}" if token.expires else "until it is revoked"
    whose = f"of tenant {token.tenant}" if token.tenant else "of all tenants"
    warn(
        f"token {token.id}: {token.role} {whose}, {ends}; it is shown only this once, "
        f"and 'impasto token revoke {token.id}' ends it"
    )
    if token.tenant:
        note("a service that was started before the tenant was defined must be started again")
    # Not redacted: this secret is what was asked for.
    if as_json:
        json_line({**_fields(token), "token": text})
    else:
        print(text, flush=True)


def print_link(link: str) -> None:
    """Print the link that makes its reader an administrator; what is on stdout may be kept."""
    # Not redacted: this secret is what was asked for.
    sys.stderr.write(f"open this link to log in; it is shown only this once:\n  {link}\n")
    sys.stderr.flush()


def listed(tokens: Sequence[Token], home: str, *, as_json: bool) -> None:
    """Print a table of tokens, or one JSON line per token."""
    if as_json:
        for token in tokens:
            json_line(_fields(token))
        return
    if not tokens:
        note(f"no tokens in {home}; `impasto token create` makes one")
        return
    now = time.time()
    width = max(len("tenant"), *(len(token.tenant) for token in tokens))
    say(f"{'id':<12}  {'role':<9}  {'tenant':<{width}}  {'made':<12}  {'expires':<12}  name")
    for token in tokens:
        ends = moments.short(token.expires, now) if token.expires else "never"
        ends = "expired" if token.expires and token.expires <= now else ends
        line = f"{token.id}  {token.role:<9}  {token.tenant or 'all':<{width}}  "
        line += f"{moments.short(token.created, now):<12}  {ends:<12}  {plain(token.name)}"
        say(line.rstrip())


def _fields(token: Token) -> dict[str, Any]:
    return token.model_dump(mode="json", exclude={"digest"})
