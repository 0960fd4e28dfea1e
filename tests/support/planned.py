"""Planning of a source as a driver does it, without a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from impasto.planning import planner
from impasto.planning.decide import decide_output
from impasto.planning.forecast import UNKNOWN, Forecast
from impasto.schema.plan import Encoding
from impasto.scorers import registry

if TYPE_CHECKING:
    from impasto.schema.job import JobSpec
    from impasto.schema.plan import Plan
    from impasto.sources.base import Source


def planned(source: Source, spec: JobSpec, expected: Forecast = UNKNOWN) -> Plan:
    """Cut a source into shards."""
    gives = registry.find(spec.scorer).gives
    made = decide_output(spec, source.kind, gives, is_folder=Path(spec.output).is_dir())
    return planner.plan(source, spec, made, Encoding(), expected)
