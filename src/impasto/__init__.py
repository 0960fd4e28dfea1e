"""Impasto scores media with deep-learning models in batches.

import impasto

spec = impasto.JobSpec(source="clip.mp4", output="out.mp4", params={"style": "painting.jpg"})
result = impasto.run(spec)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.driver.api import run
    from impasto.errors import BadInput, ImpastoError, Incomplete, Interrupted, Unavailable
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Result
    from impasto.schema.progress import Progress
    from impasto.settings import Settings

    __version__: str

_HOMES = {
    "BadInput": "errors",
    "ImpastoError": "errors",
    "Incomplete": "errors",
    "Interrupted": "errors",
    "JobSpec": "schema.job",
    "Progress": "schema.progress",
    "Result": "schema.outcome",
    "Settings": "settings",
    "Unavailable": "errors",
    "run": "driver.api",
}

__all__ = [
    "BadInput",
    "ImpastoError",
    "Incomplete",
    "Interrupted",
    "JobSpec",
    "Progress",
    "Result",
    "Settings",
    "Unavailable",
    "run",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``import impasto`` costs nothing."""
    if name in _HOMES:
        return getattr(import_module(f"impasto.{_HOMES[name]}"), name)
    if name == "__version__":
        return import_module("importlib.metadata").version("impasto")
    raise AttributeError(f"module 'impasto' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return sorted({*__all__, "__version__", "__doc__", "__file__", "__name__"})
