"""Specs made absolute, with their files pinned by digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from impasto.driver.staging import stage, staged
from impasto.errors import BadInput
from impasto.schema.base import Frozen
from impasto.schema.job import JobSpec
from impasto.schema.url import Url, normal, written
from impasto.scorers import registry
from impasto.scorers.entry import Entry
from impasto.scorers.params import Role
from impasto.scorers.roles import PINNED, ParamFile, Roles, moved
from impasto.scorers.user import beside, signature
from impasto.secrecy import redact
from impasto.settings import Settings
from impasto.storage.local import is_folder
from impasto.storage.stores import Stores


@dataclass(frozen=True, slots=True)
class Pinned:
    """A spec that means the same anywhere, with what was resolved from it.

    Attributes:
        spec: the spec.
        entry: its scorer's line of the table.
        params: its scorer's parameters, checked.
        source: where its source is.
        output: where its output goes.
    """

    spec: JobSpec
    entry: Entry
    params: Frozen
    source: Url
    output: Url


def placed(spec: JobSpec, stores: Stores, settings: Settings) -> Pinned:
    """Make a spec mean the same on every machine that will see it.

    Raises:
        BadInput: a file is missing, or is where outsiders may write, or a signature would have to
            leave this machine.
        Unavailable: the store does not answer.
    """
    refuse_signatures(spec, settings)
    pinned = absolute(spec, stores, settings.home)
    return travelling(pinned, stores, settings.home) if settings.engine == "ray" else pinned


def travelling(pinned: Pinned, stores: Stores, home: str) -> Pinned:
    """Copy the local files that a spec names to where other machines see them.

    Raises:
        BadInput: a file is missing.
        Unavailable: the store does not answer.
    """
    staged = stage(pinned.spec, stores, home)
    return pinned if staged == pinned.spec else absolute(staged, stores, home)


def named_urls(spec: JobSpec, settings: Settings) -> dict[str, str]:
    """Return the URLs that a job is given, by their names for people."""
    _, params = registry.split_name(spec.scorer, spec.params)
    texts = {f"`{name}`": text for name, text in params.items() if isinstance(text, str)}
    more = {
        "`home`": settings.home,
        "`requirements`": spec.requirements or "",
        "`mask`": spec.mask or "",
    }
    return {"source": spec.source, "output": spec.output} | more | texts


def refuse_signatures(spec: JobSpec, settings: Settings) -> None:
    """Refuse a signature in a URL for a remote cluster: it never leaves this machine.

    Raises:
        BadInput: there is one.
    """
    if settings.engine == "ray" and settings.address:
        refuse_any_signature(spec, settings, "for a cluster")


def refuse_any_signature(spec: JobSpec, settings: Settings, why: str) -> None:
    """Refuse a signature in a URL.

    Args:
        spec: the job.
        settings: how it runs.
        why: for whom the job is, for people.

    Raises:
        BadInput: there is one.
    """
    signatures = settings.signatures | spec.signatures
    for what, url in named_urls(spec, settings).items():
        if "://" in url and signatures.nearest(url):
            raise BadInput(
                f"{what} {url}: its signature stays in this process",
                f"{why}, add a profile of its store to impasto.toml instead",
            )


def absolute(spec: JobSpec, stores: Stores, home: str) -> Pinned:
    """Make every path of a spec absolute and pin its weights, so that it means the same anywhere.

    Raises:
        BadInput: weights are missing, or are where outsiders may write.
    """
    scorer, params = registry.split_name(spec.scorer, spec.params)
    entry = registry.find(scorer)
    params = _with_neighbours(params, entry.roles, stores)
    params = moved(params, {file.name: normal(file.url) for file in entry.files(params)})
    pins = {file.name: _pin(stores, file, home) for file in entry.files(params, *PINNED)}
    if (name := entry.roles.code_folder) and (digest := _beside(stores, spec, params, entry)):
        pins[name] = digest
    if entry.roles.class_args:
        _check_args(entry.roles, params, stores, spec.scorer)
        _refuse_signed(params[entry.roles.class_args], spec)
    if entry.distribution:
        pins["scorer"] = entry.distribution
    _refuse_unwritable(params)
    for label in spec.labels.values():
        _refuse_unwritable({"label": label})
    parsed = entry.parse(params, scorer)
    requirements = normal(spec.requirements) if spec.requirements else None
    if requirements:
        stores.check_trusted(requirements, home)
        # The installer checks what was pinned; other engines do not use the file.
        pins["requirements"] = spec.pins.get("requirements") or _sha256(stores, requirements)
    mask = normal(spec.mask) if spec.mask else None
    if mask:
        pins["mask"] = staged(mask, home) or _sha256(stores, mask)
    source, output = stores.locate(spec.source), stores.locate(spec.output)
    changes = {
        "source": str(source),
        "output": written(output, spec.output),
        "scorer": scorer,
        "params": params,
        "requirements": requirements,
        "mask": mask,
        "pins": pins,
    }
    return Pinned(
        spec.model_copy(update=changes),
        entry,
        parsed,
        # The stored name of a folder has no slash at its end.
        source if source.local else source.at(source.key.rstrip("/")),
        output,
    )


def _with_neighbours(params: dict[str, Any], roles: Roles, stores: Stores) -> dict[str, Any]:
    """Add the files that are found beside the argument's."""
    argument = params.get(roles.argument)
    if not roles.beside or not isinstance(argument, str):
        return params
    found = {
        name: next((near for end in endings if stores.exists(near := argument + end)), None)
        for name, endings in roles.beside.items()
        if name not in params
    }
    return params | {name: near for name, near in found.items() if near}


