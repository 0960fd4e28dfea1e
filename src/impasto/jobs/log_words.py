"""The events of a job's log in words, and how much they matter: what every face shows of them."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from impasto.errors import Interrupted
from impasto.jobs.keys import done_shard
from impasto.schema import events
from impasto.schema.item_names import ItemNames
from impasto.schema.words import clock, counted, plain, shortened, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.schema.events import Event
    from impasto.schema.plan import Plan

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From what is rarely of interest to what somebody should look at."""
FACT = 60
"""Characters of what a scorer reports about an item."""
LONGEST = 500
"""Characters of an event that this version does not know."""
_KNOWN = {"time", "event"}
_TICKS = re.compile(r"`([^`]*)`")


class Words(NamedTuple):
    """An event as people read it.

    Attributes:
        level: how much it matters.
        text: what happened, one line.
        shard: which shard it concerns, or None.
        item: the name of the item that it concerns, or "".
        worker: the worker that it concerns, or "".
        below: a traceback, or what was printed, as it is; it may have many lines.
    """

    level: Level
    text: str
    shard: int | None = None
    item: str = ""
    worker: str = ""
    below: str = ""


def unmarked(text: str) -> str:
    """Return a message of Impasto's own without the marks around fields and commands."""
    return _TICKS.sub(r"\1", text)


class LogWords:
    """Says in words what one job's log holds."""

    def __init__(
        self, plan: Callable[[], Plan | None], worded: Callable[[str], str] = unmarked
    ) -> None:
        """Prepare; the plan is read once it is needed, and once there is one.

        Args:
            plan: returns the job's plan, which names its items.
            worded: puts a message of Impasto's own into the words of a face.
        """
        self._read, self._worded = plan, worded
        self._found: Plan | None = None

    def of(self, event: Event) -> Words:
        """Return an event in words."""
        match event:
            case events.Item():
                return self._item(event)
            case events.Printed():
                by = f" on {plain(event.worker)}" if event.worker else ""
                by += " to stderr" if event.stream == "stderr" else ""
                items = f", scoring {plain(event.item)}" if event.item else ""
                text = f"printed by the scorer{by}{items}:"
                item, worker = event.item or "", event.worker or ""
                return Words("info", text, event.shard, item, worker, event.text)
            case events.ShardDone():
                return self._done(event)
            case events.ShardFailed():
                record = event.record
                remedy = f"; {record.remedy}" if record.remedy else ""
                text = f"shard {record.shard}: failed: {self._own(record.error + remedy)}"
                below = record.traceback
                return Words("warning", text, record.shard, "", record.worker, below)
            case _:
                return self._of_driver(event)

    def name(self, shard: int, item: int) -> str:
        """Return what people call an item; one that the plan does not hold has only its number."""
        plan = self._plan
        shards = plan.shards if plan else ()
        if 0 <= shard < len(shards) and shards[shard].start <= item < shards[shard].stop:
            return self._names.name(shards[shard], item)
        return f"item {item}"

    @property
    def _plan(self) -> Plan | None:
        if self._found is None:
            self._found = self._read()
        return self._found

    @cached_property
    def _names(self) -> ItemNames:
        assert self._found is not None
        return ItemNames.of(self._found)

    @property
    def _noun(self) -> str:
        return self._plan.noun if self._plan else "items"

    def _own(self, text: str) -> str:
        return self._worded(plain(text))

    def _item(self, event: events.Item) -> Words:
        name = event.name or self.name(event.shard, event.item)
        said = plain(name)
        if event.error is not None:
            text = f"{said}: failed: {plain(event.error)}"
            return Words("warning", text, event.shard, name, event.worker, event.traceback)
        said += f": {event.score_ms:,.1f} ms, shard {event.shard}"
        said += "".join(
            f", {plain(shortened(f'{name} {value}', FACT))}" for name, value in event.facts.items()
        )
        text = said + (", concealed" if event.concealed else "")
        return Words("debug", text, event.shard, name, event.worker)

    def _done(self, event: events.ShardDone) -> Words:
        record = event.record
        aside = f", {len(record.failed):,} failed" if record.failed else ""
        facts = f"{counted(record.items, self._noun)}{aside} in {clock(record.seconds)}"
        text = f"shard {record.shard}: done: {facts}, {size(record.bytes)}, "
        return Words("info", f"{text}by {plain(record.worker)}", record.shard, "", record.worker)

    def _of_driver(self, event: Event) -> Words:
        match event:
            case events.Stopped():
                code = "" if event.exit_code is None else f" (exit code {event.exit_code})"
                stopped = event.exit_code == Interrupted.exit_code
                level: Level = "info" if stopped else "error"
                return Words(level, f"ended: {self._own(event.error)}{code}")
            case events.Workers():
                return Words("warning", f"workers: {self._own(event.text)}")
            case events.PassedOver():
                text = f"{plain(event.key)}: damaged, so its shard is scored again"
                return Words("warning", text, done_shard(event.key))
            case events.Torn():
                return Words("warning", _unknown(event))
            case _:
                return Words("info", self._said(event))

    def _said(self, event: Event) -> str:
        """Say in one line what a driver or a user did."""
        match event:
            case events.Submitted():
                return "submitted to a cluster"
            case events.Detached():
                return "submitted, and waits for a watcher"
            case events.Cancelled():
                return "cancelled: every driver was asked to stop"
            case events.Started():
                before = f", {counted(event.resumed, self._noun)} done before"
                by = f"started on {plain(event.host)}, process {event.pid}"
                return by + (before if event.resumed else "")
            case events.Stopping():
                many = "workers finish their shards"
                finish = "worker finishes its shard" if event.running == 1 else many
                left = f"{event.running} {finish}"
                return f"stopping: {plain(event.why)}; {left}"
            case events.Finished():
                result = event.record
                aside = f", {result.failed:,} failed" if result.failed else ""
                facts = f"{counted(result.items, self._noun)}{aside} in {clock(result.seconds)}"
                return f"finished: {plain(result.output)}: {facts}, {size(result.bytes)}"
            case _:
                return _unknown(event)


def _unknown(event: Event) -> str:
    line = event.line()
    rest = (f"{name}={value}" for name, value in line.items() if name not in _KNOWN)
    return plain(f"{line['event']} {' '.join(rest)}")[:LONGEST]
