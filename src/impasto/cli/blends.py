"""Styles that are given with weights, which one job blends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from impasto.cli.scorer_flags import roles_of
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

Params: TypeAlias = dict[str, Any]
Several: TypeAlias = tuple[str, list[str]]
"""A parameter, and the pictures that it is given, each for a job of its own."""

_WEIGHTED = re.compile(r"([^?]+):(\d+\.?\d*|\.\d+)")
"""A painting and its weight. Queries of URLs hold times, which end in the same way."""


def blend(scorer: str, given: Params, several: Several) -> tuple[Params, Several]:
    """Make one job of styles with weights, such as ``a.jpg:0.7`` and ``b.jpg:0.3``.

    Args:
        scorer: its name.
        given: its parameters.
        several: the styles, if there are several.

    Returns:
        The parameters, and the styles that still make jobs of their own.

    Raises:
        BadInput: only some have a weight, there is only one, or the scorer blends nothing.
    """
    param, styles = several
    if not styles:
        param, styles = "style", [given["style"]] if isinstance(given.get("style"), str) else []
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
