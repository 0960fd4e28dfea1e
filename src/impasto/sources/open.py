"""The choice of a source; its module is imported only then, since some need a codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import BadInput, Denied, Missing
from impasto.media.formats import is_image
from impasto.sources.selection import selection_of
from impasto.storage.named_file import File
from impasto.tables.formats import is_table

if TYPE_CHECKING:
    from impasto.schema.job import Items
    from impasto.schema.plan import Plan
    from impasto.schema.url import Url
    from impasto.sources.base import Source
    from impasto.sources.files import Files
    from impasto.sources.images import Images
    from impasto.sources.selection import Selection
    from impasto.storage.stores import Stores


def open_source(
    stores: Stores, url: str | Url, items: Items | None = None, *, exact: bool = False
) -> Source:
    """Open a source.

    Args:
        stores: what may be opened.
        url: URL or path.
        items: what to read it as; None reads a table as rows, and anything else as pictures.
        exact: as in a job's spec.

    Raises:
        BadInput: there is none.
        Unavailable: its store does not answer.
    """
    place = stores.locate(url)
    items = items or ("rows" if is_table(place.name) else "pictures")
    form = selection_of(stores, url, exact=exact)
    if items == "rows":
        if form != ("one" if exact else "manifest"):
            raise BadInput(
                f"{url}: rows must come from one table", "give the file or object itself"
            )
        return _table(File(stores, place))
    if items == "files":
        files = _files(stores, place, form, exact=exact)
        return files if form != "one" or _exists(files) else _files(stores, place, "folder")
    if form != "one" or is_image(place.name):
        return _images(stores, place, form, exact=exact)
    try:
        return _video(File(stores, place))
    except Missing:
        return _prefix(stores, place)


def _exists(source: Files) -> bool:
    """Return whether a source that may be one object is."""
    try:
        return bool(source.found.etags)
    except Missing:
        return False


def _prefix(stores: Stores, place: Url) -> Images:
    """Open a place without an object as a folder of images; raises Missing if it is none either."""
    found = _images(stores, place, "folder")
    try:
        if not place.local and found.found.etags:
            return found
    except (Denied, Missing):
        pass
    raise Missing(f"{place}: no such object or folder", "check the URL")


def open_planned(stores: Stores, url: str, plan: Plan) -> Source:
    """Open a source as its plan describes it, without listing it; raises as `open_source` does."""
    form: Selection = "folder"  # only the names in the plan are read
    if plan.source == "video":
        return _video(File(stores, url))
    if plan.source == "table":
        return _table(File(stores, url))
    if plan.source == "files":
        return _files(stores, url, form)
    return _images(stores, url, form)


def _video(file: File) -> Source:
    from impasto.sources.video import Video

    return Video(file)


def _table(file: File) -> Source:
    from impasto.sources.table import Table

    return Table(file)


def _files(stores: Stores, place: str | Url, form: Selection, *, exact: bool = False) -> Files:
    from impasto.sources.files import Files

    return Files(stores, place, form, exact=exact)


def _images(stores: Stores, place: str | Url, form: Selection, *, exact: bool = False) -> Images:
    from impasto.sources.images import Images

    return Images(stores, place, form, exact=exact)
