"""Commands that move media in and out of stores: ls, cp, rm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli import streams
from impasto.cli.options import (
    AsJson,
    Config,
    Home,
    Quiet,
    json_lines,
    load_settings,
    open_stores,
)
from impasto.errors import ImpastoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.cli.progress import Units
    from impasto.settings import Settings
    from impasto.storage.transfer.tasks import Observer, Tally

_JOB = re.compile(r"[0-9a-f]{4,12}")
"""A job's id, or its beginning; no URL looks like one."""


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(ls)
    app.command()(cp)
    app.command()(rm)


def ls(
    url: Annotated[str, typer.Argument(help="A folder, prefix, file or object.", metavar="URL")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="List everything below it.")
    ] = False,
    config: Config = None,
    as_json: Annotated[bool, json_lines("entry")] = False,
) -> None:
    """List a URL or path: size, modification time (UTC) and name."""
    from impasto.cli.render import transfer
    from impasto.cli.render.text import note
    from impasto.storage.transfer.listing import entries

    stores = open_stores(load_settings(config))
    found = entries(stores, url, recursive=recursive, note=note)
    transfer.listing(found, as_json=as_json)


def cp(
    sources: Annotated[list[str], typer.Argument(help="URLs and paths.", metavar="SOURCE")],
    target: Annotated[str, typer.Argument(help="URL or path.", metavar="TARGET")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Copy everything again, and replace existing files.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Copy files, objects and folders to, from or between stores.

    A folder is copied into TARGET: 'cp photos az://c/in/' makes az://c/in/photos/... With a
    trailing slash, only its contents are: 'cp photos/ az://c/in/' makes az://c/in/... A single file
    is copied to the name TARGET, unless that is a folder or ends in a slash.

    Run the same command again to resume. Files that have the same size at TARGET and are not older
    there are skipped (on this machine: those with exactly the source's modification time, which
    copies are given).
    Files that differ are left alone and reported; --overwrite replaces them.
    """
    from impasto.cli import progress
    from impasto.schema.url import normal
    from impasto.storage.transfer.copying import copy

    stores = open_stores(load_settings(config))
    _show(
        lambda watch: copy(stores, sources, target, overwrite=overwrite, watch=watch),
        progress.BYTES,
        normal(target),
        as_json=as_json,
        quiet=quiet,
    )


def rm(
    what: Annotated[list[str], typer.Argument(help="What to delete.", metavar="JOB|URL")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Also delete everything below.")
    ] = False,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Delete jobs by their ids, or objects in stores by their URLs, for good.

    A job's output stays, and a running job is refused. Other files on this machine are never
    deleted.
    """
    jobs = [each for each in what if _JOB.fullmatch(each)]
    urls = [each for each in what if each not in jobs]
    if jobs:
        _remove_jobs(jobs, load_settings(config, home), as_json=as_json, quiet=quiet)
    if not urls:
        return
    from impasto.cli import progress
    from impasto.storage.transfer.removal import remove

    stores = open_stores(load_settings(config))
    _show(
        lambda watch: remove(stores, urls, recursive=recursive, watch=watch),
        progress.OBJECTS,
        None,
        as_json=as_json,
        quiet=quiet,
    )


def _remove_jobs(jobs: list[str], settings: Settings, *, as_json: bool, quiet: bool) -> None:
    """Remove jobs; refuses all of them if one cannot be found."""
    from impasto.cli.render.text import json_line, say
    from impasto.jobs import find
    from impasto.jobs.removal import remove
    from impasto.schema.words import size

    streams.act()
    home = open_stores(settings).open_home(settings.home)
    for job in [find.find(home, each) for each in jobs]:
        freed = remove(job)
        if as_json:
            json_line({"job": job.id, "bytes": freed})
        elif not quiet:
            say(f"job {job.id}: removed, {size(freed)} freed")


def _show(
    act: Callable[[Observer], Tally],
    units: Units,
    target: str | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run an action, and show its progress and how it ended."""
    from impasto.cli import interrupt, progress
    from impasto.cli.render import transfer
    from impasto.storage.transfer.tasks import Observer, Tally

    streams.act()
    last = Tally()

    def update(tally: Tally) -> None:
        nonlocal last
        last = tally
        shown.update(tally)

    try:
        with (
            progress.progress(quiet, units) as shown,
            interrupt.interruptible(shown.stopping) as stop,
        ):
            done = act(Observer(update, progress.failed, stop))
    except ImpastoError as error:
        if as_json:
            transfer.moved(last, target, error, as_json=True)
        raise
    transfer.moved(done, target, as_json=as_json, quiet=quiet)
