"""A job's id: a digest of what determines its output."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from impasto.schema.job import JobSpec
from impasto.scorers.params import Newer, Role
from impasto.scorers.temporal.grid import RECIPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from impasto.schema.base import Frozen
    from impasto.schema.plan import OutputKind
    from impasto.scorers.entry import Entry

FORMAT = 2
"""Incremented when the same spec would give another output; older jobs are then not resumed."""
RUNTIME_FIELDS = {"source", "scorer", "params", "output", "overwrite", "timeout"} | {
    "exact",
    "pins",
    "requirements",
    "max_failed",
    "max_failed_percent",
    "max_failed_batches",
    "mask",
    "rule",
    "labels",
}
"""Fields of a spec that do not determine the output, or that the job's id holds in another form."""
NEWER_FIELDS = {
    "stream",
    "deinterlace",
    "audio",
    "tenant",
    "codec",
    "pix_fmt",
    "quality",
    "keep",
} | {
    "mask_side",
    "mask_feather",
    "temporal",
    "temporal_speed",
}
"""Fields of a spec that joined after `FORMAT` was set: jobs that leave them out keep their ids."""


def job_id(
    spec: JobSpec,
    entry: Entry,
    parsed: Frozen,
    source: tuple[str, str],
    makes: OutputKind,
    pictures: Mapping[str, bytes],
) -> str:
    """Return a digest of what determines a job's output, and of nothing about how it runs.

    Args:
        spec: the job's spec, made absolute.
        entry: its scorer's line of the table.
        parsed: its scorer's parameters, checked.
        source: the URL and the etag of its source.
        makes: what is made of the source.
        pictures: the pictures that parameters name, by parameter.
    """
    params = _as_before(parsed)
    for name, role in entry.roles.files.items():
        if name not in params:
            continue
        # A file of the same content is the same file, wherever it is.
        value = params.pop(name)
        if role is Role.ARRAYS:
            params[name] = {key: spec.pins.get(f"{name}.{key}", it) for key, it in value.items()}
        elif role is Role.PICTURES:
            digests = {url: hashlib.sha256(pictures[f"{name}.{url}"]).hexdigest() for url in value}
            params[name] = sorted((digests[url], share) for url, share in value.items())
        elif role is Role.NAMED_PICTURES:
            digests = {key: hashlib.sha256(pictures[f"{name}.{key}"]).hexdigest() for key in value}
            params[name] = sorted((float(key), digest) for key, digest in digests.items())
        elif role is Role.PICTURE:
            given = name in pictures
            params[name] = hashlib.sha256(pictures[name]).hexdigest() if given else None
        elif role is Role.FOLDER:
            params[f"{name}_digest"] = spec.pins.get(name)
        elif name in spec.pins:
            params[f"{name}_sha256"] = spec.pins[name]
    unset = {
        name for name in NEWER_FIELDS if getattr(spec, name) == JobSpec.model_fields[name].default
    }
    package = [spec.pins["scorer"]] if "scorer" in spec.pins else []
    identity = {
        "format": FORMAT,
        "source": [*source],
        "scorer": [spec.scorer, params, entry.weights, *package],
        "output": [makes, PurePath(spec.output).suffix.lower()],
        "spec": spec.model_dump(
            mode="json",
            exclude=RUNTIME_FIELDS | unset | (set() if entry.batched else {"mini_batch"}),
        ),
    }
    if "mask" in spec.pins:
        identity["mask"] = spec.pins["mask"]
    if spec.temporal:
        identity["temporal"] = RECIPE
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _as_before(parsed: Frozen) -> dict[str, Any]:
    """Return parameters as they were before the `Newer` ones among them, where these are unset."""
    params = parsed.model_dump(mode="json")
    for name, info in type(parsed).model_fields.items():
        for newer in (mark for mark in info.metadata if isinstance(mark, Newer)):
            if getattr(parsed, name) != info.get_default(call_default_factory=True):
                # What was the default is now something else than nothing.
                params[name] = [params[name]] if params[name] == newer.was else params[name]
            elif newer.was is None:
                params.pop(name)
            else:
                params[name] = newer.was
    return params
