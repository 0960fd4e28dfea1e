"""What the command line prints: results and tables on stdout, notes on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from impasto.cli.render.text import ERR, OUT, clock, fact_lines, json_line, plain, say, size
from impasto.errors import BadInput, ImpastoError

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.schema.outcome import ItemError, Result
    from impasto.schema.progress import Progress

SHOWN = 5
"""Items set aside that are named after a job."""


def result(done: Result, called: str, named: str, *, as_json: bool, quiet: bool) -> None:
    """Print a finished job, as a JSON line or one for people.

    Args:
        done: what came of it.
        called: what its items are called.
        named: the job, as commands take it.
        as_json: for a program.
        quiet: for nobody.
    """
    if as_json:
        json_line(done.model_dump(mode="json", exclude={"bytes", "sha256"}))
        return
    if quiet:
        return
    for note in done.notes:
        ERR.print(f"note: {note}", markup=False)
    aside(done, named)
    line = f"{done.output}: {done.items} {called if done.items != 1 else called.removesuffix('s')}"
    line += f", {done.failed} set aside" if done.failed else ""
    line += f", {done.concealed} concealed" if done.concealed else ""
    if done.seconds:
        line += f" in {clock(done.seconds)}"
        unit = "fps" if called == "frames" else f"{called}/s"
        line += f", {done.fps:.1f} {unit}" if done.fps else ", none scored anew"
    else:
        line += ", done already"
    say(f"{line}, {size(done.bytes)} (job {done.job})")


def aside(done: Result, named: str) -> None:
    """Name the first items that were set aside, and why."""
    for each in done.aside[:SHOWN]:
        ERR.print(f"set aside: {plain(each.key or str(each.item))}: {each.error}", markup=False)
    if done.failed > SHOWN:
        ERR.print(f"and {done.failed - SHOWN} more: see 'impasto show {named}'", markup=False)
    if done.failed:
        ERR.print(f"'impasto retry {named}' tries them again", markup=False)


def plot(found: Job, path: str) -> None:
    """Draw the losses that a job's log holds; raises BadInput when it holds none."""
    from impasto.cli.render.plot import losses

    curves = {
        str(line.get("name", line["item"])): line["losses"]
        for line in found.logs()
        if "losses" in line
    }
    if not curves:
        raise BadInput("--plot: this scorer tells no losses; see 'impasto scorers'")
    losses(Path(path), curves)


def failure(error: ImpastoError, last: Progress | None) -> None:
    """Print, as one JSON line, how far a job came that did not end."""
    line: dict[str, object] = {"job": last.job if last else None, "output": None}
    line |= {"items": last.done if last else 0, "total": last.total if last else 0}
    json_line({**line, "error": str(error), "exit_code": error.exit_code})


def jobs(found: list[Job], *, as_json: bool) -> None:
    """Print a table of jobs, or one JSON line a job."""
    rows = []
    for each in found:
        try:
            listing, plan, spec = each.listing(), each.plan(), each.spec()
        except BadInput as error:
            ERR.print(f"note: {error}", markup=False)
            continue
        rows.append(
            {
                "job": each.id,
                "status": listing.status,
                "shards_done": listing.shards_done,
                "shards": len(plan.shards) if plan else 0,
                "bytes": sum(listing.sizes.values()),
                "source": spec.source,
                "output": spec.output,
            }
        )
    if as_json:
        for row in rows:
            json_line(row)
        return
    table = Table("job", "status", "shards", "size", "source", "output", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            str(row["job"]),
            str(row["status"]),
            f"{row['shards_done']}/{row['shards'] or '?'}",
            size(int(str(row["bytes"]))),
            Text(str(row["source"])),
            Text(str(row["output"])),
        )
    OUT.print(table)


def job(found: Job, *, as_json: bool) -> None:
    """Print all that is known of a job."""
    spec, plan, listing = found.spec(), found.plan(), found.listing()
    records, outcome = found.done(listing), found.result()
    failed = [error for record in records.values() for error in record.failed]
    stages: dict[str, float] = {}
    for record in records.values():
        for stage, seconds in record.stages.items():
            stages[stage] = stages.get(stage, 0.0) + seconds
    facts = {
        "job": found.id,
        "status": listing.status,
        "items": plan.count if plan else None,
        "items_done": sum(record.items for record in records.values()),
        "shards": len(plan.shards) if plan else None,
        "shards_done": len(records),
        "failed_attempts": sum(listing.attempts.values()),
        "items_failed": len(failed),
        "failed": [error.model_dump() for error in failed],
        "concealed": [frame for record in records.values() for frame in record.concealed],
        "seconds": {stage: round(seconds, 3) for stage, seconds in stages.items()},
        "spec": spec.model_dump(mode="json"),
        "warnings": list(plan.warnings) if plan else [],
        "reasons": list(plan.reasons) if plan else [],
        "result": outcome.model_dump(mode="json", exclude={"aside"}) if outcome else None,
    }
    if not as_json:
        del facts["failed"]
    fact_lines(facts, as_json=as_json)
    if not as_json:
        _failed(failed)


def _failed(failed: list[ItemError]) -> None:
    """Print why items failed, each reason once with its traceback, and which items."""
    reasons: dict[str, list[ItemError]] = {}
    for each in failed:
        reasons.setdefault(each.error, []).append(each)
    for reason, errors in reasons.items():
        names = [plain(each.key or f"item {each.item}") for each in errors]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        say(f"failed: {', '.join(names[:SHOWN])}{more}: {reason}")
        for line in errors[0].traceback.splitlines():
            say(f"    {plain(line)}")
