"""What a job is: its spec made absolute, its id, and its first object in the store."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import PurePath

from impasto import scorers
from impasto.errors import BadInput
from impasto.files import check_output, local_path, read_file
from impasto.job import Job
from impasto.media import images
from impasto.settings import Settings
from impasto.source import Source, open_source, output_kind
from impasto.spec import JobSpec
from impasto.store import Store

FORMAT = 1
"""Raised when the same spec would give another output; older jobs are then not resumed."""


def submit(spec: JobSpec, settings: Settings) -> Job:
    """Write a job's spec into its store, unless it is there, and return the job.

    Raises:
        BadInput: the request or the source is wrong.
    """
    spec = absolute(spec)
    source = open_source(spec.source)
    _protect(spec, source)
    job = Job(Store(local_path(settings.home)), job_id(spec, source))
    if job.result() is None:
        _refuse(spec)
    job.record(spec)
    return job


def _refuse(spec: JobSpec) -> None:
    """Refuse, before there is a job, an output in the way and pictures that cannot be read."""
    check_output(local_path(spec.output), images.WRITABLE if spec.overwrite else None)
    for name in scorers.find(spec.scorer).pictures:
        path = local_path(spec.params[name])
        images.size(read_file(path), f"--{name} {path}")


def absolute(spec: JobSpec) -> JobSpec:
    """Make every path of a spec absolute, so that it means the same from any folder."""
    entry = scorers.find(spec.scorer)
    files = {
        name: str(local_path(url))
        for name in entry.pictures
        if isinstance(url := spec.params.get(name), str)
    }
    slash = "/" if spec.output.endswith("/") else ""
    return spec.model_copy(
        update={
            "source": str(local_path(spec.source)),
            "output": str(local_path(spec.output)) + slash,
            "params": spec.params | files,
        }
    )


def job_id(spec: JobSpec, source: Source) -> str:
    """Digest what determines a job's output, and nothing of how it runs.

    Raises:
        BadInput: the scorer or its parameters are wrong, or one of its files is missing.
    """
    entry = scorers.find(spec.scorer)
    params = scorers.parse_params(entry, spec.params).model_dump(mode="json")
    for name in entry.pictures:
        params[name] = hashlib.sha256(read_file(local_path(params[name]))).hexdigest()
    identity = {
        "format": FORMAT,
        "source": [source.url, source.etag],
        "scorer": [spec.scorer, params, entry.weights],
        "output": [output_kind(spec, source), PurePath(spec.output).suffix.lower()],
        "spec": spec.model_dump(
            mode="json",
            exclude={"source", "scorer", "params", "output", "max_failed", "overwrite"},
        ),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _protect(spec: JobSpec, source: Source) -> None:
    """Refuse an output that would replace what the job reads."""
    read = [source.url, *(str(spec.params[name]) for name in scorers.find(spec.scorer).pictures)]
    if source.kind == "image" and output_kind(spec, source) == "folder":
        read.append(str(PurePath(source.url).parent))
    for url in read:
        if os.path.realpath(local_path(url)) == os.path.realpath(local_path(spec.output)):
            raise BadInput(f"{spec.output}: is what the job reads; choose another output")
