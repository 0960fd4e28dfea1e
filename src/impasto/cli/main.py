"""The command line: parses, calls `run` and shows; holds no state of its own.

Everything heavy is imported inside the commands, so that help appears at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from impasto import secrecy
from impasto.cli import debugging, streams
from impasto.cli.commands import (
    access,
    cluster,
    compare,
    demo,
    inspect,
    jobs,
    metrics,
    move,
    run,
    serve,
    timings,
    token,
    trial,
    watch,
)
from impasto.cli.options import app
from impasto.cli.render.wording import STOPPED, worded
from impasto.errors import BadInput, BadRules, ImpastoError, Interrupted, StoppedAtOnce
from impasto.schema.words import plain

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


for _commands in (
    run,
    trial,
    jobs,
    timings,
    inspect,
    compare,
    metrics,
    demo,
    move,
    access,
    cluster,
    watch,
    serve,
    token,
):
    _commands.add(app)


def main() -> None:
    """Run the command line and exit with the outcome's code."""
    streams.prepare()
    secrecy.guard()
    debug = "--debug" in sys.argv[1:]
    if debug:
        sys.argv.remove("--debug")
    debugging.asked = debug
    try:
        code = _run()
        sys.stdout.flush()
    except SystemExit as ended:
        # A scorer in this process may end it with words of its own.
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(secrecy.redact(ended.code), file=sys.stderr)
    except streams.ReaderLeft:
        code = streams.BY_SIGPIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (it is explained)
        if debug:
            sys.stderr.write(secrecy.explain(error))
        code = _explain(error)
        if isinstance(error, KeyboardInterrupt | StoppedAtOnce):
            # Threads may wait for a store for minutes, and Python would wait for them.
            sys.stdout.flush()
            os._exit(code)
    sys.exit(code)


def _run() -> int:
    """Run a command and return its exit code; raises what the command raises."""
    # However it was started, messages name the command that users type.
    code: int = app(prog_name="impasto", standalone_mode=False)
    if code == Interrupted.exit_code:
        # Typer turns a KeyboardInterrupt into this, silently.
        raise KeyboardInterrupt
    return code


def _explain(error: BaseException) -> int:
    """Print one line for an error and return its exit code."""
    words = " ".join(str(error).split())
    for problem in error.problems if isinstance(error, BadRules) else ():
        print(secrecy.redact(f"impasto: {plain(worded(problem))}"), file=sys.stderr)
    match error:
        case ImpastoError():
            line, code = worded(str(error)), error.exit_code
        case KeyboardInterrupt() | Abort():
            line, code = STOPPED, Interrupted.exit_code
        case TyperException():
            words = " ".join(error.format_message().split()).rstrip(".")
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "impasto"
            line, code = f"{words}; see '{command} --help'", BadInput.exit_code
        case _:
            fact = f"{type(error).__name__}: {words}"
            line, code = f"internal error: {fact}; run again with --debug", 1
    if line:
        print(secrecy.redact(f"impasto: {plain(line)}"), file=sys.stderr)
    return code
