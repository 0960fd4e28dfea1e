"""What was measured of an output, as a table, a JSON line or a plot."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from impasto.cli.render import plot as plots
from impasto.cli.render.text import json_line, note, say
from impasto.metrics.report import NAMES
from impasto.schema.words import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from impasto.metrics.report import Measure, Report

PANELS = {
    "dense": "warping error",
    "tracked": "tracked error",
    "drift": "colour drift",
}
"""What is drawn, by the first word of a measure's name."""
COLOURS = {"source": "tab:grey", "output": "tab:blue", "against": "tab:orange"}
MISSING = 6
"""Frames without a value from which on a line is broken."""


def report(found: Report, *, as_json: bool, quiet: bool = False) -> None:
    """Print what was measured, and note what was not; only JSON is printed although quiet."""
    if as_json:
        json_line(found.model_dump())
    if quiet:
        return
    for line in found.notes:
        note(line)
    if as_json:
        return
    measured = sum(stop - start for start, stop in found.measured)
    cuts = f", {counted(len(found.cuts), 'scene cuts')}" if found.cuts else ""
    say(f"{measured:,} of {found.frames:,} frames of {found.width}x{found.height}{cuts}")
    columns = ("", "source", "output", "x source", "against", "x against")
    rows = [columns, *(_row(name, each) for name, each in found.measures.items())]
    rows = [row if found.against else row[:4] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        say("  ".join([name.ljust(widths[0]), *padded]).rstrip())
    for seam in found.seams:
        worst = f"the worst, {seam.worst.score:.2f}, before frame {seam.worst.frame:,}"
        name = f"seams, {seam.name}".ljust(widths[0])
        say(f"{name}  {seam.score:.2f} at {counted(seam.borders, 'borders')}; {worst}")


def plot(path: Path, found: Report, borders: Mapping[str, Collection[int]]) -> None:
    """Draw what changes over time, with lines at borders and at scene cuts.

    Raises:
        BadInput: matplotlib is missing.
        Unavailable: the file cannot be written.
    """
    with plots.figure(path, len(PANELS), 9) as panels:
        for axes, (kind, title) in zip(panels, PANELS.items(), strict=True):
            for name, videos in found.over_time.values.items():
                if name.startswith(kind):
                    _lines(axes, found, name, videos)
            _marks(axes, found, borders)
            axes.set(ylabel=title)
            if kind != "drift" and axes.lines:
                axes.set_yscale("log")
            axes.grid(visible=True, alpha=0.3)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
        panels[-1].set(xlabel="seconds")


def _row(name: str, each: Measure) -> tuple[str, ...]:
    cells = [_number(name, value) for value in (each.source, each.output)]
    # A source has next to no grid.
    cells.append(_ratio(each.output, None if name == "grid" else each.source))
    cells += [_number(name, each.against), _ratio(each.output, each.against)]
    return (NAMES[name], *cells)


def _number(name: str, value: float | None) -> str:
    """Write a number with three digits that count, a share as per cent."""
    if value is None:
        return ""
    if name == "grid":
        return f"{100 * value:.2f}%"
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 0.001 or not value:
        return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3}f}"
    return f"{value:.1e}"


def _ratio(value: float, other: float | None) -> str:
    return f"{value / other:.2f}" if other else ""


def _lines(
    axes: Any, found: Report, name: str, videos: Mapping[str, Sequence[float | None]]
) -> None:
    """Draw one line per video; where frames are left out, it is broken."""
    curves, gap = found.over_time, int(name.rpartition("_")[2])
    for video, values in videos.items():
        if name.startswith("drift") and video == "source":
            continue
        known = [
            (frame, second, value)
            for frame, second, value in zip(curves.frames, curves.seconds, values, strict=True)
            if value is not None
        ]
        if not known:
            continue
        x, y = [], []
        for (frame, second, value), (later, _, _) in pairwise([*known, known[-1]]):
            x.append(second)
            y.append(value)
            if later - frame > MISSING or any(frame < cut <= later for cut in found.cuts):
                x.append(second)
                y.append(float("nan"))
        style = {"color": COLOURS[video], "linestyle": "-" if gap == 1 else ":"}
        axes.plot(x, y, label=f"{video}, {counted(gap, 'frames')}", linewidth=1.2, **style)


def _marks(axes: Any, found: Report, borders: Mapping[str, Collection[int]]) -> None:
    """Draw a line at each border and cut that was measured."""
    when = dict(zip(found.over_time.frames, found.over_time.seconds, strict=True))
    for place, (name, frames) in enumerate(borders.items()):
        seen = [when[frame] for frame in sorted(frames) if frame in when]
        for first, second in enumerate(seen):
            label = None if first else name
            axes.axvline(second, color="grey", alpha=0.5, linewidth=1 - 0.5 * place, label=label)
    for place, frame in enumerate(found.cuts):
        label = None if place else "scene cut"
        axes.axvline(when[frame], color="black", label=label, linewidth=0.8)
