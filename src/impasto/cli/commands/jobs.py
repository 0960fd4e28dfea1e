"""Commands about jobs: jobs, show, logs, cancel, gc."""

from __future__ import annotations

import math
import signal
import time
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

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
from impasto.cli.times import since_moment
from impasto.errors import BadInput, Interrupted, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.cli.render.logs import LogView
    from impasto.jobs.job import Job
    from impasto.jobs.removal import Removal
    from impasto.jobs.state import State
    from impasto.settings import Settings
    from impasto.storage.store import Store
    from impasto.watch.rule import Rule

Level = Literal["debug", "info", "warning", "error"]
Prints = Literal["all", "stdout", "stderr"]
FOLLOW = 2.0
"""Seconds between two checks for new events of a log."""


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(jobs)
    app.command()(show)
    app.command()(logs)
    app.command()(cancel)
    app.command()(gc)


def jobs(
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only jobs in this state: running, waiting, stopped, incomplete, failed, done or "
            "cancelled; may be given several times."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only jobs that changed since: 2d, 12h, 2026-11-01.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Only jobs with this label; may be given several times.", metavar="KEY[=VALUE]"
        ),
    ] = None,
    rule: Annotated[
        str | None, typer.Option(help="Only jobs of this rule of 'impasto watch'.", metavar="NAME")
    ] = None,
    sizes: Annotated[bool, typer.Option("--size", help="Also show how large jobs are.")] = False,
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("job")] = False,
) -> None:
    """List the jobs, newest first."""
    from impasto.cli.labels import has_labels, wanted_labels
    from impasto.cli.render import job_list
    from impasto.jobs import find
    from impasto.jobs.summary import Unreadable, summaries

    wanted, after = _states(state), since_moment(since, "--since") if since else 0.0
    settings = load_settings(config, home)
    known, labels = find.jobs(open_stores(settings).open_home(settings.home)), wanted_labels(label)
    found = (
        each
        for each in summaries(known)
        if isinstance(each, Unreadable)
        or (
            each.state in wanted
            and each.changed >= after
            and rule in {None, each.rule}
            and has_labels(each.labels, labels)
        )
    )
    ids = [job.id for job in known]
    job_list.jobs(found, ids, settings.home, sizes=sizes, as_json=as_json)


def _states(given: list[str] | None) -> set[State]:
    """Return the states to list; raises BadInput for a word that is none."""
    from impasto.jobs.state import STATES

    for each in given or ():
        if each not in STATES:
            raise BadInput(f"--state {each}: is not a state", f"choose from {', '.join(STATES)}")
    return {each for each in STATES if not given or each in given}


def show(
    job: JobId,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Also show why its shards are as large as they are."),
    ] = False,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show a job: its state, what it does, where its time went, what failed and why."""
    from impasto.cli.render import job_facts
    from impasto.jobs.summary import details

    found = details(find_job(job, load_settings(config, home)))
    job_facts.job(found, as_json=as_json, verbose=verbose)


def logs(
    job: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing until the job ends.")
    ] = False,
    level: Annotated[Level, typer.Option(help="Only events of this level and above.")] = "debug",
    shard: Annotated[
        str | None, typer.Option(help="Only events of this shard, or of 3-7.", metavar="N")
    ] = None,
    item: Annotated[
        str,
        typer.Option(
            help="Only events of an item: its name or words of it, or its index as in --json.",
            metavar="NAME|N",
        ),
    ] = "",
    text: Annotated[str, typer.Option(help="Only events that contain this.")] = "",
    worker: Annotated[
        str, typer.Option(help="Only events of workers with this in their name.")
    ] = "",
    prints: Annotated[
        Prints | None,
        typer.Option(help="Print exactly what scorers printed: to one stream, or all of it."),
    ] = None,
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("event")] = False,
) -> None:
    """Print a job's log, down to every frame."""
    from impasto.cli.render.logs import LogView
    from impasto.jobs.log_filter import LogFilter, shard_range

    shards = shard_range(shard) if shard is not None else None
    chosen = LogFilter(level, shards, item, text, worker, prints or "")
    found = find_job(job, load_settings(config, home))
    # A job that does not exist has no log to say so.
    view = LogView(found, found.spec(), chosen, as_json=as_json)
    if follow:
        _follow(found, view)
        return
    view.show(found.journal.read(skips=None if chosen.all else chosen.skips))
    view.close()


def cancel(job: JobId, home: Home = None, config: Config = None) -> None:
    """Cancel a running job; finished work is kept."""
    from impasto.cli.job_argument import job_argument
    from impasto.cli.render.text import say
    from impasto.jobs.state import standing

    streams.act()
    settings = load_settings(config, home)
    found = find_job(job, settings)
    runs = standing(found, found.listing()).state == "running"
    found.cancel()
    named = job_argument(found.id, settings.home)
    what = "is asked to stop, once the work in hand is done" if runs else "cancelled"
    say(f"job {found.id}: {what}; run 'impasto resume {named}' to continue it")


def gc(
    older_than: Annotated[
        str | None,
        typer.Option(
            help="Also remove jobs that have not changed for this long, and what 'impasto watch' "
            "has kept for as long about objects that are gone: 30d, 12h."
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Remove jobs in this state; may be given several times. "
            "[default: done, if --older-than is given]"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only show what would be removed.")
    ] = False,
    home: Home = None,
    config: Config = None,
    as_json: Annotated[bool, json_lines("thing")] = False,
) -> None:
    """Free disk space: remove leftovers, and the jobs that you ask for.

    Leftovers are temporary folders that no process holds, and copies of local files in the home
    that no job names. Outputs always stay.
    """
    from impasto.cli.render import removals
    from impasto.driver.cleaning import clean

    streams.act()
    asked = (state or ["done"]) if state or older_than else []
    before = since_moment(older_than, "--older-than") if older_than else math.inf
    settings = load_settings(config, home)
    store = open_stores(settings).open_home(settings.home)
    states = _states(asked) if asked else set()
    found: Iterator[Removal] = clean(store, states, before, dry_run=dry_run)
    if older_than:
        found = chain(found, _records(store, settings, config, before, dry_run=dry_run))
    removals.removals(found, dry_run=dry_run, as_json=as_json)


def _records(
    home: Store, settings: Settings, config: str | None, before: float, *, dry_run: bool
) -> Iterator[Removal]:
    """Remove what watchers need no more; a home that none has used costs one listing."""
    from impasto.jobs.removal import Removal
    from impasto.watch.folder import used
    from impasto.watch.inbox import Inbox
    from impasto.watch.records import Records
    from impasto.watch.retention import retire
    from impasto.watch.rules import load_rules

    if not used(home):
        return
    stores = open_stores(settings)
    try:
        _, rules = load_rules(config, settings, stores)
    except (BadInput, Unavailable) as error:
        yield Removal("record", "of rules", 0, error.fact)
        return

    def keys(rule: Rule) -> Iterator[str]:
        return (each.key for each in Inbox(rule.inbox, stores).walk())

    yield from retire(Records(home), rules, keys, before, dry_run=dry_run)


def _follow(job: Job, view: LogView) -> None:
    """Print a job's log until the job ends; raises Interrupted on Ctrl-C."""
    from impasto.cli.render.logs import end
    from impasto.jobs.follow import Ended, follow

    # Shells start background commands with it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for event in follow(job, lambda: time.sleep(FOLLOW)):
            if isinstance(event, Ended):
                end(job, event)
            else:
                view.show([event])
        view.close()
    except KeyboardInterrupt:
        raise Interrupted("") from None
