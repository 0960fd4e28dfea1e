"""Sources: a video, or a set of images, that can be planned and read by index range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from impasto.errors import BadInput
from impasto.files import Denied, Missing
from impasto.media import images
from impasto.ranges import File
from impasto.source.kind import SourceKind, output_kind
from impasto.source.pictures import Images
from impasto.source.video import Video
from impasto.url import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.frame import Frame
    from impasto.spec import Encoding, FrameError, JobSpec, Plan, Shard
    from impasto.stores import Stores
    from impasto.url import Url

__all__ = ["Source", "SourceKind", "open_planned", "open_source", "output_kind"]


class Source(Protocol):
    """Where frames come from.

    Attributes:
        url: the place, absolute.
        kind: what it is.
    """

    url: str
    kind: SourceKind

    @property
    def etag(self) -> str:
        """Changes whenever the content does."""
        ...

    def facts(self) -> dict[str, Any]:
        """Say what the source is, for a person; raises BadInput when it cannot be read."""
        ...

    def plan(self, spec: JobSpec, encoding: Encoding) -> Plan:
        """Cut the source into shards; raises BadInput when it cannot be read."""
        ...

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Frame | FrameError]:
        """Yield a shard's frames in order, one item a frame; a FrameError has no picture."""
        ...


def open_source(stores: Stores, url: str) -> Source:
    """Open a source by URL or path; raises BadInput when there is none."""
    place = parse(url)
    if place.local and not place.path.exists():
        raise BadInput(f"{url}: no such file; check the path")
    folder = place.path.is_dir() if place.local else url.endswith("/") or not place.key
    if folder:
        return Images(stores, place, None)
    if images.is_image(place.name):
        return Images(stores, place.parent, place.name)
    try:
        return Video(File(stores, url))
    except Missing:
        return _prefix(stores, place)


def _prefix(stores: Stores, place: Url) -> Images:
    """Open what is no object as a folder of images; raises Missing when it is none either."""
    found = Images(stores, place, None)
    try:
        if not place.local and found.names:
            return found
    except (Denied, Missing):
        pass
    raise Missing(f"{place}: no such object or folder; check the URL")


def open_planned(stores: Stores, url: str, plan: Plan) -> Source:
    """Open a source whose plan tells what it is, without listing it; raises as `open_source`."""
    place = parse(url)
    if plan.source == "video":
        return Video(File(stores, url))
    if images.is_image(place.name) and not (place.local and place.path.is_dir()):
        return Images(stores, place.parent, place.name)
    return Images(stores, place, None)
