"""What the command line shows: progress on stderr, results and tables on stdout."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from impasto.errors import BadInput

if TYPE_CHECKING:
    from types import FrameType

    from impasto.driver import Progress
    from impasto.job import Job
    from impasto.spec import Result

STOPPING = "finishing what runs (Ctrl-C again stops at once)"
PLAIN_EVERY = 10.0
"""Seconds between progress lines when stderr is no terminal."""

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print one line on stdout."""
    _out.print(text, markup=False)


@contextmanager
def interruptible(on_stop: Callable[[], None]) -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C (or SIGTERM) sets; the second one interrupts at once.

    Args:
        on_stop: called at the first one, from the signal handler.
    """
    stop = threading.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        on_stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Meter(Protocol):
    """Shows how far a job is."""

    def update(self, event: Progress) -> None:
        """Show where the job is."""
        ...

    def stopping(self) -> None:
        """Show that the job will stop once the shards that run are done."""
        ...


@contextmanager
def progress(quiet: bool) -> Iterator[Meter]:
    """Show a job's progress on stderr: a bar on a terminal, else a line now and then."""
    if quiet:
        yield _Silent()
    elif _err.is_terminal:
        with _bar() as bar:
            yield _Meter(bar)
    else:
        yield _Lines()


class _Silent:
    """Shows nothing."""

    def update(self, event: Progress) -> None:
        pass

    def stopping(self) -> None:
        pass


class _Rate:
    """Frames a second of this run, from its first frame on."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._from: int | None = None

    def fps(self, done: int) -> float:
        if self._from is None:
            self._from, self._since = done, time.perf_counter()
        return max(0, done - self._from) / max(time.perf_counter() - self._since, 1e-9)

    def left(self, event: Progress) -> str:
        fps = self.fps(event.done)
        if event.done < 2 or fps <= 0.01:
            return "-:--"
        return clock((event.total - event.done) / fps)


class _Warnings:
    """Prints what the user should know of the source, once."""

    def __init__(self) -> None:
        self._printed = False

    def __call__(self, event: Progress) -> None:
        if event.warnings and not self._printed:
            self._printed = True
            for warning in event.warnings:
                _err.print(f"note: {warning}", markup=False)


class _Meter:
    """Feeds the bar on a terminal."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._rate = _Rate()
        self._task = bar.add_task("planning", total=None, speed="", left="", count="")
        self._warn = _Warnings()
        self._stopping = False

    def stopping(self) -> None:
        self._stopping = True
        self._bar.update(self._task, description=STOPPING)

    def update(self, event: Progress) -> None:
        self._warn(event)
        count = f"{event.done}/{event.total} frames" if event.total else ""
        fps = self._rate.fps(event.done) if event.total else 0.0
        self._bar.update(
            self._task,
            description=STOPPING if self._stopping else event.stage,
            completed=event.done,
            total=event.total or None,
            count=count,
            speed=f"{fps:.1f} fps" if fps else "",
            left=f"{self._rate.left(event)} left" if event.total else "",
        )


class _Lines:
    """Prints a line when a stage begins, and then every few seconds."""

    def __init__(self) -> None:
        self._stage = ""
        self._printed = 0.0
        self._rate = _Rate()
        self._warn = _Warnings()

    def stopping(self) -> None:
        _err.print(STOPPING)

    def update(self, event: Progress) -> None:
        self._warn(event)
        fps = self._rate.fps(event.done) if event.total else 0.0
        now = time.perf_counter()
        if event.stage == self._stage and now - self._printed < PLAIN_EVERY:
            return
        self._stage, self._printed = event.stage, now
        line = f"job {event.job}: {event.stage}"
        if event.total:
            line += f" {event.done}/{event.total} frames"
        if event.stage == "scoring" and fps:
            line += f", {fps:.1f} fps, {self._rate.left(event)} left"
        _err.print(line, markup=False)


class _Field(ProgressColumn):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def render(self, task: Task) -> Text:
        return Text(str(task.fields[self._name]))


def _bar() -> Bar:
    return Bar(
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=36),
        _Field("count"),
        _Field("speed"),
        _Field("left"),
        console=_err,
        refresh_per_second=5,
    )


def result(done: Result, *, as_json: bool, quiet: bool) -> None:
    """Print a finished job: one JSON line, or one line for people."""
    if as_json:
        fields = ("job", "output", "frames", "failed", "concealed", "seconds", "fps", "notes")
        _json(done.model_dump(mode="json", include=set(fields)))
        return
    if quiet:
        return
    for note in done.notes:
        _err.print(f"note: {note}", markup=False)
    line = f"{done.output}: {done.frames} frames"
    line += f", {done.failed} kept as they were" if done.failed else ""
    line += f", {done.concealed} concealed" if done.concealed else ""
    if done.seconds:
        line += f" in {clock(done.seconds)}, {done.fps:.1f} fps"
    else:
        line += ", done already"
    say(f"{line}, {size(done.bytes)} (job {done.job})")


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
    stages: dict[str, float] = {}
    for record in records.values():
        for stage, seconds in record.stages.items():
            stages[stage] = stages.get(stage, 0.0) + seconds
    facts = {
        "job": found.id,
        "status": listing.status,
        "frames": plan.frames if plan else None,
        "frames_done": sum(record.frames for record in records.values()),
        "shards": len(plan.shards) if plan else None,
        "shards_done": len(records),
        "failed_attempts": sum(listing.attempts.values()),
        "failed": [error.model_dump() for record in records.values() for error in record.failed],
        "concealed": [frame for record in records.values() for frame in record.concealed],
        "seconds": {stage: round(seconds, 3) for stage, seconds in stages.items()},
        "spec": spec.model_dump(mode="json"),
        "warnings": list(plan.warnings) if plan else [],
        "result": outcome.model_dump(mode="json") if outcome else None,
    }
    _facts(facts, as_json=as_json)


def logs(found: Job, *, as_json: bool) -> None:
    """Print a job's log lines."""
    found.spec()
    for line in found.logs():
        if as_json:
            _json(line)
            continue
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(line.pop("time")))
        event = line.pop("event")
        rest = " ".join(f"{name}={value}" for name, value in line.items() if value not in ("", []))
        say(f"{stamp} {event:<9} {rest}")


def probe(source: str, *, as_json: bool) -> None:
    """Print the facts of a source."""
    from impasto.source import open_source

    _facts(open_source(source).facts(), as_json=as_json)


def verify(source: str, output: str, *, as_json: bool) -> bool:
    """Print the fidelity report; returns whether all that can be kept is."""
    from impasto.media import verify as checker

    report = checker.verify(source, output)
    marks = {True: "ok", False: "LOST", None: "n/a"}
    for check in report.checks:
        if as_json:
            _json({"item": check.item, "ok": check.ok, "detail": check.detail})
        else:
            say(f"{marks[check.ok]:<5} {check.item:<16} {check.detail}".rstrip())
    if not as_json:
        say("the output keeps all that it can" if report.ok else "the output is not faithful")
    return report.ok


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
