"""Plots of a scorer's facts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MOST_LINES = 12
"""The most curves that colours can distinguish; of more, the median and range are drawn."""


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
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise BadInput(
            f"{path}: matplotlib, which draws it, is missing", "run pip install 'impasto[plot]'"
        ) from None
    # A separate figure, and not pyplot's, needs no display and is drawn by Agg.
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.add_subplot()
    if len(drawn) > MOST_LINES:
        _draw_range(axes, list(drawn.values()))
    else:
        for name, curve in drawn.items():
            axes.plot(range(1, len(curve) + 1), curve, label=name, marker="." * (len(curve) == 1))
    axes.set(xlabel="evaluations of the loss", ylabel="smallest loss so far")
    if any(value > 0 for curve in drawn.values() for value in curve):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}", "choose another place") from None


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
