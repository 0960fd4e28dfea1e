"""Commands about access to stores: sas grants it to others, doctor checks your own."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Exit

from impasto.cli.options import AsJson, Config, Home, load_settings
from impasto.errors import Unavailable

if TYPE_CHECKING:
    from impasto.storage.sas import Sas


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(sas)
    app.command()(doctor)


def sas(
    url: Annotated[str, typer.Argument(help="A container of Azure, such as az://data.")],
    permission: Annotated[
        str,
        typer.Option(
            help="What it allows: letters of r (read), a (append), c (create), w (write), "
            "d (delete), l (list)."
        ),
    ],
    hours: Annotated[float, typer.Option(help="How long it holds from now on.")] = 24,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print a URL that lets outsiders into a container for a while.

    It is a secret, and the only one that is ever printed.
    """
    from impasto.cli.render.wording import worded
    from impasto.storage.sas import mint

    minted = mint(load_settings(config), url, permission, hours)
    for note in minted.notes:
        print(f"note: {worded(note)}", file=sys.stderr)
    print(minted, file=sys.stderr)
    # Not redacted: this signature is what was asked for.
    print(_as_json(minted) if as_json else minted.url)


def doctor(home: Home = None, config: Config = None, as_json: AsJson = False) -> None:
    """Check stores, home and machine, and say what to do.

    Tries what jobs will do, with one object of its own, .impasto-doctor, and touches no other.
    """
    from impasto.cli.render.wording import worded
    from impasto.doctor import examine

    settings = load_settings(config, home)
    width = max(map(len, ("machine", *settings.stores)))
    failed = 0
    for check in examine(settings):
        failed += check.state == "FAIL"
        fields = {name: worded(text) for name, text in check.fields().items()}
        if as_json:
            print(json.dumps(fields), flush=True)
            continue
        end = f"; {fields['remedy']}" if check.remedy else ""
        print(
            f"{check.state:<5} {check.place:<{width}} {check.item:<11} {fields['detail']}{end}",
            flush=True,
        )
    if not as_json:
        print(f"{failed} FAIL; what to do stands beside each" if failed else "nothing fails")
    if failed:
        raise Exit(Unavailable.exit_code)


def _as_json(minted: Sas) -> str:
    fields = {
        "url": minted.url,
        "container": minted.container,
        "permission": minted.rights,
        "expires": f"{minted.until:%Y-%m-%dT%H:%M:%SZ}",
        "revoke": minted.revoke,
    }
    return json.dumps(fields)
