"""What a job is: its spec made absolute, its id, and its first object in the store."""

from __future__ import annotations

import os

from impasto.driver.identity import job_id
from impasto.driver.pinning import placed
from impasto.errors import BadInput
from impasto.jobs.job import Job
from impasto.media import formats, images
from impasto.outputs.delivery.open import open_delivery
from impasto.planning.decide import items_of, output_kind
from impasto.schema.job import JobSpec
from impasto.schema.url import parse
from impasto.scorers import registry
from impasto.settings import Settings
from impasto.sources.base import Source
from impasto.sources.open import open_source
from impasto.storage.stores import Stores


def submit(spec: JobSpec, settings: Settings) -> Job:
    """Write a job's spec into its store, unless it is there, and return the job.

    Raises:
        BadInput: the request or the source is wrong.
    """
    stores = Stores.of(settings, spec)
    spec = placed(spec, stores, settings)
    source = open_source(stores, spec.source, items_of(spec))
    _protect(spec, source)
    job = Job(stores.open_home(settings.home), job_id(stores, spec, source))
    if job.result() is None:
        _refuse(stores, spec, job)
    job.record(spec)
    return job


def _refuse(stores: Stores, spec: JobSpec, job: Job) -> None:
    """Refuse, before there is a job, an output in the way and pictures that cannot be read."""
    delivery = open_delivery(stores, job, spec.output)
    delivery.check(formats.WRITABLE if spec.overwrite else None)
    for name in registry.find(spec.scorer).pictures:
        url = spec.params[name]
        images.size(stores.read(url), f"--{name} {url}")


def _protect(spec: JobSpec, source: Source) -> None:
    """Refuse an output that would replace what the job reads."""
    read = [source.url, *(str(spec.params[name]) for name in registry.find(spec.scorer).pictures)]
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
