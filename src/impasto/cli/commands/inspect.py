"""Commands that look at media and scorers: scorers, probe, verify."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Exit

from impasto.cli.options import (
    AsJson,
    Config,
    Home,
    ItemKind,
    Stream,
    find_job,
    find_made,
    json_lines,
    load_settings,
    open_stores,
)
from impasto.errors import BadInput

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.settings import Settings
    from impasto.storage.named_file import File


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
    from impasto.cli import times
    from impasto.cli.render import facts
    from impasto.media.verify import verify as checker
    from impasto.storage.named_file import File

    settings = load_settings(config, home)
    stores = open_stores(settings)
    if output is None:
        job: Job | None = _job_alone(source, settings)
    else:
        job = find_made(source, output, settings)
    spec = job.spec() if job else None
    if output is None and job and spec:
        source, output = spec.source, _output(job, settings)
    asked = (spec.start, spec.end) if spec else (None, None)
    part = (
        times.seconds(start, "--start") if start else asked[0],
        times.seconds(end, "--end") if end else asked[1],
    )
    stream = spec.stream if stream is None and spec else stream
    before, after = File(stores, source), File(stores, str(output))
    _check_videos(before, after)
    size = _size(job) if job else None
    files = (before.open(), after.open(), before.name, after.name)
    coding = (spec.codec, spec.pix_fmt) if spec else None
    report = checker.verify(*files, stream=stream, part=part, size=size, asked=coding)
    facts.verify(report, as_json=as_json)
    if not report.ok:
        raise Exit(1)


def _job_alone(named: str, settings: Settings) -> Job:
    """Return the job that is named without an output; raises BadInput for a file."""
    if Path(named).exists() or PurePath(named).suffix or "/" in named:
        raise BadInput(
            "OUTPUT: is missing", f"name what was made of {named}, or give only the job's id"
        )
    return find_job(named, settings)


def _output(job: Job, settings: Settings) -> str:
    """Return the output of a job; raises BadInput while it has made none."""
    from impasto.cli.job_argument import job_argument
    from impasto.jobs.state import standing

    result = job.result()
    if result:
        return result.output
    state, named = standing(job, job.listing()).state, job_argument(job.id, settings.home)
    remedy = f"`impasto resume {named}` goes on with it"
    if state == "running":
        remedy = f"`impasto logs -f {named}` shows how far it is"
    raise BadInput(f"job {job.id}: is {state} and has no output yet", remedy)


def _check_videos(source: File, output: File) -> None:
    """Refuse what is not a video, of which nothing else is compared."""
    from impasto.media.formats import is_image, is_video
    from impasto.storage.local import is_folder

    for each in (source, output):
        folder = each.place.local and is_folder(each.place.path)
        known = each is source or is_video(each.name)
        if folder or is_image(each.name) or not known:
            raise BadInput(
                f"{each.name}: is not a video, and verify compares a video with its source",
                "`impasto show` says what a job did, `impasto compare` shows two images",
            )


def _size(job: Job) -> tuple[int, int] | None:
    """Return the size of the pictures that a job makes, if it is known."""
    found = job.notes.picture_size() or job.plan()
    return (found.width, found.height) if found and found.width else None
