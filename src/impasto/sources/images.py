"""Images as a source."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property, partial
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.media import images
from impasto.planning import cuts
from impasto.planning.forecast import UNKNOWN, Work
from impasto.schema import ItemError, Plan, Shard, VideoFacts
from impasto.schema.url import parse
from impasto.sources import selection
from impasto.sources.kind import output_kind, refuse_times
from impasto.storage.objects import Objects
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.frame import Frame
    from impasto.planning.cuts import SourceKind
    from impasto.planning.forecast import Forecast
    from impasto.schema import Encoding, JobSpec
    from impasto.sources.selection import Form, Found
    from impasto.storage.stores import Stores

DEFAULT_FPS = Fraction(25)


class Images:
    """One image, or those of a folder, a pattern or a manifest."""

    def __init__(self, stores: Stores, url: str, form: Form) -> None:
        """Say where the images are; nothing is listed before it must be."""
        self.url = str(parse(url))
        self.kind: SourceKind = "image" if form == "one" else "folder"
        self._stores, self._form = stores, form

    @cached_property
    def found(self) -> Found:
        """The images; raises what `naming.find` does."""
        what = f"images ({', '.join(images.SUFFIXES)})"
        return selection.find(self._stores, self.url, self._form, images.is_image, what)

    @property
    def etag(self) -> str:
        """Changes whenever an image does, comes or goes."""
        return self.found.version

    @property
    def base(self) -> str:
        """URL of the folder that the images' names are under, or ""."""
        return self.found.base

    def facts(self) -> dict[str, Any]:
        """Name the images and the first one's size."""
        names = tuple(self.found.etags)
        width, height = images.size(self.found.objects.read(names[0]), names[0])
        return {
            "source": self.url,
            "kind": self.kind,
            "frames": len(names),
            "first": names[0],
            "last": names[-1],
            "width": width,
            "height": height,
            "shardable": True,
        }

    def plan(self, spec: JobSpec, encoding: Encoding, forecast: Forecast = UNKNOWN) -> Plan:
        """Cut the list of names evenly; a video made from images takes the first one's size."""
        refuse_times(spec, self.url, "choose the images instead")
        kind = output_kind(spec, self.kind)
        names = tuple(self.found.etags)
        outputs: tuple[str, ...] = ()
        if kind == "image":
            outputs = (PurePath(spec.output).name,)
        elif kind == "folder":
            outputs = _outputs(self.found, spec)
        facts, width, height = None, 0, 0
        if kind == "video":
            facts = self._video_facts(spec.fps or DEFAULT_FPS)
            width, height = cuts.output_size(facts.width, facts.height, spec.max_size)
        video = kind == "video"
        called = "frames" if video else "images"
        work = Work(len(names), "pictures", called, encoded=video, width=width, height=height)
        size = forecast.size(spec.shard_frames, work)
        borders = cuts.cut_points(len(names), size.items, ())
        shards = tuple(
            Shard(index=n, start=a, stop=b, names=names[a:b], outputs=outputs[a:b])
            for n, (a, b) in enumerate(pairwise(borders))
        )
        return Plan(
            source="images",
            output=kind,
            base=self.base,
            facts=facts,
            width=width,
            height=height,
            encoding=encoding,
            shards=shards,
            reasons=size.reasons,
        )

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Frame | ItemError]:
        """Decode the shard's images; one of many that cannot be read comes as an ItemError."""
        objects = Objects(self._stores, plan.base, self.url)
        remote = any(objects.local(name) is None for name in shard.names)
        # One image on its way while one is decoded is plenty for a disk.
        most = MANY if remote else 2
        read = in_order(partial(_attempt, objects), shard.names, most, _size)
        for n, (name, data) in enumerate(zip(shard.names, read, strict=True), shard.start):
            try:
                if isinstance(data, BadInput):
                    raise data
                frame = images.read(data, name, n)
                if plan.facts:
                    _same_size(frame, plan.facts, name)
            except BadInput as refused:
                if str(objects.place(name)) == self.url:
                    raise
                yield ItemError(item=n, key=name, error=str(refused))
            else:
                yield frame

    def _video_facts(self, fps: Fraction) -> VideoFacts:
        first = next(iter(self.found.etags))
        width, height = images.size(self.found.objects.read(first), first)
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


def _outputs(found: Found, spec: JobSpec) -> tuple[str, ...]:
    """Name the outputs: the same tree of names; raises BadInput where two cannot both be."""
    names = tuple(found.etags)
    if not found.base:
        names = tuple(_beneath(name) for name in names)
    outputs = images.output_names(names, spec.frames)
    files = {output.casefold() for output in outputs}
    for output in outputs:
        folders = output.casefold().split("/")[:-1]
        for n in range(len(folders)):
            if "/".join(folders[: n + 1]) in files:
                raise BadInput(
                    f"{spec.source}: {output} would lie in a file that is written, too; rename one"
                )
    return outputs


def _beneath(url: str) -> str:
    """Name what lies anywhere by a path that can lie in a folder."""
    place = parse(url)
    return place.key.lstrip("/") if place.local else f"{place.container}/{place.key}"


def _attempt(objects: Objects, name: str) -> bytes | BadInput:
    """Read one image; that it cannot be had is about this image alone."""
    try:
        return objects.read(name)
    except BadInput as error:
        return error


def _size(read: bytes | BadInput) -> int:
    return len(read) if isinstance(read, bytes) else 0


def _same_size(frame: Frame, facts: VideoFacts, name: str) -> None:
    layout = frame.layout
    if (layout.width, layout.height) != (facts.width, facts.height):
        raise BadInput(
            f"{name}: {layout.width}x{layout.height} differs from the first one's "
            f"{facts.width}x{facts.height}; a video needs images of one size"
        )
