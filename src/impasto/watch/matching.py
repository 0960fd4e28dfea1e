"""The decision what an object in an inbox becomes: jobs, or nothing, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from impasto.errors import BadInput
from impasto.planning.decide import decide_items
from impasto.planning.template import below, fields_of, fill, makes, parse_template, place_below
from impasto.schema.base import parse as parse_fields
from impasto.schema.job import JobSpec
from impasto.schema.url import check_key, parse
from impasto.schema.watch import Ticket
from impasto.scorers import registry
from impasto.sources.manifest import is_manifest
from impasto.sources.patterns import matches
from impasto.watch.after import DONE
from impasto.watch.temporary import is_temporary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.schema.url import Url
    from impasto.watch.arrival import Arrival
    from impasto.watch.rule import Rule, Variant

Kind = Literal[
    "pattern",
    "excluded",
    "hidden",
    "temporary",
    "empty",
    "moved",
    "output",
    "trigger",
    "refused",
]

TRIGGER_SUFFIXES = ("", ".txt", ".json", ".toml")
LONGEST_TRIGGER = 1 << 16
"""Bytes of the largest trigger file."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Why an object becomes no job.

    Attributes:
        kind: ``trigger`` for a trigger file, whose content says what becomes of it; ``refused`` for
            what should have become one and never can; otherwise what is no business of the rule.
        reason: the same for people.
    """

    kind: Kind
    reason: str


def decide(rule: Rule, rules: Sequence[Rule], arrival: Arrival) -> tuple[Ticket, ...] | Passed:
    """Decide what an object becomes; nothing is opened, and no name is believed.

    Args:
        rule: the rule of the inbox that it is in.
        rules: all rules, whose outputs are never taken for new objects.
        arrival: the object.
    """
    key = arrival.key
    try:
        if not key or key.endswith("/"):
            return Passed("pattern", "it marks a folder")
        check_key(key, "it")
        place = parse(rule.inbox).child(key)
    except BadInput as error:
        return Passed("refused", error.fact.removeprefix("it: "))
    passed = _by_name(rule, rules, key, place)
    if passed:
        return passed
    if not arrival.size:
        return Passed("empty", "it is empty, perhaps not written yet")
    trigger = is_trigger(rule, key)
    most = LONGEST_TRIGGER if trigger else rule.limits.max_bytes
    if arrival.size > most:
        what = "a trigger file may have" if trigger else "the rule's max_bytes is"
        return Passed("refused", f"it has {arrival.size} bytes, and {what} {most}")
    if trigger:
        return Passed("trigger", "it is a trigger file")
    try:
        tickets = tuple(_ticket(rule, each, arrival) for each in rule.variants)
        _refuse_shared(rule, rules, arrival, place)
    except BadInput as error:
        return Passed("refused", str(error))
    return tickets


def make_ticket(
    rule: Rule,
    variant: Variant,
    arrival: Arrival,
    source: str,
    output: str,
    fields: dict[str, Any] | None = None,
) -> Ticket:
    """Return the order for a job.

    Args:
        rule: the rule.
        variant: which of the rule's jobs.
        arrival: the object that it comes of.
        source: URL of the source.
        output: URL of the output.
        fields: fields of the spec that differ from the rule's.

    Raises:
        BadInput: something in it cannot be kept in a record.
    """
    spec = {
        "scorer": rule.scorer,
        "params": variant.params,
        **rule.spec,
        **(fields or {}),
        "source": source,
        "output": output,
        "exact": True,
    }
    facts = {
        "rule": rule.name,
        "recipe": variant.recipe,
        "key": arrival.key,
        "version": arrival.version,
        "size": arrival.size,
        # Whoever writes a file sets its time.
        "modified": min(max(arrival.modified, 0.0), 1e10),
        "sender": sender_of(arrival.key),
        "spec": parse_fields(JobSpec, spec),
    }
    return parse_fields(Ticket, facts)


def sender_of(key: str) -> str:
    """Return the first folder of a key, or "" for an object directly in the inbox."""
    return key.partition("/")[0] if "/" in key else ""


def is_trigger(rule: Rule, key: str) -> bool:
    """Return whether an object is a trigger file of a rule, judged by its name."""
    name = key.rpartition("/")[2].lower()
    suffix = f".{name.rpartition('.')[2]}" if "." in name else ""
    return rule.triggers and name.startswith("trigger") and suffix in TRIGGER_SUFFIXES


def is_output(rules: Sequence[Rule], place: Url) -> str:
    """Return the name of the rule whose output a place is, or is in; "" if it is none's."""
    for rule in rules:
        if makes(rule.output, rule.name, [each.name for each in rule.variants], place):
            return rule.name
    return ""


