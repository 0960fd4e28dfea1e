"""Options that are given several numbers, such as ``--strength 0.5,1``, to be compared."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from impasto.cli.scorer_flags import describe
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NUMBERS: dict[str, type[float]] = {"int": int, "float": float}
"""How a scorer's numbers are read, by their type for people; others are never several."""
_KINDS: dict[type[float], str] = {int: "whole numbers", float: "numbers"}


class Setting(NamedTuple):
    """One value for each option that has several.

    Attributes:
        params: the scorer's parameters, with all that are the same everywhere.
        fields: likewise, fields of a spec.
        label: what tells it from the others, for people; "" if there are no others.
    """

    params: dict[str, Any]
    fields: dict[str, Any]
    label: str


def settings(scorer: str, params: Mapping[str, Any], fields: Mapping[str, Any]) -> list[Setting]:
    """Return every combination of the values that options have, the first option's slowest.

    Args:
        scorer: the scorer.
        params: its parameters as they were given, by name; several numbers are one text.
        fields: fields of a spec, by name; a list is several values, and None leaves a field out.

    Raises:
        BadInput: a text is not a list of numbers.
    """
    several = {
        name: _listed(f"--{name.replace('_', '-')}", text, kind)
        for name, kind in _numeric(scorer, params).items()
        if isinstance(text := params[name], str) and "," in text
    }
    given = {name: each for name, each in fields.items() if each is not None}
    several |= {name: each for name, each in given.items() if isinstance(each, list)}
    # What has a single value after all is no reason to tell rows apart.
    told = {name for name, values in several.items() if len(values) > 1}
    found = []
    for chosen in itertools.product(*several.values()):
        one = dict(zip(several, chosen, strict=True))
        label = ", ".join(
            f"{name.replace('_', ' ')} {_shown(one[name])}" for name in one if name in told
        )
        found.append(
            Setting(
                {name: one.get(name, value) for name, value in params.items()},
                {name: one.get(name, value) for name, value in given.items()},
                label,
            )
        )
    return found


def numbers(text: str | None, option: str, kind: type[float]) -> list[float] | None:
    """Return the numbers of an option that is a field of a spec; raises BadInput.

    Args:
        text: what was given, or None.
        option: its name.
        kind: int or float.
    """
    return None if text is None else [kind(each) for each in _listed(option, text, kind)]


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _numeric(scorer: str, params: Mapping[str, Any]) -> dict[str, type[float]]:
    """Return the kind of each of some parameters that is a number."""
    if not params or "://" in scorer:
        return {}
    flags = {flag.name: flag for flag in describe(scorer)[1]}
    return {
        name: _NUMBERS[flags[name].type]
        for name in params
        if name in flags and flags[name].type in _NUMBERS
    }


def _listed(option: str, text: str, kind: type[float]) -> Sequence[str]:
    """Return the numbers of a text, without repetitions, as they were written."""
    parts = [each.strip() for each in text.split(",")]
    for each in parts:
        try:
            kind(each)
        except ValueError:
            fact = f"{option} {text}: {each!r} is not a {_KINDS[kind].removesuffix('s')}"
            raise BadInput(fact, f"write {_KINDS[kind]} with commas between them") from None
    return [*dict.fromkeys(parts)]
