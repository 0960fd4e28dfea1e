"""Images as a source."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.media import formats, images
from impasto.media.traits import HEAD, Traits, may_matter, traits
from impasto.schema.outcome import ItemError
from impasto.schema.plan import Plan, Shard
from impasto.schema.source import VideoFacts
from impasto.schema.words import first_few
from impasto.scorers import registry
from impasto.sources.base import Extent
from impasto.sources.listed import Listed
from impasto.sources.selection import natural
from impasto.storage.local import is_stray
from impasto.storage.objects import Objects
from impasto.storage.parallel import in_order
from impasto.storage.store import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from impasto.media.frame import Frame
    from impasto.schema.job import JobSpec
    from impasto.schema.kinds import SourceKind
    from impasto.schema.url import Url
    from impasto.sources.selection import Selection
    from impasto.storage.stores import Stores


LOOKED = 1000
"""Images in a store that are looked at before the job, at most; on a disk, all are."""


class Images(Listed):
    """One image, or those of a folder, a pattern or a manifest."""

    ACCEPTED = f"images ({', '.join(formats.SUFFIXES)})"
    _accept = staticmethod(formats.is_image)

    def __init__(
        self, stores: Stores, url: str | Url, form: Selection, *, exact: bool = False
    ) -> None:
        """Set where the images are; nothing is listed until it is needed."""
        super().__init__(stores, url, form, exact=exact)
        self.kind: SourceKind = "image" if form == "one" else "folder"

    def places(self) -> list[str]:
        """Return the path or URL of each image, in order; raises what `found` does."""
        return [str(self.found.objects.place(name)) for name in self.found.etags]

    def facts(self) -> dict[str, Any]:
        """Name the images and the first one's size."""
        names = tuple(self.found.etags)
        first = self.found.objects.read(names[0])
        width, height = images.size(first, names[0])
        return {
            "source": self.url,
            "kind": self.kind,
            "frames": len(names),
            "first": names[0],
            "last": names[-1],
            **({"bytes": len(first)} if self.kind == "image" else {}),
            "width": width,
            "height": height,
            "shardable": True,
            "warnings": list(self._warnings(None)),
        }

    def largest(self, spec: JobSpec) -> Extent:
        """Find the largest image by the first bytes of each, which costs stores a request each."""
        names = [*self.found.etags]
        remote = any(self.found.objects.local(name) is None for name in names)
        look = partial(_extent, self.found.objects, alone=self.kind == "image")
        found = in_order(look, names, MANY) if remote else map(look, names)
        return max(found, key=lambda extent: extent.width * extent.height)

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Frame | ItemError]:
        """Decode the shard's images; of several, those that cannot be read become ItemErrors."""
        objects = Objects(self._stores, plan.base, self._place)
        remote = any(objects.local(name) is None for name in shard.names)
        # For a disk, reading one image while another is decoded is plenty.
        most = MANY if remote else 2
        read = in_order(partial(_attempt, objects), shard.names, most, _size)
        for n, (name, data) in enumerate(zip(shard.names, read, strict=True), shard.start):
            try:
                if isinstance(data, BadInput):
                    raise data
                frame = images.read(data, name, n, deep=True)
                if plan.facts:
                    _same_size(frame, plan.facts, name)
            except BadInput as refused:
                if str(objects.place(name)) == self.url:
                    raise
                yield ItemError(item=n, key=name, error=str(refused))
            else:
                yield frame

    def _warnings(self, spec: JobSpec | None) -> tuple[str, ...]:
        """Say what is left out of a folder, and what is not taken of its images."""
        passed_over = sorted(self.found.passed_over, key=natural)
        unread = [name for name in passed_over if formats.is_unread(name)]
        strange = [name for name in passed_over if not (formats.is_unread(name) or is_stray(name))]
        suspects = [name for name in self.found.etags if may_matter(name)]
        remote = any(self.found.objects.local(name) is None for name in suspects)
        looked = suspects[:LOOKED] if remote else suspects
        read = partial(_traits, self.found.objects)
        kinds = list(in_order(read, looked, MANY) if remote else map(read, looked))
        several = [name for name, kind in zip(looked, kinds, strict=True) if kind.several]
        deep = [name for name, kind in zip(looked, kinds, strict=True) if kind.deep]
        keeps = partial(_keeps_depth, self.found.objects)
        kept = list(in_order(keeps, deep, MANY) if remote else map(keeps, deep))
        shallow = [name for name, all_bits in zip(deep, kept, strict=True) if not all_bits]
        lost = _lost(spec) if spec and deep else ""
        cut = [name for name in deep if name not in shallow] if lost else []
        among = f" among the first {LOOKED:,}" if len(looked) < len(suspects) else ""
        said = (
            ("pictures and videos left out, of kinds that are not read from folders", unread),
            ("other files left out", strange),
            (f"images with several pictures{among}, of which only the first is used", several),
            (f"images with over 8 bits per sample{among}, which are read as 8 bits", shallow),
            (f"images with over 8 bits per sample{among}, which {lost}", cut),
        )
        told = tuple(
            f"{what}: {len(names):,} ({first_few(names)})" for what, names in said if names
        )
        return (*super()._warnings(spec), *told)

    def _as_video(self) -> Callable[[Fraction], VideoFacts]:
        return self._video_facts

    def _video_facts(self, fps: Fraction) -> VideoFacts:
        """Describe the images as a video of the first one's size."""
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


def _extent(objects: Objects, name: str, *, alone: bool) -> Extent:
    """Look how large an image is; of several, one that cannot be read has no size."""
    try:
        with objects.open(name, HEAD) as file:
            return Extent(name, *images.stated_size(file, name))
    except BadInput:
        if alone:
            raise
        return Extent(name, 0, 0)


def _traits(objects: Objects, name: str) -> Traits:
    """Look at one image's first bytes; whether it can be read is found out when it is."""
    try:
        with objects.open(name, HEAD) as file:
            return traits(name, file)
    except BadInput:
        return Traits()


def _keeps_depth(objects: Objects, name: str) -> bool:
    try:
        with objects.open(name, HEAD) as file:
            return images.keeps_depth(file)
    except BadInput:
        return False


def _lost(spec: JobSpec) -> str:
    """Say what becomes of 16 bits per sample in a job; "" where they are kept."""
    suffix = PurePath(spec.output).suffix.lower()
    if registry.find(spec.scorer).eight_bits:
        return f"scorer {spec.scorer.partition(':')[0]} takes as 8 bits"
    flat = suffix in formats.WRITABLE and suffix != ".png"
    if flat or spec.frames == "jpg" or (suffix in formats.FAMILIES and not spec.frames):
        return "are written with 8 bits"
    return ""


def _attempt(objects: Objects, name: str) -> bytes | BadInput:
    """Read one image, or return the error, which concerns this image alone."""
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
            f"{facts.width}x{facts.height}",
            "a video needs images of one size",
        )
