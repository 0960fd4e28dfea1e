"""A line on a terminal that is drawn again and again: what happens, for how long, how much is done.

Imports little, so that it shows before a command has loaded what it needs.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from impasto.cli.render.text import console, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderResult

PER_SECOND = 8
"""How often it is drawn."""
WIDEST, NARROWEST = 30, 5
"""Columns of the bar itself; where there is room for fewer, there is none."""
TURNING = {"utf": "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "": "|/-\\"}
"""What shows that the program lives, by the beginning of the terminal's encoding."""


@dataclass(slots=True)
class Line:
    """The line.

    Attributes:
        doing: what happens now.
        done: how much is done, in any unit.
        total: of how much; 0 draws no bar.
        facts: what is said after the bar, the most important first; those that do not fit are left
            out.
        below: a second line; "" for none.
        begun: when the command began, by `time.perf_counter`.
    """

    doing: str = "starting"
    done: int = 0
    total: int = 0
    facts: tuple[str, ...] = ()
    below: str = ""
    begun: float = field(default_factory=time.perf_counter)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it, never wider than the terminal."""
        # A terminal that is full to its last column may begin a new line.
        width = options.max_width - 1
        elapsed = time.perf_counter() - self.begun
        turning = TURNING["utf" if console.encoding.startswith("utf") else ""]
        head = f"{turning[int(elapsed * PER_SECOND) % len(turning)]} {self.doing} "
        head += minutes(elapsed)
        facts = list(self.facts)
        while facts and len(head) + 1 + len(", ".join(facts)) > width:
            facts.pop()
        tail = f" {', '.join(facts)}" if facts else ""
        yield Text(head[:width], end="")
        room = min(WIDEST, width - len(head) - len(tail) - 1)
        if self.total and room >= NARROWEST:
            yield Text(" ", end="")
            yield ProgressBar(total=self.total, completed=self.done, width=room)
        yield Text(tail)
        if self.below:
            yield Text(f"  {self.below}"[:width])


_drawing: tuple[Live, Line] | None = None
"""The line that this process draws now, and what draws it."""


@contextmanager
def drawn() -> Iterator[Line]:
    """Draw a line on stderr until the end of the block, which removes it.

    A block within another one goes on with its line, and removes it for both.
    """
    global _drawing
    outer = _drawing
    _drawing = live, line = outer or _new()
    try:
        live.start(refresh=True)
        yield line
    finally:
        live.stop()
        _drawing = outer


@contextmanager
def hidden() -> Iterator[None]:
    """Take the line away while something is printed on stdout, which may be the same terminal."""
    if _drawing is None:
        yield
        return
    live, _ = _drawing
    live.stop()
    try:
        yield
    finally:
        live.start(refresh=True)


def _new() -> tuple[Live, Line]:
    line = Line()
    live = Live(
        line,
        console=console(stderr=True),
        refresh_per_second=PER_SECOND,
        transient=True,
        redirect_stdout=False,
    )
    return live, line
