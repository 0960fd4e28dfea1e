"""Progress of a job or a copy: a bar on a terminal, lines elsewhere, and a note on Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from impasto.cli.render.text import console, minutes, note, warn
from impasto.cli.render.wording import worded
from impasto.driver.pace import Pace
from impasto.schema.diagnostics import Grade, diagnostic
from impasto.schema.progress import Progress
from impasto.schema.words import plain, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from impasto.cli.bar import Line
    from impasto.cli.set_event import SetEvent
    from impasto.errors import ImpastoError
    from impasto.storage.transfer.tasks import Tally

    Event = Progress | Tally | SetEvent
    Tell = Callable[[Grade, str, str], None]

PLAIN_EVERY = 10.0
"""Seconds between progress lines when stderr is no terminal."""


@dataclass(frozen=True, slots=True)
class Units:
    """The wording of an event.

    Attributes:
        doing: what happens now.
        count: how much is done; "" while there is nothing to count.
        speed: how fast, from the event and its units per second; "" while that is not known.
        stopping: what is said once the user has asked to stop, from the last event if there was
            one.
        counting: whether what happens now has a speed and a time left.
        title: what the progress is of, for a separate line; "" for nothing.
        detail: further information; "" for none.
        eager: whether a line is also printed when something else happens than before.
        measured: whether events hold the rate, so that it is the one of the result, and the time
            left.
    """

    doing: Callable[[Any], str]
    count: Callable[[Any], str]
    speed: Callable[[Any, float], str]
    stopping: Callable[[Any], str]
    counting: Callable[[Any], bool]
    title: Callable[[Any], str] = lambda _: ""
    detail: Callable[[Any], str] = lambda _: ""
    eager: bool = False
    measured: bool = False


STOPPING = "stopping: finishing the {} in work; Ctrl-C again to stop at once"

BYTES = Units(
    lambda tally: tally.stage,
    lambda tally: (
        f"{size(tally.done)} of {size(tally.total)}, {tally.objects:,} of {tally.of:,} objects"
        if tally.stage == "copying"
        else f"{tally.of:,} objects"
    ),
    lambda _, rate: f"{size(round(rate))}/s",
    lambda _: STOPPING.format("objects"),
    lambda tally: tally.stage == "copying",
)
OBJECTS = Units(
    lambda tally: tally.stage,
    lambda tally: (
        f"{tally.objects:,} of {tally.of:,} objects" if tally.total else f"{tally.of:,} objects"
    ),
    lambda _, rate: f"{rate:.0f}/s",
    lambda _: STOPPING.format("objects"),
    lambda tally: tally.stage == "deleting",
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
def progress(
    quiet: bool, units: Units, *, bar: bool = True, whose: Mapping[str, str] | None = None
) -> Iterator[Meter]:
    """Show progress on stderr: a bar on a terminal, else a line now and then.

    Args:
        quiet: whether to show nothing.
        units: how progress is written.
        bar: whether there may be a bar, which takes the terminal for itself.
        whose: facts for each line, where lines are to be JSON on stdout.
    """
    if quiet:
        yield _Silent()
    elif whose is not None:
        yield _Lines(units, partial(_json, whose))
    elif console(stderr=True).is_terminal and bar:
        from impasto.cli.bar import drawn

        with drawn() as line:
            yield _Meter(line, units)
    else:
        yield _Lines(units)


def failed(error: ImpastoError) -> None:
    """Print the error of one object of several; a bar stays below it."""
    warn(f"impasto: {worded(plain(str(error)))}")


def _json(whose: Mapping[str, str], level: Grade, text: str, job: str) -> None:
    print(diagnostic("driver", level, text, job=job, **whose), flush=True)


def _plain(level: Grade, text: str, _: str) -> None:
    if level == "warning":
        note(text)
    else:
        warn(text)


class _Silent:
    """Shows nothing."""

    def update(self, event: Event) -> None:
        pass

    def stopping(self) -> None:
        pass


class _Facts:
    """Says how much is done, how fast, and for how long there is more to do."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._pace = Pace()

    def __call__(self, event: Event, *, stopping: bool) -> tuple[str, ...]:
        """Return these facts, the most important first.

        Args:
            event: the progress.
            stopping: whether it was asked to stop; the time left is then not that of the whole.
        """
        units = self._units
        rate, seconds = self._measured(event)
        if not units.counting(event):
            return (units.count(event),) if units.count(event) else ()
        speed = units.speed(event, rate) if rate else ""
        left = ""
        if seconds is not None and not stopping:
            left = f"{minutes(seconds, up=True)} left"
        return tuple(fact for fact in (units.count(event), speed, left) if fact)

    def _measured(self, event: Event) -> tuple[float, float | None]:
        """Return units per second, and the seconds left if they are known."""
        if self._units.measured and isinstance(event, Progress):
            return event.rate, event.seconds_left
        own = event.done - event.resumed
        return self._pace(own), self._pace.left(own, event.total - event.done)


class _Warnings:
    """Prints warnings, each one once."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._printed = 0

    def __call__(self, event: Event) -> None:
        for warning in event.warnings[self._printed :]:
            self._tell("warning", warning, getattr(event, "job", ""))
        self._printed = max(self._printed, len(event.warnings))


class _Meter:
    """Feeds the bar on a terminal."""

    def __init__(self, line: Line, units: Units) -> None:
        self._line, self._units = line, units
        self._facts = _Facts(units)
        self._warn = _Warnings(_plain)
        self._stopping = False
        self._last: Event | None = None

    def stopping(self) -> None:
        # Called from a signal's handler, so that nothing may be printed here.
        self._stopping = True
        self._line.doing, self._line.below = "stopping", self._units.stopping(self._last)

    def update(self, event: Event) -> None:
        self._warn(event)
        self._last = event
        line, units = self._line, self._units
        counting = units.counting(event)
        line.done, line.total = event.done, event.total if counting else 0
        line.facts = self._facts(event, stopping=self._stopping)
        if not (self._stopping and counting):
            line.doing, line.below = units.doing(event), units.detail(event)


class _Lines:
    """Prints a line every few seconds, and of a job also when something else begins."""

    def __init__(self, units: Units, tell: Tell = _plain) -> None:
        self._units, self._tell = units, tell
        self._doing = ""
        self._last: Event | None = None
        self._printed = time.perf_counter()
        self._facts = _Facts(units)
        self._warn = _Warnings(tell)

    def stopping(self) -> None:
        job = getattr(self._last, "job", "")
        self._tell("info", self._units.stopping(self._last), job)

    def update(self, event: Event) -> None:
        self._warn(event)
        self._last = event
        units = self._units
        doing, facts = units.doing(event), self._facts(event, stopping=False)
        now = time.perf_counter()
        news = units.eager and doing != self._doing
        if not news and now - self._printed < PLAIN_EVERY:
            return
        self._doing, self._printed = doing, now
        # "painting 20 of 250 frames", but "loading the model, 250 frames".
        first = (" " if units.counting(event) else ", ").join((doing, *facts[:1]))
        words = [units.title(event) + first, *facts[1:]]
        if detail := units.detail(event):
            words.append(detail)
        self._tell("info", ", ".join(words), getattr(event, "job", ""))
