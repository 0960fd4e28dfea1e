"""How fast a job was."""

from __future__ import annotations

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.job import Items


class Speed(Frozen):
    """What a finished job tells of later ones like it.

    Attributes:
        job: the job's id.
        scorer: the scorer, with the digest of the model or script that it was given.
        kind: what it was given.
        width: of a video's pictures, in pixels; 0 where they differ or are none.
        height: likewise.
        device: what it ran on, ``cpu`` or ``cuda``; of several, the most usual.
        items: how many it scored.
        seconds: of one worker for an item; the median over shards.
        overhead: of a worker for a shard, besides its items; the median over shards.
    """

    job: str
    scorer: str
    kind: Items
    width: int = Field(default=0, ge=0)
    height: int = Field(default=0, ge=0)
    device: str = ""
    items: int = Field(ge=1)
    seconds: float = Field(gt=0, allow_inf_nan=False)
    overhead: float = Field(default=0.0, ge=0, allow_inf_nan=False)
