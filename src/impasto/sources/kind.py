"""What a job takes its source for, and what it makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto import scorers
from impasto.errors import BadInput
from impasto.planning import cuts
from impasto.schema.url import parse

if TYPE_CHECKING:
    from impasto.planning.cuts import SourceKind
    from impasto.schema import Items, JobSpec, OutputKind


def items_of(spec: JobSpec) -> Items:
    """Decide what a job takes its source for; raises BadInput when its scorer cannot."""
    return cuts.items_of(spec, scorers.find(spec.scorer).takes)


def output_kind(spec: JobSpec, kind: SourceKind) -> OutputKind:
    """Decide what a job makes of a kind of source; raises BadInput when it cannot."""
    place = parse(spec.output)
    is_folder = place.local and place.path.is_dir()
    gives = scorers.find(spec.scorer).gives
    return cuts.output_kind(spec, kind, gives, is_folder=is_folder)


def refuse_times(spec: JobSpec, url: str, remedy: str) -> None:
    """Raise BadInput where a range of time is asked of what has none."""
    if spec.start is not None or spec.end is not None:
        raise BadInput(f"{url}: --start and --end need a video; {remedy}")
