"""A driver of a job, as it makes itself known."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.bounds import Seconds, Word
from impasto.schema.live import Live


class Driver(Frozen):
    """A process that runs a job.

    Attributes:
        host: its machine.
        pid: its process id there.
        engine: where it has shards scored.
        began: when it began, seconds since 1970.
        claimed: whether a watcher's claim says whether it may; it counts for more than this object.
        live: how far it is; None before it says so, and in objects of earlier versions.
    """

    host: Word
    pid: Annotated[int, Field(ge=1, le=1 << 30)]
    engine: Word = ""
    began: Seconds = 0.0
    claimed: bool = False
    live: Live | None = None
