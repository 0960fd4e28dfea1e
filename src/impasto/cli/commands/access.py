"""Commands about access to stores: sas grants it to others, doctor checks your own."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Exit

from impasto.cli.options import AsJson, Config, Home, json_lines, load_settings
from impasto.errors import Unavailable

if TYPE_CHECKING:
    from impasto.storage.sas import Sas


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(sas)
    app.command()(doctor)


def sas(
    url: Annotated[str, typer.Argument(help="An Azure container, such as az://data.")],
    permission: Annotated[
        str,
        typer.Option(
            help="Rights, as letters: r (read), a (append), c (create), w (write), "
            "d (delete), l (list)."
        ),
    ],
    hours: Annotated[float, typer.Option(help="Hours until it expires.")] = 24,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print a URL that gives outsiders access to a container.

    It is a secret, and the only one that Impasto ever prints. It expires after --hours.
    """
    from impasto.cli.render.wording import worded
    from impasto.storage.sas import mint

    minted = mint(load_settings(config), url, permission, hours)
    for note in minted.notes:
        print(f"note: {worded(note)}", file=sys.stderr)
    print(minted, file=sys.stderr)
    # Not redacted: this signature is what was asked for.
    print(_as_json(minted) if as_json else minted.url)


def doctor(
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("check")] = False,
) -> None:
    """Check the stores, the home and this machine, and say what to fix.

    Tries what jobs will do on one object of its own, .impasto-doctor, and touches no other.
    """
    from impasto.cli.render.wording import worded
    from impasto.doctor import examine
    from impasto.settings import config_file

    settings = load_settings(config, home)
    width = max(map(len, ("machine", *settings.stores)))
    failed = 0
    for check in examine(settings, config_file(config)):
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
        print(_verdict(failed))
    if failed:
        raise Exit(Unavailable.exit_code)


def _verdict(failed: int) -> str:
    match failed:
        case 0:
            return "all checks passed"
        case 1:
            return "1 check failed; its line says what to do"
        case _:
            return f"{failed} checks failed; each line says what to do"


def _as_json(minted: Sas) -> str:
    fields = {
        "url": minted.url,
        "container": minted.container,
        "permission": minted.rights,
        "expires": f"{minted.until:%Y-%m-%dT%H:%M:%SZ}",
        "revoke": minted.revoke,
    }
    return json.dumps(fields)
