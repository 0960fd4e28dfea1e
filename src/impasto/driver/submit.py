"""What a job is: its spec made absolute, its id, and its first object in the store."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import PurePath
from typing import Any

from impasto import scorers
from impasto.driver.staging import stage, staged
from impasto.errors import BadInput
from impasto.jobs.job import Job
from impasto.media import images
from impasto.outputs.delivery.open import open_delivery
from impasto.schema import JobSpec
from impasto.schema.url import normal, parse
from impasto.scorers.user import signature
from impasto.secrecy import redact
from impasto.secrecy import signature as signature_of
from impasto.settings import Settings
from impasto.sources import Source, items_of, open_source, output_kind
from impasto.storage.stores import Stores

FORMAT = 2
"""Raised when the same spec would give another output; older jobs are then not resumed."""
HOW = {"source", "scorer", "params", "output", "overwrite", "timeout"} | {
    "requirements",
    "requirements_sha256",
    "max_failed",
    "max_failed_percent",
    "max_failed_batches",
}
"""Fields of a spec that do not determine the output, or that the job's id holds in another form."""


def submit(spec: JobSpec, settings: Settings) -> Job:
    """Write a job's spec into its store, unless it is there, and return the job.

    Raises:
        BadInput: the request or the source is wrong.
    """
    stores = Stores(settings.stores)
    spec = placed(spec, stores, settings)
    source = open_source(stores, spec.source, items_of(spec))
    _protect(spec, source)
    job = Job(stores.home(settings.home), job_id(stores, spec, source))
    if job.result() is None:
        _refuse(stores, spec, job)
    job.record(spec)
    return job


def placed(spec: JobSpec, stores: Stores, settings: Settings) -> JobSpec:
    """Make a spec mean the same on every machine that will see it.

    Raises:
        BadInput: a file is missing, or lies where outsiders may write, or a signature would have
            to leave this machine.
        Unavailable: the store does not answer.
    """
    refuse_signatures(spec, settings)
    spec = absolute(spec, stores, settings.home)
    if settings.engine == "local":
        return spec
    staged = stage(spec, stores, settings.home)
    return spec if staged == spec else absolute(staged, stores, settings.home)


def named(spec: JobSpec, settings: Settings) -> dict[str, str]:
    """Return the URLs that a job is given, by what people call them."""
    texts = {f"--{name}": text for name, text in spec.params.items() if isinstance(text, str)}
    more = {"--home": settings.home, "--requirements": spec.requirements or ""}
    return {"source": spec.source, "output": spec.output} | more | texts


def refuse_signatures(spec: JobSpec, settings: Settings) -> None:
    """Refuse, for a cluster, a signature in a URL: it never leaves this process's memory.

    Raises:
        BadInput: there is one.
    """
    if settings.engine == "local" or not settings.address:
        return
    for what, url in named(spec, settings).items():
        if "://" in url and signature_of(url):
            raise BadInput(
                f"{what} {url}: its signature stays in this process; for a cluster name a profile "
                "of its store in impasto.toml instead"
            )


def _refuse(stores: Stores, spec: JobSpec, job: Job) -> None:
    """Refuse, before there is a job, an output in the way and pictures that cannot be read."""
    delivery = open_delivery(stores, job, spec.output)
    delivery.check(images.WRITABLE if spec.overwrite else None)
    for name in scorers.find(spec.scorer).pictures:
        url = spec.params[name]
        images.size(stores.read(url), f"--{name} {url}")


