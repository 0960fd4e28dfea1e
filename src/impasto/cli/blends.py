"""Styles that are given with weights or times, which one job blends."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from impasto.cli.scorer_flags import roles_of
from impasto.cli.times import seconds
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

Params: TypeAlias = dict[str, Any]
Several: TypeAlias = tuple[str, list[str]]
"""A parameter, and the pictures that it is given, each for a job of its own."""

_TIMED = re.compile(r"(?:^|\s+)((?:\d+:){0,2}\d+(?:\.\d+)?)s?=")
"""A time before a painting."""
_WEIGHTED = re.compile(r"([^?]+):(\d+\.?\d*|\.\d+)")
"""A painting and its weight. Queries of URLs hold times, which end in the same way."""


def blend(scorer: str, given: Params, several: Several) -> tuple[Params, Several]:
    """Make one job of styles with weights, ``a.jpg:0.7`` and ``b.jpg:0.3``, or with times.

    Args:
        scorer: its name.
        given: its parameters.
        several: the styles, if there are several.

    Returns:
        The parameters, and the styles that still make jobs of their own.

    Raises:
        BadInput: only some have a weight, there is only one, times do not ascend, or the scorer
            blends nothing.
    """
    param, styles = several
    if not styles:
        param, styles = "style", [given["style"]] if isinstance(given.get("style"), str) else []
    if len(styles) == 1 and (faded := _faded(styles[0])):
        if "fade" not in roles_of(scorer).files:
            raise BadInput(f"scorer {scorer}: takes one style", "leave its times out")
        if "fade" in given:
            raise BadInput("--fade and times of --style: say the same", "leave one of them out")
        return given | faded, several
    weights = _weights(styles)
    if not weights:
        return given, several
    if "mix" not in roles_of(scorer).files:
        raise BadInput(f"scorer {scorer}: takes one style", "leave its weight out")
    flag, (first, *others) = f"--{param}", weights
    if not others:
        raise BadInput(
            f"{flag} {styles[0]}: is the only one",
            "leave its weight out, or add another one with its weight",
        )
    if "mix" in given:
        raise BadInput(f"--mix and weights of {flag}: say the same", "leave one of them out")
    total = sum(weights.values())
    shares = {each: weights[each] / total for each in others}
    return {**given, param: first, "mix": shares}, ("", [])


def _faded(text: str) -> Params:
    """Return the parameters for ``0s=a.jpg 10s=b.jpg``, none where it is a painting's name.

    Raises:
        BadInput: the times do not ascend.
    """
    first, *parts = _TIMED.split(text)
    if first or not parts or ("://" not in text and Path(text).exists()):
        return {}
    times = [seconds(each, "--style") for each in parts[::2]]
    paintings = [each.strip() for each in parts[1::2]]
    if not all(paintings) or any(b <= a for a, b in pairwise(times)):
        raise BadInput(
            f"--style {text}: is no list of paintings at later and later times",
            "write '0s=a.jpg 10s=b.jpg'",
        )
    fade = {_written(at): each for at, each in zip(times, paintings, strict=True) if at > 0}
    return {"style": paintings[0], **({"fade": fade} if fade else {})}


def _written(at: Fraction) -> str:
    return f"{float(at):.6f}".rstrip("0").rstrip(".")


def _weights(styles: Sequence[str]) -> dict[str, float]:
    """Return paintings by weight, none where none has one; raises BadInput if only some have."""
    weights: dict[str, float] = {}
    bare: list[str] = []
    for text in styles:
        match = _WEIGHTED.fullmatch(text)
        if match is None or ("://" not in text and Path(text).exists()):
            bare.append(text)
            continue
        if not float(match[2]):
            raise BadInput(f"--style {text}: weighs nothing", "leave it out")
        if match[1] in weights:
            raise BadInput(f"--style {match[1]}: is given twice", "leave one out")
        weights[match[1]] = float(match[2])
    if weights and bare:
        raise BadInput(
            f"--style {bare[0]}: has no weight, but {next(iter(weights))} has",
            "give all of them one, to blend them, or none, for a job of each",
        )
    return weights
