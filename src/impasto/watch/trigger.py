"""Trigger files: objects that ask for a job, with fields that the rule allows.

    trigger, trigger-1.txt     one line, which names a folder of frames or a file
    trigger-1.json, .toml      source, and perhaps style, output and what the rule's `allow` lists

Names are below the inbox; those of a sender are below its own folder. Whoever writes the file is
not believed: it can name nothing else, and sets only numbers, switches and choices.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Never

from impasto.errors import BadInput, meant
from impasto.media.formats import FAMILIES, WRITABLE, is_image, is_video
from impasto.planning.template import below, fields_of, fill, parse_template, place_below
from impasto.schema.bounds import is_number
from impasto.schema.job import JobSpec
from impasto.schema.url import check_key, parse
from impasto.scorers import registry
from impasto.sources.manifest import is_manifest
from impasto.tables.formats import RECORDS, is_table
from impasto.watch.after import DONE
from impasto.watch.matching import (
    LONGEST_TRIGGER,
    is_list,
    is_output,
    is_trigger,
    is_unfinished,
    make_ticket,
    sender_of,
)
from impasto.watch.rule import Rule, Variant
from impasto.watch.styles import style_param

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from impasto.planning.template import Template
    from impasto.schema.watch import Ticket
    from impasto.watch.arrival import Arrival

MOST_FIELDS, DEEPEST, LONGEST_TEXT, LONGEST_LINE = 100, 5, 1024, 2048
_OWN = ("source", "style", "output")
_WORD = re.compile(r"[A-Za-z][\w .,+-]{0,99}|\d{1,9}/[1-9]\d{0,8}|[\d,]{1,60}", re.ASCII)
"""Words, ratios and lists of numbers. A number such as 1e999999999 would take all memory to read
as a fraction."""


def read_trigger(
    rule: Rule, rules: Sequence[Rule], arrival: Arrival, content: bytes
) -> tuple[Ticket, ...]:
    """Return the orders that a trigger file gives; nothing is opened.

    Args:
        rule: the rule of the inbox that it is in.
        rules: all rules.
        arrival: the file.
        content: what is in it.

    Raises:
        BadInput: it is malformed, or asks for what it may not.
    """
    fields = _fields(arrival.key, content)
    for name in fields:
        if name not in {*_OWN, *rule.allow}:
            likely = meant(name, [*_OWN, *rule.allow]) or "leave it out"
            raise BadInput(
                f"{_shown(name)}: is nothing that this rule lets trigger files set", likely
            )
    source = _source(rule, rules, arrival.key, fields)
    own, params = _allowed(rule, fields)
    tickets = []
    variants = _variants(rule, arrival.key, fields)
    for variant in variants:
        if "output" in fields:
            style = variant.name if len(variants) > 1 else ""
            output = _named_output(rule, arrival.key, fields["output"], style)
        else:
            output = _usual_output(rule, arrival, variant, source)
        _refuse_watched(rules, output)
        spec = {**own, "params": _changed(rule, variant, params)}
        url = place_below(parse(rule.inbox), source)
        tickets.append(make_ticket(rule, variant, arrival, url, output, spec))
    return tuple(tickets)


def _fields(key: str, content: bytes) -> dict[str, Any]:
    """Read the fields of a file, by its suffix."""
    if len(content) > LONGEST_TRIGGER:
        raise BadInput(f"has {len(content)} bytes, more than {LONGEST_TRIGGER}", "shorten it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("is not UTF-8", "save it as UTF-8") from None
    suffix = PurePosixPath(key).suffix.lower()
    if suffix not in {".json", ".toml"} and not text.lstrip().startswith("{"):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if len(lines) != 1:
            raise BadInput(f"has {len(lines)} lines", "write one, which names a folder of frames")
        return {"source": lines[0]}
    if suffix == ".toml" and any(len(line) > LONGEST_LINE for line in text.splitlines()):
        # A key of thousands of dots takes the parser a time that grows with their square.
        raise BadInput(f"has a line of over {LONGEST_LINE} characters", "write short lines")
    try:
        found = (
            tomllib.loads(text)
            if suffix == ".toml"
            else json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        )
    except (ValueError, RecursionError) as error:
        what = "TOML" if suffix == ".toml" else "JSON"
        raise BadInput(f"is not {what} ({_shown(str(error))})", "correct it") from None
    if not isinstance(found, dict):
        raise BadInput("is no table of fields", 'write such as {"source": "frames"}')
    _bound(found)
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no number")


def _bound(value: object) -> None:
    """Refuse what is too deep, too much or too long."""
    count, waiting = 0, [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        count += 1
        if depth > DEEPEST + 1 or count > MOST_FIELDS + 1:
            raise BadInput("has too many fields", f"{MOST_FIELDS} at most, {DEEPEST} deep")
        if isinstance(each, dict):
            waiting += [(part, depth + 1) for part in (*each.values(), *each)]
            count -= len(each)
        elif isinstance(each, list):
            waiting += [(part, depth + 1) for part in each]
        elif isinstance(each, str) and len(each) > LONGEST_TEXT:
            raise BadInput(f"has a text over {LONGEST_TEXT} characters", "shorten it")


def _named(key: str, fields: Mapping[str, Any], field: str) -> str:
    """Return a name below the inbox that a file may give."""
    given = fields.get(field)
    if not isinstance(given, str):
        raise BadInput(f"{field}: must be a name below the inbox", "write it as text")
    name = given.strip().removesuffix("/")
    where = f"{field} {_shown(name)}"
    if not name or "://" in name or name.startswith("/"):
        raise BadInput(f"{where}: is not a name below the inbox", "name a file or folder in it")
    check_key(name, where)
    sender = sender_of(key)
    if sender and not name.startswith(f"{sender}/"):
        raise BadInput(
            f"{where}: is not below {_shown(sender)}, where the trigger file is",
            "name a file or folder there",
        )
    if any(part[:1] in {"", "."} for part in name.split("/")) or is_unfinished(name):
        raise BadInput(f"{where}: is hidden or temporary", "name another")
    return name


def _source(rule: Rule, rules: Sequence[Rule], key: str, fields: Mapping[str, Any]) -> str:
    name = _named(key, fields, "source")
    where = f"source {_shown(name)}"
    if is_trigger(rule, name):
        raise BadInput(f"{where}: is a trigger file", "name a file or folder of frames")
    if is_manifest(name) and is_list(rule, name):
        raise BadInput(f"{where}: is a list of other files", "name a file or folder of frames")
    if rule.after == "move" and f"{name}/".startswith(f"{DONE}/"):
        raise BadInput(f"{where}: has been done", "copy it back first")
    if is_output(rules, parse(rule.inbox).child(name)):
        raise BadInput(f"{where}: is where outputs are", "name a file or folder of frames")
    return name


def _variants(rule: Rule, key: str, fields: Mapping[str, Any]) -> tuple[Variant, ...]:
    """Return the jobs that a file asks for: one for each of the rule's styles, or for its own."""
    if "style" not in fields:
        return rule.variants
    known = {each.name: each for each in rule.variants if each.name}
    param = style_param(registry.find(rule.scorer))
    given = fields["style"]
    if isinstance(given, str) and given in known:
        return (known[given],)
    if not param or not isinstance(given, str) or not is_image(given):
        likely = meant(str(given)[:60], known) or "name a style of the rule, or a picture"
        raise BadInput(f"style {_shown(str(given))}: is none of the rule's", likely)
    picture = _named(key, fields, "style")
    base = rule.variants[0]
    facts = json.dumps([base.recipe, picture]).encode(errors="surrogateescape")
    url = str(parse(rule.inbox).child(picture))
    return (
        Variant(
            name=PurePosixPath(picture).stem,
            recipe=hashlib.sha256(facts).hexdigest()[:16],
            params={**base.params, param: url},
        ),
    )


