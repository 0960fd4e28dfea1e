"""Commands that look at media and scorers: scorers, probe, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Exit

from impasto.cli.options import (
    AsJson,
    Config,
    Home,
    ItemKind,
    Stream,
    json_lines,
    load_settings,
    open_stores,
)

if TYPE_CHECKING:
    from impasto.jobs.job import Job


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
    source: Annotated[str, typer.Argument(help="The source, or only the JOB.")],
    output: Annotated[str | None, typer.Argument(help="The output.")] = None,
    start: Annotated[
        str | None, typer.Option(help="Where the output begins. [default: as its job began]")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Where the output ends. [default: as its job ended]")
    ] = None,
    stream: Stream = None,
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("check")] = False,
) -> None:
    """Check that an output video kept all of its source but the pictures.

    The job that made it, if it is known, says which part and size were asked for.
    """
    from impasto.cli import made, times
    from impasto.cli.render import facts
    from impasto.media.verify import verify as checker
    from impasto.storage.named_file import File

    settings = load_settings(config, home)
    stores = open_stores(settings)
    source, output, job = made.find(source, output, settings)
    spec = job.spec() if job else None
    asked = (spec.start, spec.end) if spec else (None, None)
    part = (
        times.seconds(start, "--start") if start else asked[0],
        times.seconds(end, "--end") if end else asked[1],
    )
    stream = spec.stream if stream is None and spec else stream
    before, after = File(stores, source), File(stores, output)
    made.check_videos("verify compares", before, after)
    size = _size(job) if job else None
    files = (before.open(), after.open(), before.name, after.name)
    coding = (spec.codec, spec.pix_fmt) if spec else None
    report = checker.verify(*files, stream=stream, part=part, size=size, asked=coding)
    facts.verify(report, as_json=as_json)
    if not report.ok:
        raise Exit(1)


def _size(job: Job) -> tuple[int, int] | None:
    """Return the size of the pictures that a job makes, if it is known."""
    found = job.notes.picture_size() or job.plan()
    return (found.width, found.height) if found and found.width else None
