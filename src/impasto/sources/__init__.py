"""Sources: a video, images, any files or a table, that can be planned and read by index range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from impasto.errors import BadInput
from impasto.media.images import is_image
from impasto.planning.cuts import SourceKind, is_table
from impasto.planning.forecast import UNKNOWN
from impasto.schema.url import parse
from impasto.sources.files import Files
from impasto.sources.images import Images
from impasto.sources.item import Blob, Rows
from impasto.sources.kind import items_of, output_kind
from impasto.sources.selection import form_of
from impasto.sources.table import Table
from impasto.sources.video import Video
from impasto.storage.local import Denied, Missing
from impasto.storage.ranges import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.media.frame import Frame
    from impasto.planning.forecast import Forecast
    from impasto.schema import Encoding, ItemError, Items, JobSpec, Plan, Shard
    from impasto.sources.selection import Form
    from impasto.storage.stores import Stores

    Item: TypeAlias = Frame | Rows | Blob | ItemError

__all__ = [
    "Blob",
    "Rows",
    "Source",
    "SourceKind",
    "items_of",
    "open_planned",
    "open_source",
    "output_kind",
]


class Source(Protocol):
    """Where items come from.

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

    @property
    def base(self) -> str:
        """URL of the folder that all lies in; "" where it lies in several places."""
        ...

    def facts(self) -> dict[str, Any]:
        """Say what the source is, for a person; raises BadInput when it cannot be read."""
        ...

    def plan(self, spec: JobSpec, encoding: Encoding, forecast: Forecast = UNKNOWN) -> Plan:
        """Cut the source into shards; raises BadInput when it cannot be read.

        Args:
            spec: the job.
            encoding: how output video will be compressed.
            forecast: what is expected of the workers, from which a size may be chosen.
        """
        ...

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Item]:
        """Yield a shard's items in order: frames, files, or runs of rows.

        An ItemError stands in the place of an item that cannot be read.
        """
        ...


def open_source(stores: Stores, url: str, items: Items | None = None) -> Source:
    """Open a source.

    Args:
        stores: what may be opened.
        url: URL or path.
        items: what it is taken for (`items_of`); None takes a table for its rows, and all else for
            pictures.

    Raises:
        BadInput: there is none.
        Unavailable: its store does not answer.
    """
    items = items or ("rows" if is_table(parse(url).name) else "pictures")
    form = form_of(stores, url)
    if items == "rows":
        if form != "manifest":
            raise BadInput(f"{url}: rows come from one table; give the file or object itself")
        return Table(File(stores, url))
    if items == "files":
        files = Files(stores, url, form)
        return files if form != "one" or _exists(files) else Files(stores, url, "folder")
    if form != "one" or is_image(parse(url).name):
        return Images(stores, url, form)
    try:
        return Video(File(stores, url))
    except Missing:
        return _prefix(stores, url)


def _exists(source: Files) -> bool:
    """Tell whether what may be an object is one."""
    try:
        return bool(source.found.etags)
    except Missing:
        return False


def _prefix(stores: Stores, url: str) -> Images:
    """Open what is no object as a folder of images; raises Missing when it is none either."""
    place = parse(url)
    found = Images(stores, url, "folder")
    try:
        if not place.local and found.found.etags:
            return found
    except (Denied, Missing):
        pass
    raise Missing(f"{place}: no such object or folder; check the URL")


def open_planned(stores: Stores, url: str, plan: Plan) -> Source:
    """Open a source whose plan tells what it is, without listing it; raises as `open_source`."""
    form: Form = "folder"  # of what it holds, only the plan's names are read
    if plan.source == "video":
        return Video(File(stores, url))
    if plan.source == "table":
        return Table(File(stores, url))
    if plan.source == "files":
        return Files(stores, url, form)
    return Images(stores, url, form)