def _usual_output(rule: Rule, arrival: Arrival, variant: Variant, source: str) -> str:
    """Return the URL of an output as the template has it."""
    folder = not (is_video(source) or is_image(source) or is_table(source))
    fields = fields_of(source, arrival.version, variant.name, rule.name, folder=folder)
    return fill(parse_template(rule.output), fields)


def _named_output(rule: Rule, key: str, given: object, style: str) -> str:
    """Return the URL of an output that a file names: below the folder of the rule's outputs.

    Args:
        rule: the rule.
        key: the file.
        given: the name.
        style: what to add to it, so that styles do not share an output; or "".
    """
    if not isinstance(given, str):
        raise BadInput("output: must be a name", "write it as text")
    name = given.strip().removesuffix("/")
    where = f"output {_shown(name)}"
    check_key(name, where)
    if not name or any(part[:1] in {"", "."} for part in name.split("/")) or is_unfinished(name):
        raise BadInput(f"{where}: is empty, hidden or temporary", "choose another name")
    template = parse_template(rule.output)
    path, sender = PurePosixPath(name), sender_of(key)
    if sender and path.parts[0] != sender:
        raise BadInput(
            f"{where}: is not below {_shown(sender)}, where the trigger file is",
            "name a file there",
        )
    wanted = _alike(template)
    if path.suffix.lower() not in wanted:
        shown = ", ".join(each or "no suffix" for each in wanted)
        raise BadInput(f"{where}: has the wrong suffix", f"use one of {shown}")
    named = path.with_name(f"{path.stem}-{style}{path.suffix}") if style else path
    return place_below(template.base, str(named), folder=template.folder)


