"""How fast a job was."""

from __future__ import annotations

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.bounds import JobId, Side, Word
from impasto.schema.job import Items


class Speed(Frozen):
    """The speed of a finished job, from which that of similar jobs is forecast.

    Attributes:
        job: the job's id.
        scorer: the scorer, with the digest of the model or script that it was given.
        kind: the kind of items that it scored.
        width: width of a video's pictures, in pixels; 0 if they differ or there are none.
        height: height of a video's pictures, in pixels; 0 if they differ or there are none.
        device: what it ran on, ``cpu`` or ``cuda``; of several, the most common.
        items: how many it scored.
        seconds: one worker's seconds per item; the median over shards.
        overhead: a worker's seconds per shard besides its items; the median over shards.
    """

    job: JobId
    scorer: Word
    kind: Items
    width: Side = 0
    height: Side = 0
    device: Word = ""
    items: int = Field(ge=1)
    seconds: float = Field(ge=1e-9, le=1e10)
    overhead: float = Field(default=0.0, ge=0, le=1e10)
