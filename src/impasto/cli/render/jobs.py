"""What the command line prints: results and tables on stdout, notes on stderr."""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from impasto.errors import BadInput, ImpastoError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from impasto.driver.loop import Progress
    from impasto.jobs.job import Job
    from impasto.planning.planner import Draft
    from impasto.schema import ItemError, Items, Result
    from impasto.storage.stores import Stores
    from impasto.storage.transfer.listing import Entry
    from impasto.storage.transfer.tasks import Tally

SHOWN = 5
"""Items set aside that are named after a job."""
FOLLOW = 2.0
"""Seconds between two looks for new log lines."""
LAST_WORDS = 15
"""Looks without a new line after which nobody is expected to say that the output stands."""

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print one line on stdout."""
    _out.print(text, markup=False)


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
        _json(done.model_dump(mode="json", exclude={"bytes", "sha256"}))
        return
    if quiet:
        return
    for note in done.notes:
        _err.print(f"note: {note}", markup=False)
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
        _err.print(f"set aside: {plain(each.key or str(each.item))}: {each.error}", markup=False)
    if done.failed > SHOWN:
        _err.print(f"and {done.failed - SHOWN} more: see 'impasto show {named}'", markup=False)
    if done.failed:
        _err.print(f"'impasto retry {named}' tries them again", markup=False)


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


def scorers(name: str | None, *, as_json: bool) -> None:
    """Print the scorers with their parameters, or one of them; or a JSON line each."""
    from impasto.cli.scorer_flags import describe
    from impasto.scorers import SCORERS

    names: list[str] = [name] if name else list(SCORERS)
    for each in names:
        about, flags = describe(each)
        if as_json:
            _json({"scorer": each, "about": about, "parameters": [asdict(flag) for flag in flags]})
            continue
        argument = ":FILE" if each in SCORERS and SCORERS[each].argument else ""
        say(f"{each}{argument}: {about}")
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
        for flag in flags:
            default = flag.default if flag.default == "required" else f"[{flag.default}]"
            table.add_row(f"  {flag.flag}", flag.type, Text(default), Text(flag.about))
        _out.print(table)


def failure(error: ImpastoError, last: Progress | None) -> None:
    """Print, as one JSON line, how far a job came that did not end."""
    line: dict[str, object] = {"job": last.job if last else None, "output": None}
    line |= {"items": last.done if last else 0, "total": last.total if last else 0}
    _json({**line, "error": str(error), "exit_code": error.exit_code})


def jobs(found: list[Job], *, as_json: bool) -> None:
    """Print a table of jobs, or one JSON line a job."""
    rows = []
    for each in found:
        try:
            listing, plan, spec = each.listing(), each.plan(), each.spec()
        except BadInput as error:
            _err.print(f"note: {error}", markup=False)
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
            _json(row)
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
    _out.print(table)


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
    _facts(facts, as_json=as_json)
    if not as_json:
        _failed(failed)


def plan(draft: Draft, called: str, *, as_json: bool) -> None:
    """Print how a job would be cut, whose items are called so, or how it is; or a JSON line."""
    found = draft.plan
    sizes = [len(shard) for shard in found.shards]
    facts: dict[str, Any] = {
        "job": draft.job,
        "stored": draft.stored,
        "output": found.output,
        "items": found.count,
        "shards": len(sizes),
        "smallest_shard": min(sizes),
        "largest_shard": max(sizes),
        "workers": draft.workers,
        "seconds": draft.seconds and round(draft.seconds, 3),
        "reasons": list(draft.reasons),
        "warnings": list(found.warnings),
    }
    if not as_json:
        standing = "is planned already: this plan rules" if draft.stored else "is not planned yet"
        facts |= {"job": f"{draft.job} {standing}", "items": f"{found.count:,} {called}"}
        del facts["stored"], facts["smallest_shard"], facts["largest_shard"]
        spread = f"{min(sizes):,}" if len({*sizes}) == 1 else f"{min(sizes):,} to {max(sizes):,}"
        facts["shards"] = f"{len(sizes):,} of {spread} {called}"
        facts["seconds"] = _expected(draft.seconds, min(draft.workers, len(sizes)))
    _facts(facts, as_json=as_json)


def _expected(seconds: float | None, workers: int) -> str:
    """Say how long work will take."""
    if seconds is None:
        return "not known before a first job with this scorer"
    words = f"{clock(seconds)} of work, as earlier jobs tell"
    if workers == 1:
        return words
    return f"{words}; about {clock(seconds / workers)} with {workers} workers"


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


def logs(found: Job, *, as_json: bool, follow: bool = False) -> None:
    """Print a job's log lines; those to come as well, until it is done, cancelled or given up.

    Raises:
        Interrupted: the user stopped following.
    """
    found.spec()
    seen: set[str] = set()
    last, quiet, ended, words = "", 0, "", ""
    if follow:
        # Who starts commands in the background has them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        while True:
            if follow:
                ended = "done" if found.result() else "cancelled" if found.cancelled() else ""
            if follow and not ended and last == "stopped":
                ended = "stopped"
            for line in found.logs(seen):
                last, quiet = str(line["event"]), 0
                if last == "stopped":
                    words = f"job {found.id}: {line['error']}"
                _log_line(line, as_json=as_json)
            # The last line comes after the result, once the output stands.
            late = ended == "done" and last != "finished" and quiet < LAST_WORDS
            late = late or (ended == "stopped" and last != "stopped")
            if not follow or (ended and not late):
                break
            quiet += 1
            time.sleep(FOLLOW)
    except KeyboardInterrupt:
        if follow:
            raise Interrupted("") from None
        raise
    if follow:
        note(words if ended == "stopped" else f"job {found.id}: is {ended}")


def _log_line(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _json(line)
        return
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(line.pop("time")))
    event = line.pop("event")
    rest = " ".join(f"{name}={value}" for name, value in line.items() if value not in ("", []))
    say(f"{stamp} {event:<9} {rest}")


def probe(stores: Stores, source: str, items: Items | None, *, as_json: bool) -> None:
    """Print the facts of a source, taken for these items."""
    from impasto.sources import open_source

    _facts(open_source(stores, source, items).facts(), as_json=as_json)


def verify(stores: Stores, source: str, output: str, *, as_json: bool) -> bool:
    """Print the fidelity report; returns whether all that can be kept is."""
    from impasto.media.verify import verify as checker
    from impasto.storage.ranges import File

    before, after = File(stores, source), File(stores, output)
    report = checker.verify(before.open(), after.open(), before.name, after.name)
    marks = {True: "ok", False: "LOST", None: "n/a"}
    for check in report.checks:
        if as_json:
            _json({"item": check.item, "ok": check.ok, "detail": check.detail})
        else:
            say(f"{marks[check.ok]:<5} {check.item:<16} {check.detail}".rstrip())
    if not as_json:
        say("the output keeps all that it can" if report.ok else "the output is not faithful")
    return report.ok


def listing(entries: Iterable[Entry], *, as_json: bool) -> None:
    """Print what a URL holds, as it comes, and how much that is; or a JSON line each."""
    count = total = 0
    for entry in entries:
        stat, moment = entry.stat, ""
        if stat:
            count, total = count + 1, total + stat.size
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(stat.modified))
        if as_json:
            _json(
                {
                    "url": entry.url,
                    "size": stat.size if stat else None,
                    "modified": f"{moment.replace(' ', 'T')}Z" if stat else None,
                    "etag": stat.etag if stat else None,
                }
            )
        else:
            width = size(stat.size) if stat else ""
            sys.stdout.write(f"{width:>9}  {moment:19}  {plain(entry.name)}\n")
    if not as_json:
        say(f"{_objects(count)}, {size(total)}")


def moved(
    tally: Tally,
    target: str | None,
    error: ImpastoError | None = None,
    *,
    as_json: bool,
    quiet: bool = False,
) -> None:
    """Print how a copy to a target ended, or a deletion: one JSON line, or one for people."""
    own = tally.done - tally.resumed
    if as_json:
        line: dict[str, object] = {"objects": tally.changed, "skipped": tally.skipped}
        line |= {"failed": tally.failed, "bytes": own if target else None}
        line |= {"seconds": round(tally.seconds, 3)}
        failure = {"error": str(error), "exit_code": error.exit_code} if error else {}
        _json({**line, **failure})
    elif not (quiet or error):
        words = f"{plain(target)}: " if target else ""
        words += f"{_objects(tally.changed)} {'copied' if target else 'deleted'}"
        words += f", {size(own)}" if target else ""
        if tally.changed:
            words += f" in {clock(tally.seconds)}"
        if target and own and tally.seconds >= 1:
            words += f", {size(round(own / tally.seconds))}/s"
        say(words + (f", {tally.skipped} there already" if tally.skipped else ""))


def note(line: str) -> None:
    """Print a remark on stderr."""
    _err.print(f"note: {plain(line)}", markup=False)


def plain(text: str) -> str:
    """Return a name as terminals may be given it."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown.encode(errors="replace").decode()


def clock(seconds: float) -> str:
    """Write seconds as h:mm:ss or m:ss, or with a decimal when there are few."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(count: int) -> str:
    """Write bytes in the unit that fits."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _objects(count: int) -> str:
    return f"{count:,} object{'s' if count != 1 else ''}"


def _facts(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _json(facts)
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {part}" for key, part in value.items() if part is not None)
        if isinstance(value, list):
            for n, part in enumerate(value):
                say(f"{'' if n else name:<16} {part}")
        if value not in (None, "", []) and not isinstance(value, list):
            say(f"{name:<16} {value}")


def _json(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
