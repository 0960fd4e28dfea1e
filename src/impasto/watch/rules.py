"""The rules of `impasto.toml`, checked as a whole, so that all mistakes are told at once.

A rule is a table ``[rules.NAME]`` whose keys are those of `impasto.watch.written.Written`, fields
of a job's spec, settings, and parameters of its scorer. Paths are relative to the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from impasto.driver.identity import RUNTIME_FIELDS
from impasto.driver.pinning import absolute
from impasto.errors import BadInput, BadRules, meant
from impasto.schema.base import Frozen, parse
from impasto.schema.job import JobSpec
from impasto.scorers import registry
from impasto.scorers.roles import moved
from impasto.settings import CONFIG_FILE, Settings, config_file, read_config
from impasto.watch import places, together
from impasto.watch.allowed import check_allowed
from impasto.watch.problems import Problems, in_file
from impasto.watch.rule import Limits, Rule, Variant, WatchSettings
from impasto.watch.styles import Styles, find_styles
from impasto.watch.suits import patterns_of
from impasto.watch.written import Written

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.planning.template import Template
    from impasto.schema.url import Url
    from impasto.scorers.entry import Entry
    from impasto.storage.stores import Stores

    AnyModel = TypeVar("AnyModel", bound=Frozen)

_OWN = Written.model_fields.keys()
_UNSET = {"source", "output", "params", "pins", "overwrite", "exact", "rule"}
_SPEC = JobSpec.model_fields.keys() - _UNSET
_SETTINGS = Settings.model_fields.keys() - {"home", "stores"}


def load_rules(
    config: str | None, settings: Settings, stores: Stores
) -> tuple[WatchSettings, tuple[Rule, ...]]:
    """Read the rules of the config file, and how the watcher runs.

    Args:
        config: the config file; None takes the one that settings are read from.
        settings: how jobs run unless a rule says otherwise, and where they live.
        stores: what may be opened.

    Returns:
        How the watcher runs, and the rules by name; none where there is no file.

    Raises:
        BadRules: something is wrong; it holds one line for each problem.
        BadInput: the file cannot be read.
        Unavailable: a store does not answer that holds the styles of a rule.
    """
    file = config_file(config)
    if file is None:
        return WatchSettings(), ()
    tables = read_config(file)
    around = _Around(file.parent.absolute(), settings, stores)
    watch = _checked(around, "watch", WatchSettings, _table(around, "watch", tables), {})
    given = _table(around, "rules", tables)
    rules = tuple(rule for name in sorted(given) if (rule := _rule(around, name, given[name])))
    together.check(rules, around.problems)
    lines = around.problems.lines
    if lines or watch is None:
        count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
        raise BadRules(f"{file}: {count} in its rules", "correct them", problems=tuple(lines))
    return watch, rules


def load_watch(config: str | None, settings: Settings, stores: Stores) -> WatchSettings:
    """Read how the watcher runs, and no rules; takes what `load_rules` does.

    Raises:
        BadInput: the file cannot be read.
    """
    file = config_file(config)
    if file is None:
        return WatchSettings()
    around = _Around(file.parent.absolute(), settings, stores)
    found = _checked(around, "watch", WatchSettings, _table(around, "watch", read_config(file)), {})
    # What is wrong there keeps a watcher from starting, and is told by it.
    return found or WatchSettings()


@dataclass(frozen=True, slots=True)
class _Around:
    """What rules are read with.

    Attributes:
        folder: the config file's.
        settings: how jobs run.
        stores: what may be opened.
        problems: what is wrong so far.
    """

    folder: Path
    settings: Settings
    stores: Stores
    problems: Problems = field(default_factory=Problems)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of a rule, by what they are."""

    own: dict[str, Any]
    spec: dict[str, Any]
    settings: dict[str, Any]
    params: dict[str, Any]


def _table(around: _Around, name: str, tables: Mapping[str, Any]) -> Mapping[str, Any]:
    found = tables.get(name, {})
    if isinstance(found, dict):
        return found
    around.problems.add(name, BadInput("must be a table", f"write [{name}]"))
    return {}


def _rule(around: _Around, name: str, table: object) -> Rule | None:
    """Read a rule; returns None, with its problems noted, if there are any."""
    thing, before = f"rule {name}", len(around.problems.lines)
    rule = None
    with around.problems.noted(thing):
        if not isinstance(table, dict):
            raise BadInput("must be a table", f"write [rules.{name}]")
        scorer = table.get("scorer", "style")
        if not isinstance(scorer, str):
            raise BadInput("scorer: must be text", "see `impasto scorers`")
        entry = registry.find(scorer)
        rule = _read(around, name, entry, _sorted(around, thing, table, entry))
    return rule if len(around.problems.lines) == before else None


def _sorted(around: _Around, thing: str, table: Mapping[str, Any], entry: Entry) -> _Keys:
    """Sort the keys of a rule by what they are, and note the unknown ones."""
    roles = entry.roles
    behind = {roles.argument, roles.class_name, roles.class_args}
    params = entry.params.model_fields.keys() - behind
    known = {*_OWN, *_SPEC, *_SETTINGS, *params}
    sets = (_OWN, _SPEC, _SETTINGS)
    own, spec, how = ({k: v for k, v in table.items() if k in names} for names in sets)
    rest = {k: v for k, v in table.items() if not any(k in names for names in sets)}
    for key in [] if roles.class_args else rest.keys() - params:
        remedy = meant(key, known) or "see `impasto scorers` for a scorer's parameters"
        around.problems.add(thing, BadInput(f"{key[:60]}: unknown key", remedy))
        rest.pop(key)
    return _Keys(own, spec, how, rest)


