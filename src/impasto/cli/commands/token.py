"""Commands about tokens, which open the service: token create, list, revoke."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from impasto.cli.options import AsJson, Config, Home, json_lines, load_settings, open_stores
from impasto.cli.parsing import App, Group
from impasto.errors import BadInput

if TYPE_CHECKING:
    from impasto.server.access.tokens import Tokens
    from impasto.settings import Settings


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = App(cls=Group, rich_markup_mode=None)
    # "list" is taken in Python.
    for command, name in ((create, "create"), (list_tokens, "list"), (revoke, "revoke")):
        group.command(name)(command)
    app.add_typer(group, name="token", help="Make, list and revoke tokens for 'impasto serve'.")


def create(
    role: Annotated[
        Literal["viewer", "submitter", "operator", "admin"],
        typer.Option(help="What its bearer may do; each may do what the ones before it may."),
    ] = "viewer",
    tenant: Annotated[
        str,
        typer.Option(help="Whose jobs its bearer sees. [default: all]", metavar="NAME"),
    ] = "",
    name: Annotated[str, typer.Option(help="What it is for.", metavar="TEXT")] = "",
    expires: Annotated[
        str | None,
        typer.Option(help="For how long it is valid, such as 30d. [default: for ever]"),
    ] = None,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a token, and print it: it is shown only once."""
    from impasto.cli.render import tokens as words
    from impasto.server.access.tokens import check_tenant
    from impasto.server.config import load_serve

    settings = load_settings(config, home)
    check_tenant(tenant, load_serve(config).tenants)
    until = time.time() + _seconds(expires) if expires is not None else None
    token, text = _tokens(settings).create(role, name=name, tenant=tenant, expires=until)
    words.created(token, text, as_json=as_json)


def list_tokens(
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("token")] = False,
) -> None:
    """List tokens, the newest first, without their secrets."""
    from impasto.cli.render import tokens as words

    settings = load_settings(config, home)
    words.listed(_tokens(settings).list(), settings.home, as_json=as_json)


def revoke(
    token_id: Annotated[
        str, typer.Argument(help="A token's id, as 'impasto token list' shows it.", metavar="ID")
    ],
    home: Home = None,
    config: Config = None,
) -> None:
    """Revoke a token; services refuse it within five seconds."""
    from impasto.cli.render.text import say

    _tokens(load_settings(config, home)).revoke(token_id)
    say(f"token {token_id} is revoked")


def _tokens(settings: Settings) -> Tokens:
    from impasto.server.access.tokens import Tokens

    return Tokens(open_stores(settings).open_home(settings.home))


def _seconds(text: str) -> float:
    from impasto.schema.moments import length

    try:
        seconds = length(text)
    except ValueError:
        seconds = 0.0
    if not seconds:
        raise BadInput(f"--expires {text}: is not a length of time", "write 30d, 12h or 90min")
    return seconds
