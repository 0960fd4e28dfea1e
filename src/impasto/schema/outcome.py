"""What came of shards and jobs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.plan import Shard

FailedKind = Literal["bad_input", "unavailable", "error", "denied", "changed", "died", "timeout"]


class ItemError(Frozen):
    """An item that was set aside; a picture's source stands in its place.

    Attributes:
        item: index in the source.
        error: why, in the scorer's own words, one line.
        key: the item's name, where it has one.
        traceback: the scorer's own, or "".
    """

    item: int
    error: str
    key: str = ""
    traceback: str = ""


class Done(Frozen):
    """The record of a finished shard: the first one written wins.

    Attributes:
        shard: the shard's index.
        segment: key of the encoded segment or of the records, or the prefix of the images or
            files, within the job.
        items: items done: pictures written, or items whose records or files are.
        bytes: size of the segment, all of its images together.
        seconds: wall time from the first frame asked for to the segment stored.
        overhead: of these, those before the first item was scored and after the last one was.
        stages: busy seconds of ``read``, ``score`` and ``write``.
        worker: who ran it.
        concealed: frames that repeat the one before because they could not be decoded.
        failed: items that were set aside.
        failed_batches: how many mini-batches they were in.
        names: names written, in order, when the output is images or files.
    """

    shard: int
    segment: str
    items: int
    bytes: int
    seconds: float
    overhead: float = 0.0
    stages: dict[str, float] = Field(default_factory=dict)
    worker: str = ""
    concealed: tuple[int, ...] = ()
    failed: tuple[ItemError, ...] = ()
    failed_batches: int = 0
    names: tuple[str, ...] = ()


class Failed(Frozen):
    """The record of an attempt at a shard that came to nothing.

    Attributes:
        shard: the shard's index.
        error: what was wrong, one line.
        kind: who must act: the user, time or the operator, or nobody knows; ``denied`` (a store
            refuses access) and ``changed`` (the source is another) end the whole job at once;
            ``died`` and ``timeout`` are the end of a worker while it scored.
        traceback: the worker's own, for the log.
        worker: who ran it.
        items: what was being scored when the worker ended: its end may be the fault of one of them.
        remedy: what to do, or "".
    """

    shard: int
    error: str
    kind: FailedKind = "error"
    traceback: str = ""
    worker: str = ""
    items: tuple[int, ...] = ()
    remedy: str = ""


class Attempt(Frozen):
    """One try at a shard, with what earlier ones have taught.

    Attributes:
        shard: what to score.
        suspects: items to be scored alone, since a worker ended while it scored them.
        aside: items not to be scored again.
        base: a done record of the shard: only the items that it sets aside are scored, and the
            rest is taken from it.
    """

    shard: Shard
    suspects: tuple[int, ...] = ()
    aside: tuple[ItemError, ...] = ()
    base: Done | None = None


class Result(Frozen):
    """What a finished job gave.

    Attributes:
        job: the job's id.
        output: where the output is.
        items: pictures in it, or items whose records or files are.
        failed: how many items were set aside; a picture's source stands in its place.
        aside: the first hundred of them, and why; the job's log has all.
        concealed: frames that could not be decoded, the one before standing in their place.
        seconds: wall time of the run that finished it.
        fps: items scored in that run over ``seconds``.
        bytes: size of the output.
        sha256: digest of the output file, or of the names and digests of its images.
        notes: what the output's container could not carry, one line each.
    """

    job: str
    output: str
    items: int
    failed: int
    aside: tuple[ItemError, ...] = ()
    concealed: int
    seconds: float
    fps: float
    bytes: int
    sha256: str
    notes: tuple[str, ...] = ()
