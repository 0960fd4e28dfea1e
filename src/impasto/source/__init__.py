"""Sources: a video, or a set of images, that can be planned and read by index range."""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any, Literal, Protocol

from impasto import plan as planning
from impasto.errors import BadInput
from impasto.files import etag, list_files, local_path, read_file
from impasto.media import assemble, decode, describe, images, index
from impasto.media.frame import Frame
from impasto.media.target import target
from impasto.spec import Encoding, FrameError, JobSpec, OutputKind, Plan, Shard, VideoFacts

DEFAULT_FPS = Fraction(25)
NEVER = 1 << 62


class Source(Protocol):
    """Where frames come from.

    Attributes:
        url: the place, absolute.
        kind: what it is.
        etag: changes whenever the content does.
    """

    url: str
    kind: Literal["video", "image", "folder"]
    etag: str

    def facts(self) -> dict[str, Any]:
        """Say what the source is, for a person; raises BadInput when it cannot be read."""
        ...

    def plan(self, spec: JobSpec, encoding: Encoding) -> Plan:
        """Cut the source into shards; raises BadInput when it cannot be read."""
        ...

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Frame | FrameError]:
        """Yield a shard's frames in order, one item a frame; a FrameError has no picture."""
        ...


def open_source(url: str) -> Source:
    """Open a source by URL or path; raises BadInput when there is none."""
    path = local_path(url)
    if path.is_dir():
        return Images(path, None)
    if not path.exists():
        raise BadInput(f"{url}: no such file; check the path")
    if images.is_image(path.name):
        return Images(path.parent, path.name)
    return Video(path)


def output_kind(spec: JobSpec, source: Source) -> OutputKind:
    """Decide what a job makes of its source; raises BadInput when it cannot."""
    is_folder = local_path(spec.output).is_dir()
    return planning.output_kind(spec, source.kind, is_folder=is_folder)


class Video:
    """A video file."""

    def __init__(self, path: Path) -> None:
        self.url = str(path)
        self.kind: Literal["video", "image", "folder"] = "video"
        self.etag = etag(path)
        self.name = path.name

    def facts(self) -> dict[str, Any]:
        """Scan the packets and name every stream."""
        scanned = index.scan(self.url, self.name)
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
            "streams": describe.streams(self.url, self.name),
            "warnings": list(scanned.warnings),
        }

    def plan(self, spec: JobSpec, encoding: Encoding) -> Plan:
        """Scan the packets and cut at keyframes."""
        scanned = index.scan(self.url, self.name)
        facts = scanned.facts
        start, stop = index.select(scanned, spec.start, spec.end)
        planning.check_range(start, stop, self.url)
        borders = [start, stop]
        if not facts.sequential:
            keys = [bisect_left(scanned.pts, key.pts) - start for key in scanned.keys]
            cuts = planning.cut_points(stop - start, spec.shard_frames, keys)
            borders = [start + cut for cut in cuts]
        kind = output_kind(spec, self)
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
        width, height = planning.output_size(facts.width, facts.height, spec.max_size)
        if kind == "video":
            made = target(facts, PurePath(spec.output).suffix, width, height)
            assemble.rehearse(self.url, self.name, facts, made)
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
        )

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Frame | FrameError]:
        """Decode exactly the shard's frames; raises BadInput when the file has changed."""
        assert plan.facts
        assert shard.cut
        return decode.read(self.url, self.name, plan.facts, shard.cut, shard.start, threads)


class Images:
    """One image, or the images directly in a folder, in natural order (2 before 10)."""

    def __init__(self, folder: Path, name: str | None) -> None:
        self.folder = folder
        self.url = str(folder / name) if name else str(folder)
        self.kind: Literal["video", "image", "folder"] = "image" if name else "folder"
        self.names: tuple[str, ...]
        if name:
            self.names = (name,)
            self.etag = etag(folder / name)
            return
        found = [name for name in list_files(folder) if images.is_image(name)]
        if not found:
            raise BadInput(
                f"{folder}: holds no images; it should hold {', '.join(images.SUFFIXES)}"
            )
        self.names = tuple(sorted(found, key=_natural))
        facts = json.dumps([(name, etag(folder / name)) for name in self.names])
        self.etag = hashlib.sha256(facts.encode(errors="surrogateescape")).hexdigest()

    def facts(self) -> dict[str, Any]:
        """Name the images and the first one's size."""
        first = self.names[0]
        width, height = images.size(read_file(self.folder / first), first)
        return {
            "source": self.url,
            "kind": self.kind,
            "frames": len(self.names),
            "first": first,
            "last": self.names[-1],
            "width": width,
            "height": height,
            "shardable": True,
        }

    def plan(self, spec: JobSpec, encoding: Encoding) -> Plan:
        """Cut the list of names evenly; a video made from images takes the first one's size."""
        if spec.start is not None or spec.end is not None:
            raise BadInput(f"{self.url}: --start and --end need a video; choose the images instead")
        borders = planning.cut_points(len(self.names), spec.shard_frames, ())
        kind = output_kind(spec, self)
        outputs: tuple[str, ...] = ()
        if kind == "image":
            outputs = (PurePath(spec.output).name,)
        elif kind == "folder":
            outputs = images.output_names(self.names, spec.frames)
        shards = tuple(
            Shard(index=n, start=a, stop=b, names=self.names[a:b], outputs=outputs[a:b])
            for n, (a, b) in enumerate(pairwise(borders))
        )
        facts, width, height = None, 0, 0
        if kind == "video":
            facts = self._video_facts(spec.fps or DEFAULT_FPS)
            width, height = planning.output_size(facts.width, facts.height, spec.max_size)
        return Plan(
            source="images",
            output=kind,
            facts=facts,
            width=width,
            height=height,
            encoding=encoding,
            shards=shards,
        )

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Frame | FrameError]:
        """Decode the shard's images; one that cannot be read comes as a FrameError."""
        for n, name in enumerate(shard.names, shard.start):
            try:
                frame = images.read(read_file(self.folder / name), name, n)
                if plan.facts:
                    _same_size(frame, plan.facts, name, self.names[0])
            except BadInput as error:
                if self.kind == "image":
                    raise
                yield FrameError(frame=n, error=str(error))
            else:
                yield frame

    def _video_facts(self, fps: Fraction) -> VideoFacts:
        first = self.names[0]
        width, height = images.size(read_file(self.folder / first), first)
        return VideoFacts(
            container="images",
            stream=0,
            codec="images",
            pixel_format="rgb24",
            width=width,
            height=height,
            time_base=1 / fps,
            rate=fps,
        )


def _span(scanned: index.VideoIndex, start: int, stop: int) -> tuple[int, int]:
    """Return the time that a range of frames covers; past the last one, sound runs to its end."""
    return scanned.pts[start], scanned.pts[stop] if stop < len(scanned) else NEVER


def _same_size(frame: Frame, facts: VideoFacts, name: str, first: str) -> None:
    layout = frame.layout
    if (layout.width, layout.height) != (facts.width, facts.height):
        raise BadInput(
            f"{name}: {layout.width}x{layout.height} differs from {first}'s "
            f"{facts.width}x{facts.height}; a video needs images of one size"
        )


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
