"""A job's id: a digest of what determines its output."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath

from impasto.planning.decide import output_kind
from impasto.schema.job import JobSpec
from impasto.scorers import registry
from impasto.sources.base import Source
from impasto.storage.stores import Stores

FORMAT = 2
"""Raised when the same spec would give another output; older jobs are then not resumed."""
RUNTIME_FIELDS = {"source", "scorer", "params", "output", "overwrite", "timeout"} | {
    "requirements",
    "requirements_sha256",
    "max_failed",
    "max_failed_percent",
    "max_failed_batches",
}
"""Fields of a spec that do not determine the output, or that the job's id holds in another form."""


def job_id(stores: Stores, spec: JobSpec, source: Source) -> str:
    """Digest what determines a job's output, and nothing of how it runs.

    Raises:
        BadInput: the scorer or its parameters are wrong, or one of its files is missing.
    """
    entry = registry.find(spec.scorer)
    params = registry.parse_params(entry, spec.params).model_dump(mode="json")
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
            exclude=RUNTIME_FIELDS | (set() if entry.batched else {"mini_batch"}),
        ),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
