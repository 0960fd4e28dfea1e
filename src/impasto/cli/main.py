"""The command line: parses, calls `run` and shows; holds no state of its own.

Everything heavy is imported inside the commands, so that help appears at once.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from impasto import secrecy
from impasto.cli.commands import access, cluster, move
from impasto.cli.options import (
    AsJson,
    Config,
    Home,
    ItemKind,
    JobId,
    Plot,
    Quiet,
    app,
    early,
    load_settings,
    open_stores,
    takes_changes,
    takes_settings,
)
from impasto.cli.scorer_flags import ScorerCommand
from impasto.cli.spec_options import takes_spec
from impasto.errors import BadInput, ImpastoError, Interrupted

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.schema import JobSpec, Result
    from impasto.settings import Settings


__all__ = ["app", "main"]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"impasto {version('impasto')}")
        raise Exit


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Score media with deep-learning models; the flagship paints videos in any style."""


@app.command(cls=ScorerCommand)
@early
@takes_spec
@takes_settings
def run(
    spec: JobSpec,
    settings: Settings,
    plot: Plot = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score SOURCE; the same command again goes on where it stopped."""
    if plot:
        _check_plot(spec.scorer, plot)
    _finish(None, spec, settings, as_json=as_json, quiet=quiet, plot=plot)


@app.command(cls=ScorerCommand)
@takes_spec
@takes_settings
def plan(spec: JobSpec, settings: Settings, as_json: AsJson = False) -> None:
    """Show how 'run' would cut SOURCE into shards, and why; writes nothing."""
    from impasto.cli.render import jobs as display
    from impasto.driver import loop
    from impasto.planning import planner

    draft = planner.draft(spec, settings)
    display.plan(draft, loop.called(draft.plan), as_json=as_json)


@app.command()
@takes_changes
@takes_settings
def resume(
    job: JobId,
    changes: dict[str, object],
    settings: Settings,
    as_json: AsJson = False,
    quiet: Quiet = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is at the output.")
    ] = False,
    as_submitted: Annotated[
        bool, typer.Option("--as-submitted", help="Stay cancelled, if the job was.")
    ] = False,
) -> None:
    """Go on with a job where it stopped."""
    found = _job(job, settings)
    spec = found.spec()
    spec = spec.model_copy(update={**changes, "overwrite": overwrite or spec.overwrite})
    _finish(found, spec, settings, as_json=as_json, quiet=quiet, as_submitted=as_submitted)


@app.command()
@takes_changes
@takes_settings
def retry(
    job: JobId,
    changes: dict[str, object],
    settings: Settings,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Try a job's items again that were set aside, and only those."""
    found = _job(job, settings)
    spec = found.spec().model_copy(update=changes)
    _finish(found, spec, settings, as_json=as_json, quiet=quiet, retry=True)


@app.command()
def scorers(
    scorer: Annotated[
        str | None, typer.Argument(help="One of them, or python:FILE.py:CLASS.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the scorers, or one of them with all that it takes."""
    from impasto.cli.render import jobs as display

    display.scorers(scorer, as_json=as_json)


@app.command()
def jobs(home: Home = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the jobs, newest first."""
    from impasto.cli.render import jobs as display
    from impasto.jobs import job as job_module

    settings = load_settings(config, home)
    home_store = open_stores(settings).home(settings.home)
    display.jobs(job_module.jobs(home_store), as_json=as_json)


@app.command()
def show(job: JobId, home: Home = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show a job: what it does, how far it is, and where its time went."""
    from impasto.cli.render import jobs as display

    display.job(_job(job, load_settings(config, home)), as_json=as_json)


@app.command()
def logs(
    job: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print what comes until the job ends, too.")
    ] = False,
    home: Home = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print a job's log, down to every frame."""
    from impasto.cli.render import jobs as display

    display.logs(_job(job, load_settings(config, home)), as_json=as_json, follow=follow)


@app.command()
def cancel(job: JobId, home: Home = None, config: Config = None) -> None:
    """Ask whoever runs a job to stop; what is done is kept."""
    from impasto.cli.render import jobs as display

    found = _job(job, load_settings(config, home))
    status = found.listing().status
    if status == "done":
        raise BadInput(f"job {found.id}: is done already; there is nothing to cancel")
    found.cancel()
    display.say(f"job {found.id}: cancelled; 'impasto resume {found.named}' takes that back")


@app.command()
def probe(
    source: str, items: ItemKind = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Show the facts of a video, images, files or a table."""
    from impasto.cli.render import jobs as display

    display.probe(open_stores(load_settings(config)), source, items, as_json=as_json)


@app.command()
def verify(source: str, output: str, config: Config = None, as_json: AsJson = False) -> None:
    """Prove, item by item, that an output video keeps all of its source but the pictures."""
    from impasto.cli.render import jobs as display

    if not display.verify(open_stores(load_settings(config)), source, output, as_json=as_json):
        raise Exit(1)


@app.command()
@takes_settings
def demo(
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the results.")] = "demo",
    *,
    settings: Settings,
    quiet: Quiet = False,
) -> None:
    """Paint a real clip in the style of the painting that comes with Impasto."""
    from impasto.cli.commands import demo as demo_module

    spec, sheet = demo_module.prepare(output)
    result = _finish(None, spec, settings, as_json=False, quiet=quiet)
    demo_module.contact_sheet(spec.source, result.output, sheet)
    if not quiet:
        from impasto.cli.render import jobs as display

        display.say(f"{sheet}: source and result side by side")


for _commands in (move, access, cluster):
    _commands.add(app)


def main() -> None:
    """Run the command line and exit with the code that the outcome asks for."""
    secrecy.guard()
    debug = "--debug" in sys.argv[1:]
    if debug:
        sys.argv.remove("--debug")
    try:
        code = app(standalone_mode=False)
        if code == Interrupted.exit_code:
            # Typer makes this of a KeyboardInterrupt, and says nothing.
            code = _explain(KeyboardInterrupt())
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (it is explained)
        if debug:
            sys.stderr.write(secrecy.explain(error))
        code = _explain(error)
        if isinstance(error, KeyboardInterrupt):
            # Threads may wait for a store for minutes; Python would wait for them.
            sys.stdout.flush()
            os._exit(code)
    sys.exit(code)


def _explain(error: BaseException) -> int:
    """Print one line for an error and return its exit code."""
    words = " ".join(str(error).split())
    match error:
        case ImpastoError():
            line, code = str(error), error.exit_code
        case KeyboardInterrupt() | Abort():
            line = "stopped at once; what is done is kept, and the same command goes on"
            code = Interrupted.exit_code
        case TyperException():
            words = " ".join(error.format_message().split()).rstrip(".")
            line, code = f"{words}; see 'impasto --help'", BadInput.exit_code
        case _:
            fact = f"{type(error).__name__}: {words}"
            line, code = f"internal error: {fact}; run again with --debug", 1
    if line:
        print(secrecy.redact(f"impasto: {line}"), file=sys.stderr)
    return code


def _finish(
    found: Job | None,
    spec: JobSpec,
    settings: Settings,
    *,
    as_json: bool,
    quiet: bool,
    plot: str | None = None,
    **how: bool,
) -> Result:
    from impasto.cli import progress
    from impasto.cli.render import jobs as display
    from impasto.driver import loop
    from impasto.driver.submit import submit

    last: loop.Progress | None = None

    def on_progress(event: loop.Progress) -> None:
        nonlocal last
        last = event
        shown.update(event)

    try:
        with progress.progress(quiet) as shown, progress.interruptible(shown.stopping) as stop:
            job = found or submit(spec, settings)
            result = loop.finish(
                job, spec, settings=settings, on_progress=on_progress, stop=stop, **how
            )
            if plot:
                display.plot(job, plot)
    except ImpastoError as error:
        if as_json:
            display.failure(error, last)
        raise
    plan = job.plan()
    called = loop.called(plan) if plan else "items"
    display.result(result, called, job.named, as_json=as_json, quiet=quiet)
    return result


def _check_plot(scorer: str, path: str) -> None:
    """Refuse, before hours are spent, a plot that cannot be drawn."""
    from importlib.util import find_spec

    from impasto import scorers as table

    if not table.find(scorer.partition(":")[0]).losses:
        raise BadInput(f"--plot: scorer {scorer} tells no losses; leave it out")
    if find_spec("matplotlib") is None:
        raise BadInput("--plot: needs matplotlib; run pip install 'impasto[plot]'")
    folder = os.path.dirname(path) or "."  # noqa: PTH120 (a path as the user gave it)
    if not os.access(folder, os.W_OK):
        raise BadInput(f"--plot {path}: cannot be written there; choose another place")


def _job(job_id: str, settings: Settings) -> Job:
    from impasto.jobs import job as job_module

    return job_module.find(open_stores(settings).home(settings.home), job_id)
