"""A source cut into shards."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from impasto.schema.base import Frozen
from impasto.schema.bounds import NEVER, Count, Moment, Name, PathText, Side, Told, Word
from impasto.schema.job import Items, JobSpec, Preset, Quality
from impasto.schema.source import TableFacts, VideoCut, VideoFacts

OutputKind = Literal["video", "image", "folder", "arrays", "records", "files"]

_ITEMS = {"video": "pictures", "images": "pictures", "files": "files", "table": "rows"}
"""What a scorer is given, by what the source is."""


class Encoding(Frozen):
    """How output video is compressed.

    Attributes:
        crf: constant rate factor of H.264, 0 (best) to 51.
        quality: see ``JobSpec``; None takes ``crf``.
        preset: the x264/x265 preset, from ``ultrafast`` to ``veryslow``.
        threads: encoder threads; bytes are reproducible only for one thread count, so it is
            part of the plan and not of the machine.
        weighted: whether H.265 predicts changes of brightness. Bytes differ now and then with it,
            so only plans of earlier versions have it.
    """

    crf: int = Field(default=18, ge=0, le=51)
    quality: Quality | None = None
    preset: Preset = "veryfast"
    threads: int = Field(default=1, ge=1, le=1024)
    weighted: bool = True

    @classmethod
    def of(cls, spec: JobSpec, threads: int) -> Self:
        """Return how a job's video is compressed."""
        return cls(
            crf=spec.crf,
            quality=spec.quality,
            preset=spec.preset,
            threads=threads,
            weighted=False,
        )

    @property
    def level(self) -> Fraction | None:
        """The quality as H.264's constant rate factor, from 0 (best) to 51; None is lossless."""
        if self.quality == "lossless":
            return None
        return Fraction(self.crf) if self.quality is None else 51 - Fraction(self.quality, 2)


class Shard(Frozen):
    """A half-open range of the source's items: the unit of work, retry and resume.

    Attributes:
        index: place in the plan, from 0.
        start: first item.
        stop: one past the last item.
        cut: how to read the range when the source is a video.
        names: the images or files to read, in order: names below the source's URL, or whole URLs.
        outputs: the names of the images or arrays to write, in order.
        span: the half-open range of a table's bytes that holds the rows, where rows are lines.
    """

    index: Count
    start: Count
    stop: Count
    cut: VideoCut | None = None
    names: tuple[PathText, ...] = ()
    outputs: tuple[Name, ...] = ()
    span: tuple[Count, Count] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse a shard whose parts do not belong to the same items."""
        if self.stop < self.start:
            raise ValueError("ends before it starts")
        parts = (self.names, self.outputs, self.cut.pts if self.cut else ())
        if any(part and len(part) != len(self) for part in parts):
            raise ValueError("names more or fewer items than it has")
        return self

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def wide(self) -> Shard:
        """A video's shard with the frames beside it that are scored with it."""
        cut = self.cut
        if cut is None:
            return self
        start, stop = self.start - cut.lead, self.stop + cut.trail
        return Shard(index=self.index, start=start, stop=stop, cut=cut.wide)


