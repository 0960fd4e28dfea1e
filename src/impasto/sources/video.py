"""A video as a source."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.media.colour_names import TRANSFERS
from impasto.media.formats import FAMILIES, is_image
from impasto.media.join import assemble
from impasto.media.read import decode, describe, index
from impasto.media.write.target import OPAQUE_UNLESS, bit_depth, sampling, target
from impasto.schema.bounds import NEVER
from impasto.schema.moments import clock
from impasto.schema.plan import Plan, Shard
from impasto.scorers.temporal import grid
from impasto.sources.base import Extent, Survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.frame import Frame
    from impasto.media.write.target import Target
    from impasto.schema.job import Deinterlace, JobSpec
    from impasto.schema.kinds import SourceKind
    from impasto.schema.outcome import ItemError
    from impasto.schema.source import VideoFacts
    from impasto.storage.named_file import File
    from impasto.tables.read.scan import Wanted

HDR = {16, 18}
"""Transfer characteristics of high dynamic range, as ITU-T H.273 code points."""
SEQUENTIAL = "one shard: this video can only be read from its beginning"
_WIDEN = "choose another `start` or `end`"


class Video:
    """A video file."""

    def __init__(self, file: File) -> None:
        self.url = file.url
        self.kind: SourceKind = "video"
        self.etag, self.former_etag = file.etag, file.former_etag
        self.base = file.place.parent
        self.name = file.name
        self._file = file
        self._scanned: dict[int | None, index.VideoIndex] = {}

    def facts(self) -> dict[str, Any]:
        """Scan the packets and name every stream."""
        source = self._file.open()
        scanned = index.scan(source, self.name)
        facts = scanned.facts
        first, last = (moment * facts.time_base for moment in (scanned.pts[0], scanned.pts[-1]))
        steps = {b - a for a, b in pairwise(scanned.pts)}
        shown = scanned.facts.last_duration * facts.time_base or 1 / facts.rate
        duration = float(last - first + shown)
        tracks, chapters = describe.tracks(source, self.name, facts.stream)
        return {
            "source": self.url,
            "kind": "video",
            "frames": len(scanned),
            "shardable": not scanned.whole,
            "keyframes": len(scanned.keys),
            "first_second": round(float(first), 6),
            "last_second": round(float(last), 6),
            "duration": round(duration, 6),
            "bytes": self._file.size,
            "bit_rate": round(self._file.size * 8 / duration),
            "shortest_frame": round(float(min(steps, default=0) * facts.time_base), 6),
            "longest_frame": round(float(max(steps, default=0) * facts.time_base), 6),
            "timestamps": "constant" if len(steps) <= 1 else f"variable ({len(steps)} steps)",
            **facts.model_dump(mode="json", exclude={"stream", "deinterlace", "shifts"}),
            "bit_depth": bit_depth(facts.pixel_format),
            "sampling": sampling(facts.pixel_format),
            "rotation": describe.rotation(facts),
            "mirrored": describe.mirrored(facts),
            "streams": describe.streams(source, self.name, facts.stream),
            "tracks": tracks,
            "chapters": chapters,
            "warnings": [*scanned.warnings, *_pictures(facts, "auto")],
        }

    def objects(self) -> int:
        """Return 1."""
        return 1

    def count(self, spec: JobSpec) -> int:
        """Count the frames in the range of time that a job takes; raises as `survey` does."""
        start, stop = self._range(self._scan(spec.stream), spec)
        return stop - start

    def largest(self, spec: JobSpec) -> Extent:
        """Return the size of the frames; raises BadInput when there are none."""
        facts = self._scan(spec.stream).facts
        return Extent(self.name, facts.width, facts.height)

    def survey(self, spec: JobSpec, size: Wanted) -> Survey:
        """Scan the packets; cuts at keyframes cost nothing.

        Raises:
            BadInput: no frame is in the range of time that the job takes.
        """
        opened = self._file.open()
        scanned = self._scanned.pop(spec.stream, None)
        scanned = scanned or index.scan(opened, self.name, spec.stream)
        facts = scanned.facts
        if facts.interlaced and spec.deinterlace == "auto":
            facts = facts.model_copy(update={"deinterlace": True})
            scanned = replace(scanned, facts=facts)
        video = PurePath(spec.output).suffix.lower() in FAMILIES and not spec.frames
        if facts.alpha and video and _aim(facts, spec, facts.width, facts.height).alpha:
            beside = facts.codec in decode.BESIDE
            pixels = "yuva420p" if beside else facts.pixel_format
            facts = facts.model_copy(update={"keep_alpha": True, "pixel_format": pixels})
            scanned = replace(scanned, facts=facts)
        start, stop = self._range(scanned, spec)
        ranged = spec.start is not None or spec.end is not None

        def shard(number: int, first: int, past: int) -> Shard:
            lead, trail = 0, 0
            if spec.temporal:
                lead, trail = grid.around(first, past, start, stop, grid.step(spec))
            cut = index.cut(scanned, first, past, lead, trail)
            return Shard(index=number, start=first, stop=past, cut=cut)

        def rehearse(width: int, height: int) -> tuple[str, ...]:
            aim = _aim(facts, spec, width, height)
            first = scanned.pts[0]
            return tuple(assemble.rehearse(opened, self.name, facts, aim, first, spec.audio))

        return Survey(
            start,
            stop,
            shard,
            cheap_cuts=[bisect_left(scanned.pts, scanned.shown(key)) for key in scanned.keys],
            borders=(start, stop) if scanned.whole else (),
            facts=facts,
            clip=_span(scanned, start, stop) if ranged else None,
            warnings=(
                *scanned.warnings,
                *_lost(facts, spec, video=video),
                *_pictures(facts, spec.deinterlace),
            ),
            reasons=(SEQUENTIAL,) if scanned.whole else (),
            etag=self.etag,
            zero=scanned.pts[0],
            rehearse=rehearse,
        )

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Frame | ItemError]:
        """Decode exactly the shard's frames; raises Changed when the file has, also meanwhile."""
        assert plan.facts
        assert shard.cut
        with self._file.reading(plan.etag):
            opened = self._file.open(shard.cut.span)
            yield from decode.read(opened, self.name, plan.facts, shard.cut, shard.start, threads)

    def _scan(self, stream: int | None) -> index.VideoIndex:
        """Scan the packets once before the survey, which takes what was found, and frees it."""
        if stream not in self._scanned:
            self._scanned[stream] = index.scan(self._file.open(), self.name, stream)
        return self._scanned[stream]

    def _range(self, scanned: index.VideoIndex, spec: JobSpec) -> tuple[int, int]:
        start, stop = index.select(scanned, spec.start, spec.end)
        if start >= stop:
            raise BadInput(f"{self.url}: {_without_frames(scanned, spec)}", _WIDEN)
        return start, stop


