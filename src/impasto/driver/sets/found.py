"""The sources that a command names, one for each job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from impasto.errors import Missing
from impasto.media.formats import is_image, is_video
from impasto.planning.decide import decide_items
from impasto.schema.words import first_few
from impasto.scorers import registry
from impasto.sources.listed import folders_left_out
from impasto.sources.selection import list_names, natural, relative, selection_of
from impasto.storage.local import is_stray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.schema.job import JobSpec
    from impasto.schema.url import Url
    from impasto.storage.stores import Stores

Kind = Literal["video", "image", "folder", "files", "list"]


@dataclass(frozen=True, slots=True)
class Found:
    """A source of one job.

    Attributes:
        place: where it is.
        text: the source as a spec names it.
        key: its name below the folder that all of them are in.
        kind: what it is, judged by its name and by what exists; ``files`` are those that no
            picture is made of, and a ``list`` is a table or a manifest.
    """

    place: Url
    text: str
    key: str
    kind: Kind


def find_sources(
    spec: JobSpec, texts: Sequence[str], stores: Stores
) -> tuple[list[Found], list[str]]:
    """Find the sources of a command's jobs.

    A folder or pattern that holds videos and no images gives its videos, one by one. Whatever else
    a command names is one source.

    Args:
        spec: what all jobs have in common.
        texts: what the command names.
        stores: what may be opened.

    Returns:
        The sources, each one once, and what is left out, one line for each folder.

    Raises:
        BadInput: something is not there.
        Unavailable: a store does not answer.
    """
    found: dict[str, Found] = {}
    notes: list[str] = []
    for text in texts:
        own, said = _expand(spec, text, stores)
        notes += said
        for each in own:
            found.setdefault(str(each.place), each)
    sources = [*found.values()]
    if len(texts) > 1:
        _, names = relative([each.place for each in sources])
        named = zip(sources, names, strict=True)
        sources = [replace(each, key=_without_place(name)) for each, name in named]
    return sources, notes


def _expand(spec: JobSpec, text: str, stores: Stores) -> tuple[list[Found], list[str]]:
    """Return the sources that one text names, and what is left out."""
    place = stores.locate(text)
    alone = spec.model_copy(update={"source": text})
    form = selection_of(stores, place)
    items = decide_items(alone, registry.find(spec.scorer).takes)
    if items == "rows" or form == "manifest":
        return [Found(place, text, place.name, "list")], []
    if items == "files":
        return [Found(place, text, place.name, "files")], []
    if form == "one" and not (place.local or PurePosixPath(place.name).suffix):
        # An object, or a prefix: a listing tells.
        store, key = stores.open_parent(place)
        form = "one" if store.stat(key) is not None else "folder"
    if form == "one":
        kind: Kind = "image" if is_image(place.name) else "video"
        return [Found(place, text, place.name, kind)], []
    listing = list_names(stores, place, form)
    folder = listing.objects.base
    assert folder
    names = sorted(listing.etags, key=natural)
    videos = [name for name in names if is_video(name)]
    if form == "glob" and not names:
        raise Missing(f"{text}: matches no file", "check the pattern")
    if any(map(is_image, names)) or not videos:
        # Its source says what it leaves out, and that it is empty.
        return [Found(place, text, place.name, "folder")], []
    others = [name for name in names if not (is_video(name) or is_stray(name))]
    folders = sorted(listing.folders, key=natural)
    notes: list[str] = []
    if others:
        counts = f"{len(others):,} ({first_few(others)})"
        notes.append(f"{folder}: files left out, which are no videos: {counts}")
    if folders:
        notes.append(folders_left_out(folders, place, text))
    return [_below(folder, name) for name in videos], notes


def _below(folder: Url, name: str) -> Found:
    place = folder.child(name)
    return Found(place, str(place), name, "video")


def _without_place(name: str) -> str:
    """Return a name that may be a whole URL, without the store."""
    return name.partition("://")[2].partition("/")[2] or name
