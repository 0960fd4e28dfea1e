"""Progress of a job or a copy: a bar on a terminal, lines elsewhere, and a note on Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from impasto.cli.render.text import ERR, clock, note, size, warn
from impasto.cli.render.wording import plain, worded

if TYPE_CHECKING:
    from rich.console import RenderableType

    from impasto.errors import ImpastoError
    from impasto.schema.progress import Progress
    from impasto.storage.transfer.tasks import Tally

    Event = Progress | Tally

STOPPING = "finishing what is running (Ctrl-C again stops at once)"
FIELDS = ("count", "speed", "left")
"""Fields shown after the bar."""
PLAIN_EVERY = 10.0
"""Seconds between progress lines when stderr is no terminal."""


@dataclass(frozen=True, slots=True)
class Units:
    """The wording of an event.

    Attributes:
        stages: the first stage, and the one that has a speed.
        title: what happens, for a separate line.
        count: how much is done; "" while nothing is known.
        speed: units per second.
        detail: further information; "" for none.
        eager: whether a line is also printed when a stage begins.
    """

    stages: tuple[str, str]
    title: Callable[[Any], str]
    count: Callable[[Any], str]
    speed: Callable[[float], str]
    detail: Callable[[Any], str] = lambda _: ""
    eager: bool = False


def _shards_and_workers(job: Progress) -> str:
    """Say how many shards are done and what the workers do."""
    workers = job.workers
    said = [
        f"{count} {what}"
        for count, what in (
            (workers.asked, "requested"),
            (workers.starting, "starting"),
            (workers.running, "running"),
            (workers.idle, "idle"),
        )
        if count
    ]
    done, shards = job.shards
    return f"{done}/{shards} shards" + (f", workers: {', '.join(said)}" if said else "")


FRAMES = Units(
    ("planning", "scoring"),
    lambda job: f"job {job.job}: {job.stage}",
    lambda job: f"{job.done}/{job.total} {job.items}" if job.total else "",
    lambda rate: f"{rate:.1f}/s",
    lambda job: _shards_and_workers(job) if job.stage == "scoring" and job.shards[1] else "",
    eager=True,
)
BYTES = Units(
    ("listing", "copying"),
    lambda tally: tally.stage,
    lambda tally: (
        f"{size(tally.done)}/{size(tally.total)}, {tally.objects}/{tally.of} objects"
        if tally.stage == "copying"
        else f"{tally.of} objects"
    ),
    lambda rate: f"{size(round(rate))}/s",
)
OBJECTS = Units(
    ("listing", "deleting"),
    lambda tally: tally.stage,
    lambda tally: f"{tally.objects}/{tally.of} objects" if tally.total else f"{tally.of} objects",
    lambda rate: f"{rate:.0f}/s",
)


class Meter(Protocol):
    """Shows the progress of something."""

    def update(self, event: Event) -> None:
        """Show its progress."""
        ...

    def stopping(self) -> None:
        """Show that it will stop once running work is done."""
        ...


@contextmanager
def progress(quiet: bool, units: Units = FRAMES, *, bar: bool = True) -> Iterator[Meter]:
    """Show progress on stderr: a bar on a terminal, else a line now and then.

    Args:
        quiet: whether to show nothing.
        units: how progress is written.
        bar: whether there may be a bar, which takes the terminal for itself.
    """
    if quiet:
        yield _Silent()
    elif ERR.is_terminal and bar:
        with _bar() as shown:
            yield _Meter(shown, units)
    else:
        yield _Lines(units)


def failed(error: ImpastoError) -> None:
    """Print the error of one object of several; a bar stays below it."""
    warn(f"impasto: {worded(plain(str(error)))}")


class _Silent:
    """Shows nothing."""

    def update(self, event: Event) -> None:
        pass

    def stopping(self) -> None:
        pass


class _Rate:
    """Units per second of this run, from its first one on."""

    def __init__(self) -> None:
        self._since = 0.0
        self._from = -1

    def __call__(self, event: Event) -> float:
        """Return units per second so far, 0 before there are two."""
        own = event.done - event.resumed
        if own <= 0:
            return 0.0
        if self._from < 0:
            self._from, self._since = own, time.perf_counter()
        return max(0, own - self._from) / max(time.perf_counter() - self._since, 1e-9)

    def left(self, event: Event) -> str:
        """Return the time left, as people write it."""
        rate = self(event)
        return clock((event.total - event.done) / rate) if rate > 0 else "-:--"


class _Warnings:
    """Prints warnings, each one once."""

    def __init__(self) -> None:
        self._printed = 0

    def __call__(self, event: Event) -> None:
        for warning in event.warnings[self._printed :]:
            note(warning)
        self._printed = max(self._printed, len(event.warnings))


class _Meter:
    """Feeds the bar on a terminal."""

    def __init__(self, bar: Bar, units: Units) -> None:
        self._bar, self._units = bar, units
        self._rate = _Rate()
        self._task = bar.add_task(
            units.stages[0], total=None, speed="", left="", count="", detail=""
        )
        self._warn = _Warnings()
        self._stopping = False

    def stopping(self) -> None:
        self._stopping = True
        self._bar.update(self._task, description="stopping")

    def update(self, event: Event) -> None:
        self._warn(event)
        rate = self._rate(event)
        self._bar.update(
            self._task,
            description="stopping" if self._stopping else event.stage,
            completed=event.done,
            total=event.total or None,
            count=self._units.count(event),
            speed=self._units.speed(rate) if rate else "",
            # Once it was asked to stop, the time left is not that of the job.
            left=f"{self._rate.left(event)} left" if event.total and not self._stopping else "",
            detail=STOPPING if self._stopping else self._units.detail(event),
        )


class _Lines:
    """Prints a line every few seconds, and of a job also when a stage or the scoring begins."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._stage = ""
        self._printed = time.perf_counter()
        self._begun = False
        self._rate = _Rate()
        self._warn = _Warnings()

    def stopping(self) -> None:
        warn(STOPPING)

    def update(self, event: Event) -> None:
        self._warn(event)
        rate = self._rate(event)
        now = time.perf_counter()
        first = not self._begun and event.done > event.resumed
        news = self._units.eager and (first or event.stage != self._stage)
        if not news and now - self._printed < PLAIN_EVERY:
            return
        self._stage, self._printed, self._begun = event.stage, now, event.done > event.resumed
        words = [f"{self._units.title(event)} {self._units.count(event)}".rstrip()]
        if event.stage == self._units.stages[1] and rate:
            words += [self._units.speed(rate), f"{self._rate.left(event)} left"]
        if detail := self._units.detail(event):
            words.append(detail)
        warn(", ".join(words))


class _Field(ProgressColumn):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def render(self, task: Task) -> Text:
        return Text(str(task.fields[self._name]))


class _TwoLines(Bar):
    """A bar with a second line for what would not fit beside it."""

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bar, and the line below it while there is something to show."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.fields["detail"]:
                text = f"{'':<10} {task.fields['detail']}"
                yield Text(text, no_wrap=True, overflow="ellipsis")


def _bar() -> Bar:
    return _TwoLines(
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=36),
        *map(_Field, FIELDS),
        console=ERR,
        refresh_per_second=5,
    )