def is_unfinished(key: str) -> bool:
    """Return whether an object's name is a temporary one."""
    return is_temporary(key.rpartition("/")[2])


def takes(rule: Rule, key: str) -> bool:
    """Return whether a rule's patterns take an object."""
    return _matches(key, rule.patterns) and not _matches(key, rule.exclude)


def output_of(rule: Rule, variant: Variant, key: str, version: str) -> str:
    """Return the URL of what a rule makes of an object; raises BadInput if there can be none."""
    fields = fields_of(key, version, variant.name, rule.name)
    return fill(parse_template(rule.output), fields)


def _ticket(rule: Rule, variant: Variant, arrival: Arrival) -> Ticket:
    source = place_below(parse(rule.inbox), arrival.key)
    output = output_of(rule, variant, arrival.key, arrival.version)
    return make_ticket(rule, variant, arrival, source, output)


def _by_name(rule: Rule, rules: Sequence[Rule], key: str, place: Url) -> Passed | None:
    """Return why an object is none of the rule's business, judged by its name, or None."""
    if any(part[0] == "." for part in key.split("/")):
        return Passed("hidden", "it is hidden")
    if is_unfinished(key):
        return Passed("temporary", "its name is a temporary one")
    if rule.after == "move" and key.startswith(f"{DONE}/"):
        return Passed("moved", "it was moved there when its job was done")
    if maker := is_output(rules, place):
        return Passed("output", f"it is where rule {maker} writes")
    if _matches(key, rule.exclude):
        return Passed("excluded", "the rule excludes it")
    if is_trigger(rule, key):
        return None
    if not _matches(key, rule.patterns):
        return Passed("pattern", "it matches no pattern of the rule")
    if is_list(rule, key):
        return Passed("pattern", "it is a list of other files, which is never followed")
    return None


def is_list(rule: Rule, key: str) -> bool:
    """Return whether an object would be read as a list of others, not as rows."""
    if not is_manifest(key):
        return False
    spec = {"scorer": rule.scorer, **rule.spec, "source": key, "output": key}
    try:
        items = decide_items(parse_fields(JobSpec, spec), registry.find(rule.scorer).takes)
    except BadInput:
        return True
    return items != "rows"


def _refuse_shared(rule: Rule, rules: Sequence[Rule], arrival: Arrival, place: Url) -> None:
    """Refuse an object of which an earlier rule makes the same output; raises BadInput."""
    mine = {output_of(rule, each, arrival.key, arrival.version) for each in rule.variants}
    for other in rules:
        if other.name >= rule.name:
            continue
        key = below(parse(other.inbox), place)
        if key and takes(other, key):
            theirs = {output_of(other, each, key, arrival.version) for each in other.variants}
            if mine & theirs:
                raise BadInput(f"rule {other.name} makes the same output of it")


def _matches(key: str, patterns: Sequence[str]) -> bool:
    parts = _folded(key)
    return any(matches(parts, _split(pattern)) for pattern in patterns)


@cache
def _split(pattern: str) -> tuple[str, ...]:
    return tuple(_folded(pattern).split("/"))


def _folded(name: str) -> str:
    """Return a name with its suffix in lower case."""
    stem, dot, suffix = name.rpartition(".")
    return name if "/" in suffix else stem + dot + suffix.lower()
