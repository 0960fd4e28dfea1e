"""Commands that look at media and scorers: scorers, probe, verify."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.exceptions import Exit

from impasto.cli.options import (
    AsJson,
    Config,
    ItemKind,
    Stream,
    json_lines,
    load_settings,
    open_stores,
)


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(scorers)
    app.command()(probe)
    app.command()(verify)


def scorers(
    scorer: Annotated[
        str | None, typer.Argument(help="A scorer's name, or python:FILE.py:CLASS.")
    ] = None,
    as_json: Annotated[bool, json_lines("scorer")] = False,
) -> None:
    """List the scorers and their options, or those of one scorer."""
    from impasto.cli.render import facts

    facts.scorers(scorer, as_json=as_json)


def probe(
    source: str, items: ItemKind = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Describe a video, images, files or a table."""
    from impasto.cli.render import probe as display
    from impasto.sources.open import open_source

    found = open_source(open_stores(load_settings(config)), source, items)
    display.probe(found.facts(), as_json=as_json)


def verify(
    source: str,
    output: str,
    stream: Stream = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("check")] = False,
) -> None:
    """Check that an output video kept all of its source but the pictures."""
    from impasto.cli.render import facts
    from impasto.media.verify import verify as checker
    from impasto.storage.named_file import File

    stores = open_stores(load_settings(config))
    before, after = File(stores, source), File(stores, output)
    report = checker.verify(before.open(), after.open(), before.name, after.name, stream)
    facts.verify(report, as_json=as_json)
    if not report.ok:
        raise Exit(1)
