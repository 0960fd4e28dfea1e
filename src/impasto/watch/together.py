"""What is wrong with rules beside each other, found by names that they would take."""

from __future__ import annotations

import re
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.planning.template import below
from impasto.schema.url import parse
from impasto.watch.matching import is_output, output_of, takes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.watch.problems import Problems
    from impasto.watch.rule import Rule

_VERSION = "probe"


def check(rules: Sequence[Rule], problems: Problems) -> None:
    """Note rules that can take nothing, and rules that would make the same output.

    Only names made from the patterns are tried; `impasto.watch.matching.decide` looks at each
    object.
    """
    for rule in rules:
        inbox = parse(rule.inbox)
        for pattern in rule.patterns:
            keys = _examples(rule, pattern)
            makers = {is_output(rules, inbox.child(key)) for key in keys}
            if keys and "" not in makers:
                error = BadInput(
                    f"inbox: all in it that matches {pattern} counts as an output of rule "
                    f"{min(makers)}",
                    "write into another folder, or add an ending such as {name}-painted.mp4",
                )
                problems.add(f"rule {rule.name}", error)
                break
    for one, other in combinations(rules, 2):
        if shared := _shared(one, other):
            error = BadInput(
                f"output {shared}: rule {one.name} makes it of the same object",
                "add {rule} to one of the templates, or correct the patterns",
            )
            problems.add(f"rule {other.name}", error)
        mover = next((each for each in (one, other) if each.after == "move"), None)
        if mover and any(_common(one, other)):
            left = other if mover is one else one
            error = BadInput(
                f"after=move: would move objects away that rule {left.name} takes too",
                'write "stay", or correct the patterns',
            )
            problems.add(f"rule {mover.name}", error)


def _examples(rule: Rule, pattern: str) -> list[str]:
    """Return keys that a rule takes by one of its patterns: in the inbox, and in a folder there."""
    name = re.sub(r"\[!?(.)[^\]]*\]", r"\1", pattern)
    keys = (re.sub(r"\*\*/", folders, name) for folders in ("", "x/"))
    return [key for each in keys if takes(rule, key := re.sub(r"\*+|\?", "x", each))]


def _shared(one: Rule, other: Rule) -> str:
    """Return an output that two rules would make of the same object, or ""."""
    for first, key, second, theirs in _common(one, other):
        if shared := _outputs(first, key) & _outputs(second, theirs):
            return min(shared)
    return ""


def _common(one: Rule, other: Rule) -> Iterator[tuple[Rule, str, Rule, str]]:
    """Yield objects that both rules take: each rule, and the object's key for it."""
    inboxes = parse(one.inbox), parse(other.inbox)
    if all(below(base, place) is None for base, place in permutations(inboxes)):
        return
    for first, second in ((one, other), (other, one)):
        for key in (key for pattern in first.patterns for key in _examples(first, pattern)):
            theirs = below(parse(second.inbox), parse(first.inbox).child(key))
            if theirs and takes(second, theirs):
                yield first, key, second, theirs


def _outputs(rule: Rule, key: str) -> set[str]:
    return {output_of(rule, each, key, _VERSION) for each in rule.variants}
