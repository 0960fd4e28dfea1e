"""Images as a source."""

from __future__ import annotations

import hashlib
import json
import re
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from impasto import plan as planning
from impasto.errors import BadInput
from impasto.fanout import in_order
from impasto.files import Missing, etag, list_files, read_file
from impasto.media import images
from impasto.source.kind import output_kind
from impasto.spec import FrameError, Plan, Shard, VideoFacts
from impasto.store import MANY, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.frame import Frame
    from impasto.source.kind import SourceKind
    from impasto.spec import Encoding, JobSpec
    from impasto.stores import Stores
    from impasto.url import Url

DEFAULT_FPS = Fraction(25)


class Images:
    """One image, or the images directly in a folder, in natural order (2 before 10)."""

    def __init__(self, stores: Stores, folder: Url, name: str | None) -> None:
        """Name the images; nothing is listed before it must be.

        Args:
            stores: what may be opened.
            folder: where the images are.
            name: the one that is meant; None for all of them.
        """
        place = folder.child(name) if name else folder
        self.url = str(place)
        self.kind: SourceKind = "image" if name else "folder"
        self._name = name
        self._local = folder.path if folder.local else None
        self._store = None
        if not folder.local:
            self._store = Store(folder, stores.profile(place), signed_for=place)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The images' names in order; raises Missing when there are none."""
        return tuple(self._found)

    @cached_property
    def etag(self) -> str:
        """Changes whenever an image does, comes or goes."""
        if self._name:
            return self._found[self._name]
        facts = json.dumps(list(self._found.items()))
        return hashlib.sha256(facts.encode(errors="surrogateescape")).hexdigest()

    def facts(self) -> dict[str, Any]:
        """Name the images and the first one's size."""
        first = self.names[0]
        width, height = images.size(self._bytes(first), first)
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
        kind = output_kind(spec, self.kind)
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
        # One image on its way while one is decoded is plenty for a disk.
        most = 2 if self._store is None else MANY
        read = in_order(self._attempt, shard.names, most, _size)
        for n, (name, data) in enumerate(zip(shard.names, read, strict=True), shard.start):
            try:
                if isinstance(data, BadInput):
                    raise data
                frame = images.read(data, name, n)
                if plan.facts:
                    _same_size(frame, plan.facts, name)
            except BadInput as refused:
                if self.kind == "image":
                    raise
                yield FrameError(frame=n, error=str(refused))
            else:
                yield frame

    @cached_property
    def _found(self) -> dict[str, str]:
        """The images' etags by name, in order."""
        if self._name:
            return {self._name: self._etag(self._name)}
        found = self._listed()
        if not found:
            raise Missing(
                f"{self.url}: holds no images; it should hold {', '.join(images.SUFFIXES)}"
            )
        return {name: found[name] for name in sorted(found, key=_natural)}

    def _listed(self) -> dict[str, str]:
        """Return the etags of the images directly in the folder, by name."""
        if self._local:
            names = [name for name in list_files(self._local) if images.is_image(name)]
            return {name: etag(self._local / name) for name in names}
        assert self._store
        objects, _ = self._store.list_folder()
        return {it.key: it.etag for it in objects if images.is_image(it.key) and it.key[0] != "."}

    def _etag(self, name: str) -> str:
        if self._local:
            return etag(self._local / name)
        assert self._store
        stat = self._store.stat(name)
        if stat is None:
            raise Missing(f"{self.url}: no such object; check the URL")
        return stat.etag

    def _bytes(self, name: str) -> bytes:
        if self._local:
            return read_file(self._local / name)
        assert self._store
        return self._store.read(name)

    def _attempt(self, name: str) -> bytes | BadInput:
        """Read one image; that it cannot be had is about this image alone."""
        try:
            return self._bytes(name)
        except BadInput as error:
            return error

    def _video_facts(self, fps: Fraction) -> VideoFacts:
        first = self.names[0]
        width, height = images.size(self._bytes(first), first)
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


def _size(read: bytes | BadInput) -> int:
    return len(read) if isinstance(read, bytes) else 0


def _same_size(frame: Frame, facts: VideoFacts, name: str) -> None:
    layout = frame.layout
    if (layout.width, layout.height) != (facts.width, facts.height):
        raise BadInput(
            f"{name}: {layout.width}x{layout.height} differs from the first one's "
            f"{facts.width}x{facts.height}; a video needs images of one size"
        )


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
