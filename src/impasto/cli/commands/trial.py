"""The command that scores a single item without a job: try."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from typing import Annotated, Any

import typer

from impasto.cli import single, streams
from impasto.cli.options import AsJson, Config, Device, Home, ItemKind, Stream
from impasto.cli.scorer_commands import PARAMS, FirstArgumentCommand
from impasto.cli.scorer_flags import spec_params
from impasto.cli.single import Overwrite

MaxSize = Annotated[
    int | None, typer.Option(help="Scale pictures down to this longer side, in pixels.")
]


def add(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("try", cls=FirstArgumentCommand)(try_)


def try_(
    ctx: typer.Context,
    scorer: Annotated[
        str, typer.Argument(help="The model: style, python:FILE.py:CLASS, onnx:FILE, ...")
    ],
    item: Annotated[str, typer.Argument(help="A picture, video, table or file.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write the picture (.png, .jpg) or records (.jsonl)."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The moment of a video. [default: its first frame]")
    ] = None,
    row: Annotated[
        int | None, typer.Option(help="The row of a table, counted from 1. [default: 1]")
    ] = None,
    max_size: MaxSize = None,
    stream: Stream = None,
    items: ItemKind = None,
    overwrite: Overwrite = False,
    device: Device = None,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Score a single item, and print the result and the times.

    It runs in this process, so print() and breakpoint() work in the scorer. No job is made.
    """
    from impasto.cli.render import trial
    from impasto.cli.times import seconds
    from impasto.driver import trial as driver

    streams.act()
    target = single.target(output, trial.WRITABLE, overwrite=overwrite) if output else None
    settings = single.settings(config, device=device, home=home)
    moment = seconds(at, "--at") if at else None
    fields: dict[str, Any] = {"source": item, "scorer": scorer, "items": items}
    fields |= {"max_size": max_size, "stream": stream}
    fields |= {"params": spec_params(scorer, ctx.meta[PARAMS])}
    spec = single.spec(ctx, fields)
    with single.interruptible():
        # What the scorer prints must not mix with the JSON line.
        aside = redirect_stdout(sys.stderr) if as_json else nullcontext()
        with trial.own_traceback(scorer), aside:
            done = driver.attempt(spec, settings, moment, row)
        trial.attempt(done, scorer, target, as_json=as_json)
