"""Scorers, sources, fidelity reports and plans."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from impasto.cli import help_page
from impasto.cli.render.text import fact_lines, json_line, note, roughly, say
from impasto.media.names import codec, container
from impasto.schema.words import counted

if TYPE_CHECKING:
    from impasto.driver.preview import Draft
    from impasto.media.verify.report import Report
    from impasto.media.write.target import Target

WIDTH = 80
COLUMN = 22
"""Where the texts of a scorer's parameters begin."""


def scorers(name: str | None, *, as_json: bool) -> None:
    """Print the scorers with their parameters, or one of them; or one JSON line per scorer."""
    from impasto.cli.scorer_flags import describe, rows
    from impasto.scorers import registry

    names, problems = ([name], []) if name else registry.find_all()
    for line in problems:
        note(line)
    for each in names:
        about, flags = describe(each)
        if as_json:
            json_line(
                {"scorer": each, "about": about, "parameters": [asdict(flag) for flag in flags]}
            )
            continue
        argument = ":FILE" if ":" not in each and registry.find(each).roles.argument else ""
        title = f"{each}{argument}: {about}".rstrip(": ")
        for line in textwrap.wrap(title, WIDTH, subsequent_indent="  ", break_long_words=False):
            say(line)
        for row in rows(each):
            for line in help_page.row_lines(*row, COLUMN, WIDTH - 2):
                say(f"  {line}")


def plan(draft: Draft, *, as_json: bool) -> None:
    """Print how a job would be cut, or how it was; or a JSON line."""
    found, called = draft.plan, draft.plan.noun
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
        "wall_seconds": draft.wall and round(draft.wall, 3),
        "scored": draft.scored,
        "reasons": list(draft.reasons),
        "warnings": list(found.warnings),
    }
    if not as_json:
        standing = "planned already; this plan will be used" if draft.stored else "not planned yet"
        facts |= {"job": f"{draft.job}, {standing}", "items": f"{found.count:,} {called}"}
        if draft.target:
            facts["output"] = f"video, {_pictures(draft.target)}"
        del facts["stored"], facts["smallest_shard"], facts["largest_shard"]
        spread = f"{min(sizes):,}" if len({*sizes}) == 1 else f"{min(sizes):,} to {max(sizes):,}"
        facts["shards"] = f"{len(sizes):,} of {spread} {called}"
        facts["seconds"] = _expected(draft)
        del facts["wall_seconds"], facts["scored"]
        facts = {"time" if name == "seconds" else name: value for name, value in facts.items()}
    fact_lines(facts, as_json=as_json)


def _pictures(target: Target) -> str:
    """Say how an output's pictures are encoded."""
    size = f"{target.coded_width}x{target.coded_height}"
    return f"{codec(target.codec)}, {size}, {target.layout.depth} bits, {target.sampling}"


def _expected(draft: Draft) -> str:
    """Say how long a job takes, and how that is known."""
    if draft.wall is None:
        return "no estimate yet: run this scorer once"
    known = (
        f"{counted(draft.scored, draft.plan.noun)} scored now" if draft.scored else "earlier jobs"
    )
    workers = counted(draft.workers, "workers")
    return f"about {roughly(draft.wall)} with {workers}, from {known}"


def verify(report: Report, *, as_json: bool) -> None:
    """Print a fidelity report, or one JSON line per item."""
    marks = {True: "ok", False: "LOST", None: "n/a"}
    for check in report.checks:
        if as_json:
            json_line({"item": check.item, "ok": check.ok, "detail": check.detail})
        else:
            say(f"{marks[check.ok]:<5} {check.item:<16} {check.detail}".rstrip())
    if as_json:
        return
    kept = "passed: nothing was lost"
    if report.lost:
        kept += f" but what {container(report.family)} cannot carry ({', '.join(report.lost)})"
    say(kept if report.ok else "failed: see the lines that say LOST")
