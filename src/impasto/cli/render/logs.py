"""A job's log: one line per event, and what belongs to it indented below."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from impasto.cli.job_argument import job_argument
from impasto.cli.render import moments, traces
from impasto.cli.render.text import json_line, note, say
from impasto.cli.render.wording import worded
from impasto.schema import events
from impasto.schema.item_names import ItemNames
from impasto.schema.words import clock, counted, plain, shortened, size

if TYPE_CHECKING:
    from impasto.jobs.follow import Ended
    from impasto.jobs.job import Job
    from impasto.schema.events import Event
    from impasto.schema.plan import Plan

_KNOWN = {"time", "event"}
FACT = 60
"""Characters of what a scorer reports about an item."""
LONGEST = 500
"""Characters of an event that this version does not know."""


class LogView:
    """Prints the events of one job's log.

    A traceback that several items share is printed below the first of them.
    """

    def __init__(self, job: Job, *, as_json: bool) -> None:
        """Prepare.

        Args:
            job: the job, whose plan names its items.
            as_json: whether to print the JSON lines that are stored.
        """
        self._job = job
        self._as_json = as_json
        self._seen: set[str] = set()

    def event(self, logged: Event) -> None:
        """Print an event."""
        if self._as_json:
            json_line(logged.line())
            return
        say(f"{moments.stamp(logged.time)}  {self._words(logged)}")
        for line in self._below(logged):
            say(f"    {line}")

    def _words(self, logged: Event) -> str:
        if isinstance(logged, events.Item):
            return _item(logged, logged.name or self._name(logged))
        return _words(logged, self._plan.noun if self._plan else "items")

    @cached_property
    def _plan(self) -> Plan | None:
        return self._job.plan()

    def _name(self, logged: events.Item) -> str:
        """Return what people call an item; one that the plan does not hold has only its number."""
        shards = self._plan.shards if self._plan else ()
        if self._plan and logged.shard < len(shards):
            shard = shards[logged.shard]
            if shard.start <= logged.item < shard.stop:
                return ItemNames.of(self._plan).name(shard, logged.item)
        return f"item {logged.item}"

    def _below(self, logged: Event) -> list[str]:
        match logged:
            case events.Printed():
                return [f"| {plain(line)}" for line in logged.text.splitlines()]
            case events.ShardFailed():
                trace = logged.record.traceback
            case events.Item():
                trace = logged.traceback
            case _:
                return []
        if not trace or trace in self._seen:
            return []
        self._seen.add(trace)
        return traces.lines(trace)


def _words(logged: Event, noun: str) -> str:
    """Say in one line what happened to a job, whose items are called ``noun``."""
    match logged:
        case events.ShardDone():
            return _done(logged, noun)
        case events.ShardFailed():
            record = logged.record
            remedy = f"; {record.remedy}" if record.remedy else ""
            return f"shard {record.shard}: failed: {worded(plain(record.error + remedy))}"
        case events.Stopping():
            return f"stopping: {plain(logged.why)}; {logged.running} workers finish their shards"
        case events.Stopped():
            code = "" if logged.exit_code is None else f" (exit code {logged.exit_code})"
            return f"ended: {worded(plain(logged.error))}{code}"
        case events.Finished():
            result = logged.record
            aside = f", {result.failed:,} failed" if result.failed else ""
            facts = f"{counted(result.items, noun)}{aside} in {clock(result.seconds)}"
            return f"finished: {plain(result.output)}: {facts}, {size(result.bytes)}"
        case events.Printed():
            by = f" on {plain(logged.worker)}" if logged.worker else ""
            items = f", scoring {plain(logged.item)}" if logged.item else ""
            return f"printed by the scorer{by}{items}:"
        case _:
            return _rare(logged, noun)


def _rare(logged: Event, noun: str) -> str:
    match logged:
        case events.Submitted():
            return "submitted to a cluster"
        case events.Detached():
            return "left to a watcher of its home"
        case events.Cancelled():
            return "cancelled: every driver was asked to stop"
        case events.Started():
            earlier = f", {counted(logged.resumed, noun)} done before" if logged.resumed else ""
            return f"started on {plain(logged.host)}, process {logged.pid}{earlier}"
        case events.PassedOver():
            return f"{plain(logged.key)}: damaged, so its shard is scored again"
        case events.Workers():
            return f"workers: {worded(plain(logged.text))}"
        case _:
            line = logged.line()
            rest = (f"{name}={value}" for name, value in line.items() if name not in _KNOWN)
            return plain(f"{line['event']} {' '.join(rest)}")[:LONGEST]


def _done(logged: events.ShardDone, noun: str) -> str:
    record = logged.record
    aside = f", {len(record.failed):,} failed" if record.failed else ""
    facts = f"{counted(record.items, noun)}{aside} in {clock(record.seconds)}, {size(record.bytes)}"
    return f"shard {record.shard}: done: {facts}, by {plain(record.worker)}"


def _item(logged: events.Item, name: str) -> str:
    words = plain(name)
    if logged.error is not None:
        return f"{words}: failed: {plain(logged.error)}"
    words += f": {logged.score_ms:,.1f} ms, shard {logged.shard}"
    words += "".join(
        f", {plain(shortened(f'{name} {value}', 60))}" for name, value in logged.facts.items()
    )
    return words + (", concealed" if logged.concealed else "")


def end(job: Job, ended: Ended) -> None:
    """Print, as a note, how a job ended, and the command that resumes it."""
    words = ended.error if ended.state == "stopped" else f"is {ended.state}"
    if ended.resumable:
        words += f"; run 'impasto resume {job_argument(job.id, str(job.home.place))}' to continue"
    note(f"job {job.id}: {words}")