def _checked(
    around: _Around,
    thing: str,
    model: type[AnyModel],
    fields: Mapping[str, Any],
    required: Mapping[str, Any],
) -> AnyModel | None:
    """Check the fields of a model, and note every wrong one; returns None if there are any.

    Args:
        around: what rules are read with.
        thing: what they are of, for people.
        model: the model.
        fields: what is given.
        required: values of the fields that it cannot do without, to check the others by.
    """
    before = len(around.problems.lines)
    for key, value in fields.items():
        with around.problems.noted(thing):
            parse(model, {**required, key: value}, named=in_file)
    if len(around.problems.lines) > before:
        return None
    with around.problems.noted(thing):
        return parse(model, {**required, **fields}, named=in_file)
    return None


def _read(around: _Around, name: str, entry: Entry, keys: _Keys) -> Rule | None:
    """Read a rule whose keys are known; what depends on a wrong key is not looked at."""
    thing, noted = f"rule {name}", around.problems.noted
    for key in ("inbox", "output"):
        if key not in keys.own:
            around.problems.add(thing, BadInput(f"{key}: is missing", "add it"))
    written = _checked(around, thing, Written, keys.own, {"inbox": "in", "output": "out"})
    if "requirements" in keys.spec:
        keys.spec["requirements"] = places.rooted(around.folder, str(keys.spec["requirements"]))
    if "mask" in keys.spec:
        keys.spec["mask"] = places.rooted(around.folder, str(keys.spec["mask"]))
    probe = {"source": "in", "output": "out"}
    valid = _checked(around, thing, JobSpec, keys.spec, probe)
    _checked(around, thing, Settings, keys.settings, {"home": around.settings.home})
    styles = Styles()
    with noted(thing):
        styles = find_styles(keys.params, entry, around.folder, around.stores)
    if written is None or valid is None:
        return None
    inbox: Url | None = None
    output: Template | None = None
    with noted(thing):
        inbox = places.inbox(written.inbox, around.folder, around.settings, around.stores)
    with noted(thing):
        output = places.output(written.output, around.folder, around.settings, around.stores)
        styles.check(output)
    with noted(thing):
        check_allowed(written.allow, entry)
    for url in filter(None, (written.on_done, written.on_failed)):
        with noted(thing):
            places.check_hook(url, written.hook_secret)
    if inbox is None or output is None:
        return None
    with noted(thing):
        places.check_afterwards(written, inbox)
    patterns: tuple[str, ...] = ()
    with noted(thing):
        patterns = patterns_of(written, valid, entry, output)
    scorer, params = _scorer(around, valid.scorer, keys.params, styles)
    variants = _variants(around, keys, written, (scorer, params), styles)
    if variants:
        with noted(thing):
            _check_job(around, valid, scorer, variants[0].params)
    return _made(name, written, keys, (inbox, output, patterns), scorer, variants)


def _scorer(
    around: _Around, scorer: str, params: dict[str, Any], styles: Styles
) -> tuple[str, dict[str, Any]]:
    """Return a scorer's name and its parameters, with absolute paths and without styles."""
    entry = registry.find(scorer)
    rest = {name: value for name, value in params.items() if name != styles.param}
    name, rest = registry.split_name(places.rooted_scorer(around.folder, scorer, entry), rest)
    files = entry.files(rest)
    return name, moved(rest, {each.name: places.rooted(around.folder, each.url) for each in files})


def _variants(
    around: _Around,
    keys: _Keys,
    written: Written,
    scorer: tuple[str, dict[str, Any]],
    styles: Styles,
) -> tuple[Variant, ...]:
    """Return the jobs that each object gets, each with the digest of what determines its output.

    Another digest gives every object in the inbox a new job. It is of names and URLs, not of what
    they name: a style that is replaced by another picture of its name changes nothing for objects
    that have had their jobs.
    """
    name, params = scorer
    where = [places.rooted(around.folder, each) for each in (written.inbox, written.output)]
    spec = {key: value for key, value in keys.spec.items() if key not in RUNTIME_FIELDS}
    found = []
    for style, url in styles.pictures.items() if styles.param else (("", ""),):
        own = {**params, styles.param: url} if url else params
        facts = json.dumps([name, own, spec, where], sort_keys=True, default=str)
        recipe = hashlib.sha256(facts.encode(errors="surrogateescape")).hexdigest()[:16]
        found.append(Variant(name=style, recipe=recipe, params=own))
    return tuple(found)


def _check_job(around: _Around, spec: JobSpec, scorer: str, params: dict[str, Any]) -> None:
    """Check a rule's scorer as that of each job is; raises BadInput or Unavailable."""
    job = spec.model_copy(update={"scorer": scorer, "params": params})
    absolute(job, around.stores, around.settings.home)


def _made(
    name: str,
    written: Written,
    keys: _Keys,
    where: tuple[Url, Template, tuple[str, ...]],
    scorer: str,
    variants: tuple[Variant, ...],
) -> Rule:
    inbox, output, patterns = where
    same = ("exclude", "jobs", "tries", "queue", "queue_secret", "triggers", "allow", "after")
    hooks = ("on_done", "on_failed", "hook_secret", "keep_jobs")
    given = {key: getattr(written, key) for key in (*same, *hooks)}
    settle = written.settle if written.settle is not None else 2.0 if inbox.local else 0.0
    interval = written.interval or (10.0 if inbox.local else 60.0)
    fields = {
        "name": name,
        "inbox": str(inbox),
        "patterns": patterns,
        "output": str(output),
        "scorer": scorer,
        "spec": {key: value for key, value in keys.spec.items() if key != "scorer"},
        "variants": variants,
        "settings": keys.settings,
        "settle": settle,
        "interval": interval,
        "limits": Limits(**written.limits),
        **given,
    }
    return parse(Rule, fields, f"name the table as in [rules.paint] in {CONFIG_FILE}", in_file)
