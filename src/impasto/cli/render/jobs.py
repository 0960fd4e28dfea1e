"""Output about jobs: results and tables on stdout, notes on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from impasto.cli.job_progress import speed
from impasto.cli.render.text import OUT, clock, fact_lines, json_line, note, say, size, warn
from impasto.cli.render.wording import plain, worded
from impasto.jobs.summary import JobSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.errors import ImpastoError
    from impasto.jobs.summary import JobDetails, Unreadable
    from impasto.schema.outcome import ItemError, Result
    from impasto.schema.progress import Progress

SHOWN = 5
"""Set-aside items that are listed after a job."""


def result_line(done: Result) -> None:
    """Print a finished job as a JSON line."""
    facts = done.model_dump(mode="json", exclude={"bytes", "sha256"})
    json_line({**facts, "done_already": not done.seconds})


def result(done: Result, called: str, named: str, media_rate: float = 0.0) -> None:
    """Print a finished job as a line for people.

    Args:
        done: its result.
        called: the name of its items, such as frames.
        named: the job, as commands take it.
        media_rate: frames per second of the video that it made; 0 if it made none.
    """
    # A run that scores has shown the warnings when it began.
    for line in (*(() if done.seconds else done.warnings), *done.notes):
        note(line)
    aside(done, named)
    line = f"{done.output}: {done.items} {called if done.items != 1 else called.removesuffix('s')}"
    line += f", {done.failed} set aside" if done.failed else ""
    line += f", {done.concealed} concealed" if done.concealed else ""
    if done.seconds:
        line += f" in {clock(done.seconds)}"
        line += f", {speed(done.fps, called, media_rate)}" if done.fps else ", nothing rescored"
    else:
        line += ", done already"
    say(f"{line}, {size(done.bytes)} (job {done.job})")


def aside(done: Result, named: str) -> None:
    """Name the first items that were set aside, and why."""
    for each in done.aside[:SHOWN]:
        warn(f"set aside: {plain(each.key or str(each.item))}: {_reason(each)}")
    if done.failed > SHOWN:
        warn(f"and {done.failed - SHOWN} more: see 'impasto show {named}'")
    if done.failed:
        warn(f"'impasto retry {named}' scores them again")


def _reason(error: ItemError) -> str:
    """Return why an item was set aside; one with a traceback is the scorer's own message."""
    return error.error if error.traceback else worded(error.error)


def failure(error: ImpastoError, last: Progress | None) -> None:
    """Print, as one JSON line, how far an unfinished job came."""
    line: dict[str, object] = {"job": last.job if last else None, "output": None}
    line |= {"items": last.done if last else 0, "total": last.total if last else 0}
    json_line({**line, "error": worded(str(error)), "exit_code": error.exit_code})


def jobs(found: Iterable[JobSummary | Unreadable], *, as_json: bool) -> None:
    """Print a table of jobs, or one JSON line per job; notes name those that cannot be read."""
    rows: list[JobSummary] = []
    for each in found:
        if isinstance(each, JobSummary):
            rows.append(each)
        else:
            note(each.why)
    if as_json:
        for row in rows:
            json_line(row.model_dump(mode="json"))
        return
    table = Table("job", "status", "shards", "size", "source", "output", box=None, pad_edge=False)
    for row in rows:
        shards = f"{row.shards_done}/{row.shards or '?'}"
        texts = Text(plain(row.source)), Text(plain(row.output))
        table.add_row(row.job, row.status, shards, size(row.bytes), *texts)
    OUT.print(table)


def job(found: JobDetails, *, as_json: bool) -> None:
    """Print all that is known of a job."""
    facts = found.model_dump(mode="json", exclude={"result": {"aside"}})
    if as_json:
        json_line(facts)
        return
    del facts["failed"]
    if facts["result"]:
        # The plan's warnings are shown already.
        del facts["result"]["warnings"]
    fact_lines(facts, as_json=False)
    _failed(found.failed)


def _failed(failed: Iterable[ItemError]) -> None:
    """Print why items failed, each reason once with its traceback, and which items."""
    reasons: dict[str, list[ItemError]] = {}
    for each in failed:
        reasons.setdefault(_reason(each), []).append(each)
    for reason, errors in reasons.items():
        names = [plain(each.key or f"item {each.item}") for each in errors]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        say(f"failed: {', '.join(names[:SHOWN])}{more}: {reason}")
        for line in errors[0].traceback.splitlines():
            say(f"    {plain(line)}")