class Plan(Frozen):
    """A source's facts and its shards, written once; a resumed job uses the stored plan.

    Attributes:
        source: what the source is.
        output: what is made: one video, one image, a folder of images or of arrays, one file of
            records, or a folder of the files that a script writes.
        items: what the scorer is given.
        base: URL of the folder that the shards' names are under.
        table: facts about the table, when the items are rows.
        facts: the picture stream, read from a video or made up for a video made from images; None
            when images become images.
        width: output width in pixels, 0 when every image keeps its own.
        height: output height in pixels, 0 when every image keeps its own.
        encoding: how output video is compressed.
        shards: every shard, in order.
        clip: the half-open range of time taken, in the source's time base, or None for all.
        warnings: what the user should know about the source, one line each.
        reasons: why shards have the size they have, where it was chosen, one line each.
        etag: the video's or table's etag when it was planned; workers read no other version.
        zero: timestamp of a video's first frame, also where the range taken begins later; 0 in
            plans of earlier versions.
    """

    source: Literal["video", "images", "files", "table"]
    output: OutputKind
    items: Items = "pictures"
    base: PathText = ""
    table: TableFacts | None = None
    facts: VideoFacts | None = None
    width: Side = 0
    height: Side = 0
    encoding: Encoding = Encoding()
    shards: tuple[Shard, ...] = ()
    clip: tuple[Moment, Annotated[int, Field(le=NEVER)]] | None = None
    warnings: tuple[Told, ...] = ()
    reasons: tuple[Told, ...] = ()
    etag: Word = ""
    zero: Moment = 0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse a plan whose shards do not follow on each other, or lack what they need."""
        after = self.shards[0].start if self.shards else 0
        for place, shard in enumerate(self.shards):
            if (shard.index, shard.start) != (place, after):
                raise ValueError("has a shard out of place")
            after = shard.stop
        if self.items != _ITEMS[self.source]:
            raise ValueError("has items that its source does not hold")
        return self

    @model_validator(mode="after")
    def _equipped(self) -> Self:
        """Refuse a plan that lacks what its source or output needs."""
        if self.clip and self.clip[0] >= self.clip[1]:
            raise ValueError("takes a range of time that ends before it starts")
        if self.facts is None and "video" in (self.source, self.output):
            raise ValueError("lacks the facts of its pictures")
        if self.output == "video" and not (self.width and self.height):
            raise ValueError("lacks the size of its pictures")
        if self.source == "table" and not (self.table and self.table.whole):
            raise ValueError("lacks the columns of its table")
        if self.source == "video":
            cuts = [shard.cut for shard in self.shards if shard.cut and shard.cut.pts]
            if len(cuts) < len(self.shards):
                raise ValueError("has a shard without a cut")
            if any(later.pts[0] <= earlier.pts[-1] for earlier, later in pairwise(cuts)):
                raise ValueError("has shards whose timestamps do not ascend")
        return self

    @model_validator(mode="after")
    def _well_named(self) -> Self:
        """Refuse a plan whose names lead elsewhere, are missing or are repeated."""
        if self.source in {"images", "files"} and not all(map(_named, self.shards)):
            raise ValueError("has a shard without names")
        if self.output in {"image", "folder", "arrays"} and not all(map(_has_outputs, self.shards)):
            raise ValueError("has a shard without outputs")
        outputs = [name for shard in self.shards for name in shard.outputs]
        if len(set(outputs)) < len(outputs):
            raise ValueError("names an output twice")
        if self.base and any(_leads_out(name) for shard in self.shards for name in shard.names):
            raise ValueError("names what is not in its folder")
        return self

    @property
    def count(self) -> int:
        """How many items the plan covers."""
        return sum(len(shard) for shard in self.shards)

    @property
    def media_rate(self) -> float:
        """Frames per second of the video that is made; 0 if none is."""
        return float(self.facts.rate) if self.facts and self.output == "video" else 0.0

    @property
    def noun(self) -> str:
        """What its items are, for people: frames, images, files or rows."""
        if self.items == "pictures":
            return "frames" if self.source == "video" or self.output == "video" else "images"
        return self.items


def _named(shard: Shard) -> bool:
    return len(shard.names) == len(shard)


def _has_outputs(shard: Shard) -> bool:
    return len(shard.outputs) == len(shard)


def _leads_out(name: str) -> bool:
    return any(part in {"", ".", ".."} for part in name.split("/"))


class Prepared(Frozen):
    """Findings of the first worker for all of them: the first record written wins.

    Attributes:
        state: what the scorer prepared.
        notes: what the user should know about the model, one line each.
    """

    state: dict[str, Any]
    notes: tuple[Told, ...] = ()


class PictureSize(Frozen):
    """Size of a video's pictures after scoring, in pixels: the first record written wins."""

    width: int = Field(ge=1, le=1 << 16)
    height: int = Field(ge=1, le=1 << 16)
