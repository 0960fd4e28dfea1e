"""A video as a source."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from impasto.media.join import assemble
from impasto.media.read import decode, describe, index
from impasto.media.write.target import target
from impasto.planning import cuts as planning
from impasto.planning.forecast import UNKNOWN, Work
from impasto.schema import Plan, Shard
from impasto.schema.url import parse
from impasto.sources.kind import output_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.frame import Frame
    from impasto.planning.cuts import SourceKind
    from impasto.planning.forecast import Forecast
    from impasto.schema import Encoding, ItemError, JobSpec
    from impasto.storage.ranges import File

NEVER = 1 << 62
SEQUENTIAL = "one shard: this video can be read from its beginning only"


class Video:
    """A video file."""

    def __init__(self, file: File) -> None:
        self.url = file.url
        self.kind: SourceKind = "video"
        self.etag = file.etag
        self.base = str(parse(file.url).parent)
        self.name = file.name
        self._file = file

    def facts(self) -> dict[str, Any]:
        """Scan the packets and name every stream."""
        source = self._file.open()
        scanned = index.scan(source, self.name)
        facts = scanned.facts
        first, last = (moment * facts.time_base for moment in (scanned.pts[0], scanned.pts[-1]))
        steps = {b - a for a, b in pairwise(scanned.pts)}
        return {
            "source": self.url,
            "kind": "video",
            "frames": len(scanned),
            "shardable": not facts.sequential,
            "keyframes": len(scanned.keys),
            "first_second": round(float(first), 6),
            "last_second": round(float(last), 6),
            "timestamps": "constant" if len(steps) <= 1 else f"variable ({len(steps)} steps)",
            **facts.model_dump(mode="json", exclude={"stream"}),
            "rotation": describe.rotation(facts),
            "streams": describe.streams(source, self.name),
            "warnings": list(scanned.warnings),
        }

    def plan(self, spec: JobSpec, encoding: Encoding, forecast: Forecast = UNKNOWN) -> Plan:
        """Scan the packets and cut at keyframes."""
        opened = self._file.open()
        scanned = index.scan(opened, self.name)
        facts = scanned.facts
        start, stop = index.select(scanned, spec.start, spec.end)
        planning.check_range(start, stop, self.url)
        kind = output_kind(spec, self.kind)
        width, height = planning.output_size(facts.width, facts.height, spec.max_size)
        borders = [start, stop]
        reasons: tuple[str, ...] = (SEQUENTIAL,)
        if not facts.sequential:
            encoded, frames = kind == "video", stop - start
            work = Work(frames, "pictures", "frames", encoded=encoded, width=width, height=height)
            size = forecast.size(spec.shard_frames, work)
            keys = [bisect_left(scanned.pts, key.pts) - start for key in scanned.keys]
            cuts = planning.cut_points(frames, size.items, keys, size.least)
            borders, reasons = [start + cut for cut in cuts], size.reasons
        shards = tuple(
            Shard(
                index=n,
                start=a,
                stop=b,
                cut=index.cut(scanned, a, b),
                outputs=planning.frame_names(a, b, spec.frames) if kind == "folder" else (),
            )
            for n, (a, b) in enumerate(pairwise(borders))
        )
        if kind == "video":
            made = target(facts, PurePath(spec.output).suffix, width, height)
            assemble.rehearse(opened, self.name, facts, made)
        ranged = spec.start is not None or spec.end is not None
        return Plan(
            source="video",
            output=kind,
            facts=facts,
            width=width,
            height=height,
            encoding=encoding,
            shards=shards,
            clip=_span(scanned, start, stop) if ranged else None,
            warnings=scanned.warnings,
            etag=self.etag,
            reasons=reasons,
        )

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Frame | ItemError]:
        """Decode exactly the shard's frames; raises BadInput when the file has changed."""
        assert plan.facts
        assert shard.cut
        self._file.expect(plan.etag)
        opened = self._file.open(shard.cut.span)
        return decode.read(opened, self.name, plan.facts, shard.cut, shard.start, threads)


def _span(scanned: index.VideoIndex, start: int, stop: int) -> tuple[int, int]:
    """Return the time that a range of frames covers; past the last one, sound runs to its end."""
    return scanned.pts[start], scanned.pts[stop] if stop < len(scanned) else NEVER
