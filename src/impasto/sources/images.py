"""Images as a source."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
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
        looks = self._looks
        lost = self._lost(spec) if spec and looks.deep else ""
        cut = looks.deep if lost else ()
        deep = "images with over 8 bits per sample"
        among = f" among the first {LOOKED:,}" if looks.partly else ""
        said = (
            ("pictures and videos left out, of kinds that are not read from folders", unread),
            ("other files left out", strange),
            (
                f"images with several pictures{among}, of which only the first is used",
                looks.several,
            ),
            (f"{deep}{among}, which are read as 8 bits", looks.shallow),
            (f"{deep}{among}, which {lost}", cut),
        )
        told = tuple(
            f"{what}: {len(names):,} ({first_few(names)})" for what, names in said if names
        )
        return (*super()._warnings(spec), *told)

    @cached_property
    def _looks(self) -> _Looks:
        """What the first bytes of the images tell; one that cannot be read is told in its turn."""
        suspects = [name for name in self.found.etags if may_matter(name)]
        remote = any(self.found.objects.local(name) is None for name in suspects)
        looked = suspects[:LOOKED] if remote else suspects
        read = partial(_traits, self.found.objects)
        kinds = list(in_order(read, looked, MANY) if remote else map(read, looked))
        named = list(zip(looked, kinds, strict=True))
        deep = [name for name, kind in named if kind.deep]
        keeps = partial(_keeps_depth, self.found.objects)
        kept = list(in_order(keeps, deep, MANY) if remote else map(keeps, deep))
        shallow = {name for name, all_bits in zip(deep, kept, strict=True) if not all_bits}
        return _Looks(
            several=tuple(name for name, kind in named if kind.several),
            deep=tuple(name for name in deep if name not in shallow),
            shallow=tuple(name for name in deep if name in shallow),
            clear=any(kind.clear for kind in kinds),
            partly=len(looked) < len(suspects),
        )

    def _lost(self, spec: JobSpec) -> str:
        """Say what becomes of 16 bits per sample in a job; "" where they are kept."""
        suffix = PurePath(spec.output).suffix.lower()
        if registry.find(spec.scorer).eight_bits:
            return f"scorer {spec.scorer.partition(':')[0]} takes as 8 bits"
        bits = 16
        if suffix in formats.FAMILIES and not spec.frames:
            # Only a video needs a codec.
            from impasto.media.write.target import target

            facts = self._video_facts(spec, Fraction(1))
            size = (facts.width, facts.height)
            bits = target(facts, suffix, *size, spec.codec, spec.pix_fmt).layout.depth
        elif (suffix in formats.WRITABLE and suffix != ".png") or spec.frames == "jpg":
            bits = 8
        return f"are written with {bits} bits" if bits < 16 else ""

    def _as_video(self, spec: JobSpec) -> Callable[[Fraction], VideoFacts]:
        return partial(self._video_facts, spec)

    def _video_facts(self, spec: JobSpec, fps: Fraction) -> VideoFacts:
        """Describe the images as a video of the first one's size, and of what any of them holds."""
        first = next(iter(self.found.etags))
        width, height = images.size(self.found.objects.read(first), first)
        clear = self._looks.clear
        deep = bool(self._looks.deep) and not registry.find(spec.scorer).eight_bits
        return VideoFacts(
            container="images",
            stream=0,
            codec="images",
            pixel_format=_FORMATS[deep, clear],
            width=width,
            height=height,
            time_base=1 / fps,
            rate=fps,
            alpha=clear,
        )


_FORMATS = {
    (False, False): "rgb24",
    (False, True): "rgba",
    (True, False): "rgb48le",
    (True, True): "rgba64le",
}
"""FFmpeg's names of pictures, by whether they have 16 bits per sample, and transparency."""


@dataclass(frozen=True, slots=True)
class _Looks:
    """What the first bytes of images tell.

    Attributes:
        several: those with several pictures.
        deep: those of which 16 bits per sample are read.
        shallow: those with over 8 bits, of which 8 are read.
        clear: whether one may be transparent.
        partly: whether not all of them were looked at.
    """

    several: tuple[str, ...]
    deep: tuple[str, ...]
    shallow: tuple[str, ...]
    clear: bool
    partly: bool


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
