"""What a job makes of its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from impasto import plan as planning
from impasto.url import parse

if TYPE_CHECKING:
    from impasto.spec import JobSpec, OutputKind

SourceKind = Literal["video", "image", "folder"]


def output_kind(spec: JobSpec, kind: SourceKind) -> OutputKind:
    """Decide what a job makes of a kind of source; raises BadInput when it cannot."""
    place = parse(spec.output)
    is_folder = place.local and place.path.is_dir()
    return planning.output_kind(spec, kind, is_folder=is_folder)
