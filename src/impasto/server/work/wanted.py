"""What a submission asks for, resolved with the stores and the rules at hand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput, Missing, Unavailable
from impasto.planning.template import below
from impasto.schema.base import parse
from impasto.schema.job import JobSpec
from impasto.schema.url import Url
from impasto.schema.url import parse as parse_url
from impasto.scorers import registry
from impasto.scorers.params import Role
from impasto.scorers.roles import moved
from impasto.storage.stores import Stores
from impasto.watch.inside import check_read, refuse_links
from impasto.watch.matching import output_of, takes
from impasto.watch.rules import load_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.settings import Settings
    from impasto.watch.rule import Rule, Variant

MOST_FILES = 100_000
"""Files that a folder may have."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A rule, and which of its styles.

    Attributes:
        rule: the rule.
        rules: all rules.
        variant: the style.
    """

    rule: Rule
    rules: tuple[Rule, ...]
    variant: Variant


def contained(spec: JobSpec, stores: Stores, places: Sequence[str]) -> JobSpec:
    """Return a spec of which every local place is the real one, and no link leads out.

    Args:
        spec: the spec; its URLs are below these places by their names.
        stores: what may be opened.
        places: folders and prefixes that the caller may read or write.

    Raises:
        BadInput: a part of a place is a link, or a file is none of the caller's own.
        Unavailable: the file system does not answer.
    """

    def real(url: str, *, is_read: bool) -> str:
        place = stores.locate(url)
        if not place.local:
            return url
        base = _base(place, places)
        refuse_links(base, place)
        if is_read:
            check_read(place, MOST_FILES)
        key = below(base, place)
        found = str(Path(os.path.realpath(base.path), key or ""))
        return found + "/" if url.endswith("/") else found

    files = registry.find(spec.scorer).files(spec.params, Role.PICTURE)
    pictures = {file.name: real(file.url, is_read=True) for file in files}
    changes = {
        "source": real(spec.source, is_read=True),
        "output": real(spec.output, is_read=False),
        "params": moved(spec.params, pictures),
    }
    return spec.model_copy(update=changes)


def contained_source(url: str, stores: Stores, places: Sequence[str]) -> str:
    """Return the real place of a source; takes and raises what `contained` does."""
    identity = JobSpec(source=url, output=url, scorer="identity")
    return contained(identity, stores, places).source


def choose(settings: Settings, config: str | None, name: str, style: str | None) -> Chosen:
    """Find a rule by its name, and one of its styles.

    Args:
        settings: as the service has them.
        config: the config file that was named, or None.
        name: the rule's name.
        style: the style's name; None where there is only one.

    Raises:
        BadInput: there is no such rule or style.
        Unavailable: the rules cannot be read.
    """
    try:
        _, rules = load_rules(config, settings, Stores.of(settings))
    except BadInput:
        # What is wrong with them is the administrator's business.
        fact = "the rules of this service cannot be read"
        raise Unavailable(fact, "ask the administrator") from None
    rule = next((each for each in rules if each.name == name), None)
    if rule is None:
        raise Missing(f"rule {name}: not found", "check its name")
    known = {each.name: each for each in rule.variants}
    if style is None and len(known) > 1:
        raise BadInput(f"rule {name}: has several styles", f"name one: {', '.join(known)}")
    variant = rule.variants[0] if style is None else known.get(style)
    if variant is None:
        raise BadInput(f"rule {name}: has no style of that name", f"name one: {', '.join(known)}")
    return Chosen(rule, rules, variant)


def rule_spec(chosen: Chosen, source: str, own: dict[str, Any]) -> JobSpec:
    """Return what a rule makes of an object that is not in its inbox.

    Args:
        chosen: the rule.
        source: URL of the object.
        own: fields of the spec that are the caller's.

    Raises:
        BadInput: the rule takes no objects of that name.
    """
    rule, name = chosen.rule, parse_url(source).name
    if not takes(rule, name):
        raise BadInput(f"{name}: rule {rule.name} takes no such objects", "see its patterns")
    fields = {
        "scorer": rule.scorer,
        "params": chosen.variant.params,
        **rule.spec,
        **own,
        "source": source,
        "output": output_of(rule, chosen.variant, name, source),
        "rule": rule.name,
        "exact": True,
    }
    return parse(JobSpec, fields)


def _base(place: Url, places: Sequence[str]) -> Url:
    """Return the place of the caller that another one is in; raises BadInput if there is none."""
    for text in sorted(places, key=len, reverse=True):
        base = parse_url(text)
        if below(base, place) is not None:
            return base
    raise BadInput(f"{place}: is not in a place of yours", "choose another")
