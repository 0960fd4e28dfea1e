"""Commands that run a job: run, plan, resume, retry."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli import streams
from impasto.cli.options import (
    AcceptChanges,
    AsJson,
    JobId,
    Plot,
    Quiet,
    Shown,
    Verbose,
    alive,
    early,
    find_job,
    takes_changes,
    takes_settings,
)
from impasto.cli.scorer_commands import ScorerCommand, SetCommand
from impasto.cli.spec_options import takes_jobs, takes_spec
from impasto.errors import BadInput, ImpastoError, Incomplete, Interrupted

if TYPE_CHECKING:
    from impasto.cli.spec_options import Asked
    from impasto.jobs.job import Job
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Result
    from impasto.settings import Settings


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(cls=SetCommand)(run)
    app.command(cls=ScorerCommand)(plan)
    app.command()(resume)
    app.command()(retry)


@alive
@early
@takes_jobs
@takes_settings
def run(
    asked: Asked,
    settings: Settings,
    plot: Plot = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=64, help="Jobs at once, of several.", metavar="N")
    ] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Score SOURCE; run the same command again to resume it."""
    from impasto.cli import sets
    from impasto.cli.render import jobs as display
    from impasto.cli.render.text import note

    if plot:
        _check_plot(asked.spec.scorer, plot)
    shown = Shown(as_json=as_json, quiet=quiet, verbose=verbose)
    try:
        named = sets.name_jobs(asked, settings, plot)
    except ImpastoError as error:
        if as_json:
            display.failure(error, None)
            raise type(error)("") from error
        raise
    if not quiet:
        for line in named.notes:
            note(line)
    if named.several:
        sets.run_all(named, settings, shown, jobs)
    else:
        finish_job(None, named.members[0].spec, settings, shown, plot=plot)


@takes_spec
@takes_settings
def plan(spec: JobSpec, settings: Settings, as_json: AsJson = False) -> None:
    """Show how long 'run' would take, how it would cut SOURCE into shards, and why.

    Nothing is written. A few items are scored if no earlier job shows how fast the scorer is.
    """
    from impasto.cli.render import facts
    from impasto.cli.render.text import note
    from impasto.driver import preview

    def scoring() -> None:
        note("scoring a few items to see how fast this is here")

    try:
        draft = preview.draft(spec, settings, scoring)
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written") from None
    facts.plan(draft, as_json=as_json)


@alive
@takes_changes
@takes_settings
def resume(
    job: JobId,
    changes: dict[str, object],
    settings: Settings,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.")
    ] = False,
    as_submitted: Annotated[
        bool, typer.Option("--as-submitted", help="Do not resume a job that was cancelled.")
    ] = False,
    accept_changes: AcceptChanges = False,
) -> None:
    """Continue a job where it stopped."""
    from impasto.schema.base import change

    found = find_job(job, settings)
    spec = found.spec()
    fields = {**changes, "overwrite": overwrite or spec.overwrite}
    spec = change(spec, fields, "see 'impasto resume --help'")
    shown = Shown(as_json=as_json, quiet=quiet, verbose=verbose)
    finish_job(
        found,
        spec,
        settings,
        shown,
        as_submitted=as_submitted,
        accept_changes=accept_changes,
    )


@alive
@takes_changes
@takes_settings
def retry(
    job: JobId,
    changes: dict[str, object],
    settings: Settings,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    accept_changes: AcceptChanges = False,
) -> None:
    """Score a job's failed items again, and nothing else."""
    from impasto.schema.base import change

    found = find_job(job, settings)
    spec = change(found.spec(), changes, "see 'impasto retry --help'")
    shown = Shown(as_json=as_json, quiet=quiet, verbose=verbose)
    finish_job(found, spec, settings, shown, retry=True, accept_changes=accept_changes)


def finish_job(
    found: Job | None,
    spec: JobSpec,
    settings: Settings,
    show: Shown,
    *,
    plot: str | None = None,
    retry: bool = False,
    as_submitted: bool = False,
    accept_changes: bool = False,
) -> Result:
    """Run a job, new or found, with a progress bar, and print its result."""
    from impasto.cli import interrupt, job_progress, progress
    from impasto.cli.job_argument import job_argument, name_job
    from impasto.cli.render import jobs as display
    from impasto.cli.render.wording import worded
    from impasto.driver import api
    from impasto.driver.open_job import open_job
    from impasto.driver.submit import submit
    from impasto.schema.words import plain

    streams.act()
    watch = job_progress.JobWatch(spec, settings.home)
    units = job_progress.job_units(spec, verbose=show.verbose)
    job = found
    try:
        # A debugger, or what the scorer prints, needs the terminal.
        bar = settings.engine != "inline"
        whose = {"tenant": spec.tenant, "rule": spec.rule} if settings.log == "json" else None
        with (
            progress.progress(show.quiet, units, bar=bar, whose=whose) as shown,
            interrupt.interruptible(shown.stopping, watch.at_once, watch.stopped) as stop,
        ):
            opened = open_job(spec, settings, found)
            job = job or submit(opened)
            result = api.finish_open(
                opened,
                on_progress=partial(watch.update, shown),
                stop=stop,
                retry=retry,
                as_submitted=as_submitted,
                accept_changes=accept_changes,
            )
            if plot:
                _plot(job, plot)
    except (ImpastoError, KeyboardInterrupt) as cause:
        if isinstance(cause, ImpastoError):
            name_job(cause, job.id if job else "", settings.home)
        error = watch.end(cause, asked=stop.is_set(), as_submitted=as_submitted)
        if show.as_json:
            display.failure(error, watch.last)
            # It is said; only its exit code is left to be told.
            raise type(error)("") from cause
        if job and isinstance(error, Incomplete) and not show.quiet:
            named = job_argument(job.id, settings.home)
            display.failed([plain(worded(each)) for each in error.aside], error.failed, named)
        raise error from None
    plan = job.plan()
    called = plan.noun if plan else "items"
    named = job_argument(job.id, settings.home)
    if show.as_json:
        display.result_line(result)
    elif not show.quiet:
        # A command that names a job says where its output is; another says what was typed.
        output = result.output if found else spec.output
        told = watch.last.warnings if watch.last else ()
        display.result(result, output, called, named, plan.media_rate if plan else 0.0, told)
    return result


def _plot(job: Job, path: str) -> None:
    """Draw the losses that a job's log holds; raises BadInput when it holds none."""
    from impasto.cli.render import plot
    from impasto.jobs.summary import losses

    curves = losses(job)
    if not curves:
        raise BadInput("--plot: this scorer reports no losses", "see 'impasto scorers'")
    plot.losses(Path(path), curves)


def _check_plot(scorer: str, path: str) -> None:
    """Refuse, before hours are spent, a plot that cannot be drawn."""
    from impasto.cli.render import plot
    from impasto.scorers import registry

    if not registry.find(scorer).losses:
        raise BadInput(f"--plot: scorer {scorer} reports no losses", "leave it out")
    plot.check(path)