def absolute(spec: JobSpec, stores: Stores, home: str) -> JobSpec:
    """Make every path of a spec absolute and pin its weights, so that it means the same anywhere.

    Raises:
        BadInput: weights are missing, or lie where outsiders may write.
    """
    scorer, params = scorers.named(spec.scorer, spec.params)
    entry = scorers.find(scorer)
    for name in (*entry.pictures, *entry.trusted, *entry.folders):
        if isinstance(params.get(name), str):
            params[name] = normal(params[name])
    for name in entry.trusted:
        if params.get(name):
            stores.check_trusted(params[name], home)
            params[f"{name}_sha256"] = staged(params[name], home) or _sha256(stores, params[name])
    for name in entry.folders:
        if params.get(name):
            stores.check_trusted(params[name], home)
            params[f"{name}_digest"] = stores.fingerprint(params[name])
    if scorer == "python":
        source = stores.read(params["module"])
        known = signature.arguments(source, params["name"], params["module"])
        params["args"] = signature.check(known, params.get("args", {}))
    _refuse_secrets(params)
    scorers.parse_params(entry, params)
    return spec.model_copy(
        update={
            "source": str(parse(spec.source)),
            "output": normal(spec.output),
            "scorer": scorer,
            "params": params,
            **_requirements(spec, stores, home),
        }
    )


def _requirements(spec: JobSpec, stores: Stores, home: str) -> dict[str, str]:
    """Pin the file of packages that workers of a cluster install: they run as the job does."""
    if not spec.requirements:
        return {}
    url = normal(spec.requirements)
    stores.check_trusted(url, home)
    # Whoever installs them checks what was pinned; other engines have no use for the file.
    return {
        "requirements": url,
        "requirements_sha256": spec.requirements_sha256 or _sha256(stores, url),
    }


def _sha256(stores: Stores, url: str) -> str:
    return hashlib.sha256(stores.read(url)).hexdigest()


def _refuse_secrets(params: dict[str, Any]) -> None:
    """Refuse what would stand in the job's records for all to read; raises BadInput.

    Signatures of the URLs that Impasto itself opens were split off before.
    """
    for name, value in params.items():
        if isinstance(value, dict):
            _refuse_secrets(value)
            continue
        text = json.dumps(value, default=str)
        if redact(text) != text:
            raise BadInput(
                f"--{name.replace('_', '-')}: holds what looks like a key or a signature, which "
                "would be written into the job; have the scorer read an environment variable"
            )


def job_id(stores: Stores, spec: JobSpec, source: Source) -> str:
    """Digest what determines a job's output, and nothing of how it runs.

    Raises:
        BadInput: the scorer or its parameters are wrong, or one of its files is missing.
    """
    entry = scorers.find(spec.scorer)
    params = scorers.parse_params(entry, spec.params).model_dump(mode="json")
    for name in entry.pictures:
        params[name] = hashlib.sha256(stores.read(params[name])).hexdigest()
    for name in entry.folders:
        params.pop(name)
    for name in entry.trusted:
        # Weights of the same content are the same weights, wherever they lie.
        params.pop(name)
        if params[f"{name}_sha256"] is None:
            params.pop(f"{name}_sha256")
    identity = {
        "format": FORMAT,
        "source": [source.url, source.etag],
        "scorer": [spec.scorer, params, entry.weights],
        "output": [output_kind(spec, source.kind), PurePath(spec.output).suffix.lower()],
        "spec": spec.model_dump(
            mode="json",
            exclude=HOW | (set() if entry.batched else {"mini_batch"}),
        ),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _protect(spec: JobSpec, source: Source) -> None:
    """Refuse an output that would replace what the job reads."""
    read = [source.url, *(str(spec.params[name]) for name in scorers.find(spec.scorer).pictures)]
    made = output_kind(spec, source.kind)
    if made in {"folder", "files"} and source.base:
        read.append(source.base)
    output = _real(spec.output)
    if output in map(_real, read):
        raise BadInput(f"{spec.output}: is what the job reads; choose another output")
    inside = str(parse(spec.output).parent)
    if source.kind == "files" and made == "records" and _real(inside) == _real(source.base):
        raise BadInput(
            f"{spec.output}: lies among the files that are scored, and would be one of them the "
            "next time; choose another output"
        )
    if "**" in source.url and f"{output}/".startswith(f"{_real(source.base)}/"):
        raise BadInput(
            f"{spec.output}: lies where {source.url} looks, and would be read the next time; "
            "choose another output"
        )


def _real(url: str) -> str:
    place = parse(url)
    return os.path.realpath(place.path) if place.local else str(place)