def _aim(facts: VideoFacts, spec: JobSpec, width: int, height: int) -> Target:
    """Return the output's picture stream; raises BadInput when there can be none."""
    suffix = PurePath(spec.output).suffix
    return target(facts, suffix, width, height, spec.codec, spec.pix_fmt)


def _lost(facts: VideoFacts, spec: JobSpec, *, video: bool) -> list[str]:
    """Say what no output but some videos keeps of the pictures, and which do."""
    said = []
    if facts.alpha and video and not facts.keep_alpha:
        said.append(OPAQUE_UNLESS)
    elif facts.alpha and not video:
        said.append(
            "transparency is not read; videos keep it, with `codec=prores` in .mov or vp9 in .webm"
        )
    folder = not PurePath(spec.output).suffix or spec.output.endswith("/")
    images = is_image(f"a.{spec.frames}") if spec.frames else folder
    depth = bit_depth(facts.pixel_format)
    if images and depth > 8:
        said.append(
            f"{depth}-bit pictures become images of 8 bits; `codec=ffv1` in .mkv keeps them whole"
        )
    return said


def _pictures(facts: VideoFacts, mode: Deinterlace) -> list[str]:
    """Say what becomes of pictures that are not scored as they are."""
    said = []
    if facts.colour.transfer in HDR:
        name = TRANSFERS[facts.colour.transfer]
        said.append(f"the video is {name}: its pictures are scored as they are coded")
    if facts.interlaced and mode == "auto":
        said.append("the video is interlaced; its frames are deinterlaced, unless `deinterlace=no`")
    elif facts.interlaced:
        said.append("the video is interlaced; its frames are scored with their combing")
    return said


def _span(scanned: index.VideoIndex, start: int, stop: int) -> tuple[int, int]:
    """Return the time that a range of frames covers; past the last one, sound runs to its end."""
    return scanned.pts[start], scanned.pts[stop] if stop < len(scanned) else NEVER


def _without_frames(scanned: index.VideoIndex, spec: JobSpec) -> str:
    """Say that no frame is in the range that a job takes, and how long the video is."""
    facts = scanned.facts
    length = (scanned.pts[-1] - scanned.pts[0] + facts.last_duration) * facts.time_base
    begin = "the beginning" if spec.start is None else clock(spec.start)
    end = "the end" if spec.end is None else clock(spec.end)
    return f"no frames between {begin} and {end}; the clip is {clock(length)} long"