def _alike(template: Template) -> Sequence[str]:
    """Return the suffixes of what a rule makes, given its template."""
    if template.parts[-1][-1].text == "ext":
        return (*FAMILIES, *WRITABLE)
    families = (RECORDS, tuple(FAMILIES), tuple(WRITABLE))
    return next((each for each in families if template.suffix in each), (template.suffix,))


def _refuse_watched(rules: Sequence[Rule], output: str) -> None:
    """Refuse an output that a watcher would take for a new object."""
    place = parse(output)
    watched = any(below(parse(each.inbox), place) is not None for each in rules)
    if watched and not is_output(rules, place):
        raise BadInput(
            f"output {_shown(place.name)}: would be taken for a new object", "leave it out"
        )


def _allowed(rule: Rule, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split what a file sets into fields of the spec and parameters of the scorer."""
    spec: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _OWN:
            continue
        text = isinstance(value, str) and _WORD.fullmatch(value)
        if not (text or isinstance(value, bool) or is_number(value)):
            raise BadInput(f"{_shown(name)}: must be a number, a word, true or false", "correct it")
        (spec if name in JobSpec.model_fields else params)[name] = value
    return spec, params


def _changed(rule: Rule, variant: Variant, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variant's parameters with those that a file sets."""
    entry = registry.find(rule.scorer)
    roles = entry.roles
    own = {name: value for name, value in params.items() if name in entry.params.model_fields}
    rest = {name: value for name, value in params.items() if name not in own}
    if any(isinstance(value, str) for value in rest.values()):
        raise BadInput(f"{_shown(next(iter(rest)))}: must be a number, true or false", "correct it")
    changed = {**variant.params, **own}
    if rest and roles.class_args:
        changed[roles.class_args] = {**changed.get(roles.class_args, {}), **rest}
    elif rest:
        raise BadInput(f"{_shown(next(iter(rest)))}: is no parameter of the scorer", "leave it out")
    entry.parse(changed, rule.scorer)
    return changed


def _shown(text: str) -> str:
    """Return what a file says as it may be repeated: short, and in one line."""
    return ascii(text if len(text) <= 60 else f"{text[:60]}...")
