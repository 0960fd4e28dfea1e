"""What a trigger file may set: numbers, switches and choices, and nothing that names a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import BadInput, meant
from impasto.scorers.params import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.scorers.entry import Entry

FIELDS = (
    "audio",
    "codec",
    "crf",
    "deinterlace",
    "end",
    "fps",
    "frames",
    "max_size",
    "pix_fmt",
    "preset",
    "quality",
    "start",
    "stream",
    "temporal",
    "temporal_speed",
)
"""Fields of a spec that a rule may let trigger files set."""


def check_allowed(names: Sequence[str], entry: Entry) -> None:
    """Check what a rule lets trigger files set.

    Raises:
        BadInput: a name is unknown, or could name a file, a script or how jobs run.
    """
    roles = entry.roles
    code = Role.CODE in roles.files.values()
    behind = {*roles.files, roles.argument, roles.class_name, roles.class_args}
    fields = entry.params.model_fields
    # A script's own text may name anything.
    params = {
        name
        for name in fields.keys() - behind
        if not (code and fields[name].annotation not in {int, float, bool})
    }
    known = {*FIELDS, *params}
    for name in names:
        if name in known or (roles.class_args and name.isidentifier() and name not in fields):
            continue
        likely = meant(name, known) or f"choose from {', '.join(sorted(known))}"
        raise BadInput(f"allow: {name[:60]} is nothing that a trigger file may set", likely)
