"""The command that tells how long a job, its shards and its items took."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from impasto.cli import streams
from impasto.cli.options import Config, Home, JobId, find_job, load_settings
from impasto.errors import BadInput

TAG = "timings"
"""The owner's name of unfinished files beside an output."""


def add(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(timings)


def timings(
    job: JobId,
    of: Annotated[
        Literal["job", "shards", "items"],
        typer.Option(help="What to write: each pass over the job, each shard, or each item."),
    ] = "items",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Write all of it: .csv, .json, .jsonl or .parquet; - is stdout.",
            metavar="FILE",
        ),
    ] = None,
    form: Annotated[
        Literal["csv", "json", "jsonl"],
        typer.Option("--format", help="What to write to stdout, with '-o -'."),
    ] = "csv",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.")
    ] = False,
    home: Home = None,
    config: Config = None,
) -> None:
    """Show how long a job, its shards and its items took, or write all of it to a file."""
    from impasto.cli.render import timings as shown
    from impasto.cli.render.text import say
    from impasto.jobs import timings as found
    from impasto.storage.local import check_output, linked, mapped, publishing
    from impasto.tables.formats import require
    from impasto.tables.write.rows import SUFFIXES, written

    if output is None:
        known = find_job(job, load_settings(config, home))
        known.spec()
        shown.passes(found.passes(known))
        shown.shards([*found.shards(known)])
        shown.items(found.items(known))
        return
    if output == "-":
        known = find_job(job, load_settings(config, home))
        known.spec()
        for piece in written(found.timings(known, of), found.fields(of), f".{form}"):
            sys.stdout.write(piece.decode())
        return
    streams.act()
    suffix = Path(output).suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInput(f"{output}: is of no known format", f"use one of {', '.join(SUFFIXES)}")
    require(output)
    known = find_job(job, load_settings(config, home))
    known.spec()
    target = linked(Path(output))
    check_output(target, TAG, {suffix} if overwrite else None, folder=False)
    pieces = written(found.timings(known, of), found.fields(of), suffix)
    with publishing(target, TAG, overwrite=overwrite) as path, mapped(output), path.open("wb") as f:
        f.writelines(pieces)
    say(f"{output}: written")
