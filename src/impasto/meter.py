"""How far a job is: a bar on a terminal, lines elsewhere, and what Ctrl-C does."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from impasto.display import clock

if TYPE_CHECKING:
    from types import FrameType

    from impasto.driver import Progress

STOPPING = "finishing what runs (Ctrl-C again stops at once)"
PLAIN_EVERY = 10.0
"""Seconds between progress lines when stderr is no terminal."""

_err = Console(stderr=True, highlight=False, soft_wrap=True)


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
        self._since = 0.0
        self._from = -1

    def fps(self, event: Progress) -> float:
        """Return frames a second so far, 0 before there are two."""
        if event.done <= event.resumed:
            return 0.0
        if self._from < 0:
            self._from, self._since = event.done, time.perf_counter()
        return (event.done - self._from) / max(time.perf_counter() - self._since, 1e-9)

    def left(self, event: Progress) -> str:
        """Return the time left, as people write it."""
        fps = self.fps(event)
        return clock((event.total - event.done) / fps) if fps > 0 else "-:--"


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
        fps = self._rate.fps(event)
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
    """Prints a line when a stage begins, at the first frame, and then every few seconds."""

    def __init__(self) -> None:
        self._stage = ""
        self._printed = 0.0
        self._scored = False
        self._rate = _Rate()
        self._warn = _Warnings()

    def stopping(self) -> None:
        _err.print(STOPPING)

    def update(self, event: Progress) -> None:
        self._warn(event)
        fps = self._rate.fps(event)
        now = time.perf_counter()
        first = not self._scored and event.done > event.resumed
        if event.stage == self._stage and now - self._printed < PLAIN_EVERY and not first:
            return
        self._stage, self._printed, self._scored = event.stage, now, event.done > event.resumed
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
