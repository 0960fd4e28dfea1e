"""How a job ended: its result on stdout, notes on stderr."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from impasto.cli.job_progress import speed
from impasto.cli.render.job_facts import reason
from impasto.cli.render.text import json_line, note, say, warn
from impasto.cli.render.wording import worded
from impasto.errors import ImpastoError, Incomplete
from impasto.schema.words import clock, counted, plain, size

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from impasto.schema.outcome import Result
    from impasto.schema.progress import Progress

SHOWN = 5
"""Failed items that are listed after a job."""


def result_line(done: Result, **named: str) -> None:
    """Print a finished job as a JSON line; of several jobs, with what tells it from the others."""
    facts = done.model_dump(mode="json", exclude={"bytes", "sha256"})
    json_line({**facts, "done_already": done.done_already, **named})


def result(
    done: Result,
    output: str,
    called: str,
    named: str,
    media_rate: float = 0.0,
    told: Collection[str] = (),
) -> None:
    """Print a finished job as a line for people.

    Args:
        done: its result.
        output: where its output is, as the user calls it.
        called: the name of its items, such as frames.
        named: the job, as commands take it.
        media_rate: frames per second of the video that it made; 0 if it made none.
        told: the notes that were printed while it ran.
    """
    for line in dict.fromkeys((*done.warnings, *done.notes)):
        if line not in told:
            note(line)
    aside(done, called, named)
    part = f"{done.scored:,} of " if 0 < done.scored < done.items else ""
    line = f"{output}: {part}{counted(done.items, called)}"
    if done.failed:
        line += f", {done.failed} failed"
        line += f" (see {PurePath(done.report).name} beside it)" if done.report else ""
    line += f", {done.concealed} concealed" if done.concealed else ""
    line += f", {done.repeated:,} equal to the one before" if done.repeated else ""
    if done.seconds:
        line += f" in {clock(done.seconds)}"
        line += (
            f", {speed(done.fps, called, media_rate)}" if done.fps else ", all from earlier runs"
        )
    else:
        line += ", done already"
    say(f"{line}, {size(done.bytes)} (job {done.job})")


def aside(done: Result, called: str, named: str) -> None:
    """Name the first items that failed, and why."""
    failed(
        [f"{plain(each.name(called))}: {reason(each)}" for each in done.aside], done.failed, named
    )
    if done.failed:
        warn(f"'impasto retry {named}' tries {'them' if done.failed > 1 else 'it'} again")


def failed(first: Sequence[str], count: int, named: str) -> None:
    """Print the first items that failed, each with why.

    Args:
        first: these, for people.
        count: how many there are in all.
        named: the job, as commands take it.
    """
    for each in first[:SHOWN]:
        warn(f"failed: {each}")
    if first and count > SHOWN:
        warn(f"and {count - SHOWN:,} more: see 'impasto show {named}'")


def failure(error: ImpastoError, last: Progress | None, **named: str) -> None:
    """Print, as one JSON line, how far an unfinished job came; further facts as `result_line`."""
    line: dict[str, object] = {"job": last.job if last else None, "output": None}
    if isinstance(error, Incomplete):
        line |= {"partial": error.output or None, "report": error.report or None}
    line |= {"items": last.done if last else 0, "total": last.total if last else 0}
    json_line({**line, "error": worded(str(error)), "exit_code": error.exit_code, **named})
