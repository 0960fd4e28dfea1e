"""Names of outputs that their submitters leave to the service."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.media.codecs import suffix_for
from impasto.media.formats import FAMILIES, WRITABLE, is_image, is_video
from impasto.planning.template import place_below
from impasto.schema.url import parse
from impasto.scorers import registry
from impasto.scorers.params import Role
from impasto.tables.formats import ARRAYS, is_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LONGEST = 100
"""Characters of a source's or a painting's name that are kept."""


def output_for(base: str, fields: Mapping[str, Any]) -> str:
    """Return where to write what is made of a source.

    The name is that of the source and the painting or the scorer, and a few digits that tell jobs
    apart which make something else of a source of that name. The same job always gets the same one.

    Args:
        base: URL of the folder.
        fields: the fields of the job's spec, unchecked.

    Raises:
        BadInput: the name cannot be used there, or the scorer is unknown.
    """
    source, scorer = str(fields["source"]), str(fields["scorer"])
    entry = registry.find(scorer)
    paintings = entry.files(fields["params"], Role.PICTURE)
    name = parse(source).name
    made_by = _stem(parse(paintings[0].url).name) if paintings else scorer.partition(":")[0]
    digest = hashlib.sha256(
        json.dumps(fields, sort_keys=True, default=str).encode(errors="replace")
    ).hexdigest()
    suffix = _suffix(name, fields, entry.gives)
    if not name:
        raise BadInput(f"{source}: does not name anything", "name the output")
    key = f"{_stem(name)[:LONGEST]}-{made_by[:LONGEST]}-{digest[:6]}{suffix.rstrip('/')}"
    return place_below(parse(base), key, folder=suffix == "/")


def _stem(name: str) -> str:
    stem, _, suffix = name.rpartition(".")
    return stem if stem.strip(".") and suffix else name


def _suffix(name: str, fields: Mapping[str, Any], gives: tuple[str, ...]) -> str:
    """Return the suffix of the output, "/" for a folder."""
    if str(fields.get("frames")) in ARRAYS:
        return "/"
    rows = str(fields.get("items")) in {"rows", "files"} or is_table(name)
    if rows or "pictures" not in gives:
        return ".jsonl"
    if fields.get("frames"):
        return "/"
    suffix = f".{name.rpartition('.')[2].lower()}"
    if is_video(name):
        own = suffix if suffix in FAMILIES else ".mp4"
        return suffix_for(own, str(fields.get("codec", "auto")))
    if is_image(name):
        return suffix if suffix in WRITABLE else ".png"
    return ".mp4" if fields.get("fps") else "/"
