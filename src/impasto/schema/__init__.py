"""The frozen values that travel between layers and rest in the store.

Nothing here reads a file, a store or the environment. Every class is a pydantic model, so that
what is written as JSON by one process is checked when another reads it.
"""

from __future__ import annotations

from impasto.schema.base import Frozen, parse
from impasto.schema.job import FrameFormat, Items, JobSpec, Preset
from impasto.schema.outcome import Attempt, Done, Failed, FailedKind, ItemError, Result
from impasto.schema.plan import Encoding, OutputKind, PictureSize, Plan, Prepared, Shard
from impasto.schema.source import Colour, Key, TableFacts, VideoCut, VideoFacts
from impasto.schema.speed import Speed

__all__ = [
    "Attempt",
    "Colour",
    "Done",
    "Encoding",
    "Failed",
    "FailedKind",
    "FrameFormat",
    "Frozen",
    "ItemError",
    "Items",
    "JobSpec",
    "Key",
    "OutputKind",
    "PictureSize",
    "Plan",
    "Prepared",
    "Preset",
    "Result",
    "Shard",
    "Speed",
    "TableFacts",
    "VideoCut",
    "VideoFacts",
    "parse",
]
