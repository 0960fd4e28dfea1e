"""The outcomes of shards and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.bounds import Count, JobId, Name, PathText, Seconds, Told, Trace, Word
from impasto.schema.plan import Shard

if TYPE_CHECKING:
    from collections.abc import Iterator

FailedKind = Literal["bad_input", "unavailable", "error", "denied", "changed", "died", "timeout"]


class ItemError(Frozen):
    """An item that failed; for a picture, the output has the source instead.

    Attributes:
        item: index in the source.
        error: why, in the scorer's own words, one line.
        key: the item's name as users count, from `impasto.schema.item_names`; "" in some records
            of earlier versions.
        traceback: the scorer's own, or "".
        attempts: how many runs have tried the item.
    """

    item: Count
    error: Told
    key: Told = ""
    traceback: Trace = ""
    attempts: Count = 1

    def name(self, nouns: str = "items") -> str:
        """Return the item's name for people, where items are called ``nouns``."""
        return self.key or f"{nouns.removesuffix('s')} {self.item + 1}"


class Done(Frozen):
    """The record of a finished shard: the first one written wins.

    Attributes:
        shard: the shard's index.
        segment: key of the encoded segment or of the records, or the prefix of the images or
            files, within the job.
        items: items done: pictures written, or items whose records or files are written.
        bytes: size of the segment; of images, their total.
        seconds: wall time from asking for the first frame to having stored the segment.
        overhead: of these seconds, those before the first item was scored and after the last one.
        stages: busy seconds of ``read``, ``score`` and ``write``.
        worker: who ran it.
        device: what scored it, ``cpu`` or ``cuda``; "" in records of earlier versions.
        concealed: frames that repeat the one before because they could not be decoded.
        repeated: frames that equal the one before and have its result, without being scored.
        missing: rows of which the model got NaN for a missing value, by column.
        failed: items that failed.
        failed_batches: how many mini-batches had such items.
        names: names written, in order, when the output is images or files.
    """

    shard: Count
    segment: PathText
    items: Count
    bytes: Count
    seconds: Seconds
    overhead: Seconds = 0.0
    stages: dict[Word, Seconds] = Field(default_factory=dict)
    worker: Word = ""
    device: Word = ""
    concealed: tuple[Count, ...] = ()
    repeated: Count = 0
    missing: dict[Told, Count] = Field(default_factory=dict)
    failed: tuple[ItemError, ...] = ()
    failed_batches: Count = 0
    names: tuple[Name, ...] = ()


class Failed(Frozen):
    """The record of a failed attempt at a shard.

    Attributes:
        shard: the shard's index.
        error: what was wrong, one line.
        kind: who must act: the user, time or the operator, or nobody knows; ``denied`` (a store
            refuses access) and ``changed`` (the source has changed) end the whole job at once;
            ``died`` and ``timeout`` mean that the worker ended while it scored.
        traceback: the worker's own, for the log.
        worker: who ran it.
        items: those being scored when the worker ended; one of them may be the cause.
        remedy: what to do, or "".
    """

    shard: Count
    error: Told
    kind: FailedKind = "error"
    traceback: Trace = ""
    worker: Word = ""
    items: tuple[Count, ...] = ()
    remedy: Told = ""


class Attempt(Frozen):
    """One attempt at a shard, with what earlier attempts have shown.

    Attributes:
        shard: what to score.
        suspects: items to score one at a time, since a worker ended while it scored them.
        aside: items not to score again.
        base: a done record of the shard: only its failed items are scored; the rest is taken from
            it.
        tried: the items that failed in earlier runs and are tried again.
        trace: the attempt as a parent of spans, a W3C ``traceparent``; "" if it is not traced.
    """

    shard: Shard
    suspects: tuple[Count, ...] = ()
    aside: tuple[ItemError, ...] = ()
    base: Done | None = None
    tried: tuple[ItemError, ...] = ()
    trace: Word = ""


class Result(Frozen):
    """The result of a finished job.

    Attributes:
        job: the job's id.
        output: where the output is.
        items: pictures in it, or items whose records or files are in it.
        failed: how many items failed; for a picture, the output has the source instead.
        aside: the first hundred of them, and why; the job's log has all.
        concealed: frames that repeat the one before because they could not be decoded.
        repeated: frames that equal the one before and have its result, without being scored.
        seconds: wall time of the run that finished it.
        fps: items scored in that run, per second from its start to the last of them.
        bytes: size of the output.
        sha256: digest of the output file, or of the names and digests of its images.
        notes: what the output's container could not carry, one line each.
        warnings: what the user should know about the source, one line each, as the plan has it.
        report: where the failed items are listed, or "".
        scored: items scored in that run; 0 in results of earlier versions.
        noun: what its items are called; "" in results of earlier versions.
    """

    job: JobId
    output: PathText
    items: Count
    failed: Count
    aside: tuple[ItemError, ...] = ()
    concealed: Count
    seconds: Seconds
    fps: Annotated[float, Field(ge=0)]
    bytes: Count
    sha256: Word
    notes: tuple[Told, ...] = ()
    warnings: tuple[Told, ...] = ()
    report: PathText = ""
    scored: Count = 0
    noun: Word = ""
    repeated: Count = 0

    @property
    def done_already(self) -> bool:
        """Whether the job was finished before, so that nothing was scored."""
        return not self.seconds

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        """Yield what its text shows: a line, without the failed items and their tracebacks."""
        for name in ("output", "items", "failed", "seconds", "job"):
            yield name, getattr(self, name)


class Delivered(Frozen):
    """The note that a delivery began, and what it left there once it has ended.

    Whole outputs on this machine have none.

    Attributes:
        output: where to.
        fingerprint: digest of what is there; "" until the delivery has ended.
        partial: whether it is the output of an incomplete job, which later runs replace.
        shared: whether a second run of the job began before the first had ended.
    """

    output: PathText
    fingerprint: Word
    partial: bool = False
    shared: bool = False
