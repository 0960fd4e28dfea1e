"""Plots, and those of a scorer's facts."""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

MOST_LINES = 12
"""The most curves that colours can distinguish; of more, the median and range are drawn."""
DPI = 120
"""Pixels per inch, in which a figure's size is given."""


def losses(path: Path, curves: Mapping[str, Sequence[float]]) -> None:
    """Draw the loss of pictures over the evaluations made, on a logarithmic scale.

    Up to a dozen pictures have one line each; more are drawn as their median and range. A curve
    that ends early counts with its last value, at which its picture stayed.

    Args:
        path: the PNG file to write.
        curves: of each picture, by name, the smallest loss so far after each evaluation.

    Raises:
        BadInput: there is no curve, or matplotlib is missing.
        Unavailable: the file cannot be written.
    """
    drawn = {name: curve for name, curve in curves.items() if len(curve)}
    if not drawn:
        raise BadInput(f"{path}: there are no losses to draw", "choose the scorer gatys")
    with figure(path) as (axes,):
        from matplotlib.ticker import MaxNLocator

        if len(drawn) > MOST_LINES:
            _draw_range(axes, list(drawn.values()))
        else:
            for name, curve in drawn.items():
                length = range(1, len(curve) + 1)
                axes.plot(length, curve, label=name, marker="." * (len(curve) == 1))
        axes.set(xlabel="evaluations of the loss", ylabel="smallest loss so far")
        if any(value > 0 for curve in drawn.values() for value in curve):
            axes.set_yscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend()


@contextmanager
def figure(path: Path, panels: int = 1, height: float = 5) -> Iterator[list[Any]]:
    """Yield the axes of panels below each other, and write them into a PNG file at the end.

    Args:
        path: the file to write.
        panels: how many.
        height: of all of them together, in inches.

    Raises:
        BadInput: matplotlib is missing.
        Unavailable: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise BadInput(
            f"{path}: matplotlib, which draws it, is missing", "run pip install 'impasto[plot]'"
        ) from None
    # A separate figure, and not pyplot's, needs no display and is drawn by Agg.
    made = Figure(figsize=(8, height), layout="constrained")
    yield list(made.subplots(panels, sharex=True, squeeze=False)[:, 0])
    try:
        made.savefig(path, format="png", dpi=DPI)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}", "choose another place") from None


def check(path: str) -> None:
    """Refuse, before anything is computed, a plot that cannot be drawn; raises BadInput."""
    if find_spec("matplotlib") is None:
        raise BadInput("--plot: needs matplotlib", "run pip install 'impasto[plot]'")
    folder = os.path.dirname(path) or "."  # noqa: PTH120 (a path as the user gave it)
    if not os.access(folder, os.W_OK):
        raise BadInput(f"--plot {path}: its folder cannot be written to", "choose another folder")


def _draw_range(axes: Any, curves: Sequence[Sequence[float]]) -> None:
    longest = max(map(len, curves))
    at = [sorted(_at(curve, n) for curve in curves) for n in range(longest)]
    x = range(1, longest + 1)
    ends = [values[0] for values in at], [values[-1] for values in at]
    middle = [values[len(values) // 2] for values in at]
    axes.fill_between(x, *ends, alpha=0.25, label=f"range of {len(curves)} pictures")
    axes.plot(x, middle, label="median")


def _at(curve: Sequence[float], n: int) -> float:
    value = curve[min(n, len(curve) - 1)]
    return value if math.isfinite(value) else math.inf
