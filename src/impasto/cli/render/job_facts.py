"""All that is known of one job."""

from __future__ import annotations

import time
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from impasto.cli.job_argument import job_argument
from impasto.cli.job_progress import speed
from impasto.cli.render import live, moments, traces
from impasto.cli.render.text import json_line, nearby, say
from impasto.cli.render.wording import worded
from impasto.driver.tolerance import allowed
from impasto.errors import BadInput
from impasto.schema.words import clock, plain, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from impasto.jobs.summary import JobDetails
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import ItemError

NAMED = 5
"""Items that are named for each reason of their failure."""
NEXT = {
    "stopped": "impasto resume",
    "cancelled": "impasto resume",
    "failed": "impasto resume",
    "incomplete": "impasto retry",
}
"""The command that goes on with a job, by its state."""
_PLACES = {"source", "output", "scorer", "params", "pins", "overwrite", "exact"} | {
    "tenant",
    "rule",
    "labels",
}
"""Fields of a spec that are told apart from its options, or not at all."""


def job(found: JobDetails, *, as_json: bool, verbose: bool = False) -> None:
    """Print all that is known of a job.

    Args:
        found: what that is.
        as_json: whether to print for a program.
        verbose: whether to say why its shards are as large as they are.
    """
    if as_json:
        json_line(found.model_dump(mode="json", exclude={"result": {"aside"}}))
        return
    for name, value in _facts(found, verbose=verbose):
        say(f"{name:<12} {value}")
    _failed(found.failed, found.noun)
    failure = found.last_failure
    if failure:
        remedy = f"; {failure.remedy}" if failure.remedy else ""
        say(f"failed: shard {failure.shard}: {worded(plain(failure.error + remedy))}")
        for line in traces.lines(failure.traceback):
            say(f"    {line}")
    if found.state in NEXT:
        named = job_argument(found.job, found.home)
        say(f"to go on: {NEXT[found.state]} {named}")
        if _too_many(found):
            say(f"to accept: impasto resume {named} --max-failed {found.items_failed}")


def _facts(found: JobDetails, *, verbose: bool) -> Iterator[tuple[str, str]]:
    """Yield what is known, each with its name."""
    now, spec, result = time.time(), found.spec, found.result
    yield "job", found.job
    yield "state", _state(found)
    if found.error and not _told(found):
        yield "ended with", worded(plain(found.error))
    if found.live:
        yield "now", live.in_full(found.live)
    for driver in found.drivers:
        engine = f", engine {plain(driver.engine)}" if driver.engine else ""
        since = f"since {moments.stamp(driver.began)}"
        yield "driver", f"process {driver.pid} on {plain(driver.host)}{engine}, {since}"
    yield "source", plain(spec.source)
    yield "output", plain(result.output if result else spec.output)
    scorer, params = _scorer(spec)
    yield "scorer", plain(scorer)
    yield from (("" if n else "options", text) for n, text in enumerate(options(spec, params)))
    for name, value in (("tenant", spec.tenant), ("rule", spec.rule)):
        if value:
            yield name, value
    for n, (key, value) in enumerate(spec.labels.items()):
        yield "" if n else "labels", plain(f"{key}={value}")
    yield "home", plain(found.home)
    yield "started", moments.full(found.started, now)
    yield "last change", moments.full(found.changed, now)
    if result:
        fast = f", {speed(result.fps, found.noun, 0.0)}" if result.fps else ""
        yield "took", f"{clock(result.seconds)} in its last run{fast}"
    outcome = f", output {size(result.bytes)}" if result else ""
    yield "size", f"{size(found.bytes)} in the home{outcome}"
    if found.shards:
        tries = f", {found.failed_attempts} failed attempts" if found.failed_attempts else ""
        yield "shards", f"{found.shards_done:,} of {found.shards:,} done{tries}"
    if found.seconds:
        busy = ", ".join(f"{plain(stage)} {clock(took)}" for stage, took in found.seconds.items())
        yield "worker time", f"{busy} (all workers together)"
    yield from (("changed", plain(line)) for line in found.changes)
    if found.concealed:
        yield "concealed", f"{len(found.concealed):,} frames that could not be decoded"
    if found.repeated:
        yield "repeated", f"{found.repeated:,} frames equal to the one before, not scored again"
    notes = (*found.warnings, *(result.notes if result else ()))
    notes += found.reasons if verbose else ()
    yield from (("note", worded(plain(line))) for line in dict.fromkeys(notes))


def _state(found: JobDetails) -> str:
    if found.items is None:
        return f"{found.state}, not planned yet"
    words = f"{found.state}, {found.percent}%: "
    words += f"{found.items_written:,} of {found.items:,} {found.noun}"
    words += " done" if found.state == "incomplete" else ""
    return words + (f", {found.items_failed:,} failed" if found.items_failed else "")


def _told(found: JobDetails) -> bool:
    """Return whether the error that made a job incomplete is told by its counts or failures."""
    if found.state != "incomplete":
        return False
    failures = (found.last_failure, *found.failed)
    if any(each.error and each.error in found.error for each in failures if each):
        return True
    return _too_many(found)


def _too_many(found: JobDetails) -> bool:
    """Return whether all items were tried, and more of them failed than the user allows."""
    tried = found.items_done + found.items_failed
    return tried == found.items and found.items_failed > allowed(found.spec, tried)


def _scorer(spec: JobSpec) -> tuple[str, dict[str, Any]]:
    """Return the scorer as it is typed, and the parameters that are options."""
    from impasto.scorers import registry
    from impasto.scorers.roles import moved

    # The package that provides it may be gone.
    with suppress(BadInput):
        files = registry.find(spec.scorer).files(spec.params)
        near = {file.name: nearby(file.url) for file in files}
        return registry.typed_name(spec.scorer, moved(spec.params, near))
    return spec.scorer, spec.params


def options(spec: JobSpec, params: Mapping[str, object]) -> list[str]:
    """Return the options that differ from their defaults, as they are typed.

    Args:
        spec: a job's.
        params: those of the scorer.
    """
    said = [
        _option(name, each)
        for name, value in params.items()
        for each in (
            [f"{key}={it}" for key, it in value.items()] if isinstance(value, dict) else [value]
        )
    ]
    changed = spec.model_dump(exclude_defaults=True, exclude=_PLACES)
    if changed.pop("max_failed_percent", None) is not None:
        said.append(f"--max-failed {spec.max_failed_percent:g}%")
        changed.pop("max_failed", None)
    return said + [_option(name, getattr(spec, name)) for name in changed]


def _option(name: str, value: object) -> str:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return flag if value else f"--no-{name.replace('_', '-')}"
    if name.startswith("max_failed") and value == -1:
        value = "all"
    if isinstance(value, Fraction | float):
        value = f"{float(value):.10g}"
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    return plain(f"{flag} {value}")


def _failed(failed: Iterable[ItemError], noun: str) -> None:
    """Print why items failed, each reason once with its traceback, and which items."""
    reasons: dict[str, list[ItemError]] = {}
    for each in failed:
        reasons.setdefault(reason(each), []).append(each)
    for why, errors in reasons.items():
        names = [plain(each.name(noun)) for each in errors]
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        say(f"failed: {', '.join(names[:NAMED])}{more}: {plain(why)}")
        for line in traces.lines(errors[0].traceback):
            say(f"    {line}")


def reason(error: ItemError) -> str:
    """Return why an item failed; one with a traceback is the scorer's own message."""
    return error.error if error.traceback else worded(error.error)
