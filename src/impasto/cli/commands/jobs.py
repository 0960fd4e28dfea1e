"""Commands about jobs: jobs, show, logs, cancel."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli import streams
from impasto.cli.options import (
    AsJson,
    Config,
    Home,
    JobId,
    find_job,
    json_lines,
    load_settings,
    open_stores,
)
from impasto.errors import Interrupted

if TYPE_CHECKING:
    from impasto.jobs.job import Job

FOLLOW = 2.0
"""Seconds between two checks for new events of a log."""


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(jobs)
    app.command()(show)
    app.command()(logs)
    app.command()(cancel)


def jobs(
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("job")] = False,
) -> None:
    """List the jobs, newest first."""
    from impasto.cli.render import jobs as display
    from impasto.jobs.summary import summaries

    settings = load_settings(config, home)
    home_store = open_stores(settings).open_home(settings.home)
    display.jobs(summaries(home_store), as_json=as_json)


def show(job: JobId, home: Home = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show a job: what it does, its progress, and where its time went."""
    from impasto.cli.render import jobs as display
    from impasto.jobs.summary import details

    display.job(details(find_job(job, load_settings(config, home))), as_json=as_json)


def logs(
    job: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing until the job ends.")
    ] = False,
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("event")] = False,
) -> None:
    """Print a job's log, down to every frame."""
    from impasto.cli.render import logs as display

    found = find_job(job, load_settings(config, home))
    # A job that does not exist has no log to say so.
    found.spec()
    if follow:
        _follow(found, as_json=as_json)
        return
    for event in found.journal.read():
        display.event(event, as_json=as_json)


def cancel(job: JobId, home: Home = None, config: Config = None) -> None:
    """Cancel a running job; finished work is kept."""
    from impasto.cli.job_argument import job_argument
    from impasto.cli.render.text import say

    streams.act()
    settings = load_settings(config, home)
    found = find_job(job, settings)
    found.cancel()
    named = job_argument(found.id, settings.home)
    say(f"job {found.id}: cancelled; run 'impasto resume {named}' to continue it")


def _follow(job: Job, *, as_json: bool) -> None:
    """Print a job's log until the job ends; raises Interrupted on Ctrl-C."""
    from impasto.cli.render import logs as display
    from impasto.jobs.follow import Ended, follow

    # Shells start background commands with it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for event in follow(job, lambda: time.sleep(FOLLOW)):
            if isinstance(event, Ended):
                display.end(job, event)
            else:
                display.event(event, as_json=as_json)
    except KeyboardInterrupt:
        raise Interrupted("") from None