def read_painting(url: str, stores: Stores) -> bytes:
    """Return a picture that a parameter names; raises BadInput or Unavailable."""
    place = stores.locate(url)
    if place.local and is_folder(place.path):
        raise BadInput(
            f"{url}: is a folder", "name one painting, or compare them with `impasto preview`"
        )
    return stores.read(url)


def _pin(stores: Stores, file: ParamFile, home: str) -> str:
    """Return the digest of a file or folder; raises BadInput where outsiders may write to it."""
    stores.check_trusted(file.url, home)
    if file.role is Role.FOLDER:
        return stores.fingerprint(file.url)
    if file.role is Role.CODE_FOLDER:
        return beside.whole(stores, file.url).digest
    return staged(file.url, home) or _sha256(stores, file.url)


def _beside(stores: Stores, spec: JobSpec, params: dict[str, Any], entry: Entry) -> str:
    """Return the digest of the modules that a program imports from beside it, "" without any."""
    roles = entry.roles
    if params.get(roles.code_folder) or (spec.pins and roles.code_folder not in spec.pins):
        # A job that began when these were not pinned goes on without.
        return ""
    script = params[roles.argument]
    found = beside.imported(stores, script, stores.read(script))
    return found.digest if found.files else ""


def _check_args(roles: Roles, params: dict[str, Any], stores: Stores, scorer: str) -> None:
    """Check and convert the arguments of the user's class, as a spec names it; raises BadInput."""
    url = params[roles.argument]
    known = signature.arguments(stores.read(url), params[roles.class_name], url)
    params[roles.class_args] = signature.check(known, params.get(roles.class_args, {}), scorer)


def _sha256(stores: Stores, url: str) -> str:
    return hashlib.sha256(stores.read(url)).hexdigest()


def _refuse_unwritable(params: dict[str, Any]) -> None:
    """Refuse what must not, or cannot, be written into the job's records; raises BadInput.

    Signatures of the URLs that Impasto itself opens were split off before. Paths that are not UTF-8
    are URLs by now.
    """
    for name, value in params.items():
        if isinstance(value, dict):
            _refuse_unwritable(value)
            continue
        text = json.dumps(value, default=str, ensure_ascii=False)
        if text != text.encode(errors="replace").decode():
            raise BadInput(f"`{name}`: is not UTF-8", "write it in UTF-8")
        if redact(text) != text:
            raise _secret(name)


def _refuse_signed(args: Mapping[str, Any], spec: JobSpec) -> None:
    """Refuse URLs whose signatures were split off, but which only the user's class would open."""
    for name, value in args.items():
        if isinstance(value, str) and "://" in value and spec.signatures.nearest(value):
            raise _secret(name)


def _secret(name: str) -> BadInput:
    return BadInput(
        f"`{name}`: holds what looks like a key or a signature, which would be written into the "
        "job",
        "have the scorer read an environment variable",
    )
