"""Selection of the files or objects of a source: one, a folder's, a pattern's or a manifest's.

    photos/a.png         one
    photos/              those directly in the folder
    photos/**/*.png      those that match: * and ? within a name, [ab] one of these, ** any folders
    photos.txt           those that the manifest names

All but a manifest's are in natural order (2 before 10), folder by folder, without hidden ones.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import stat
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from impasto.errors import BadInput, Missing
from impasto.media.formats import is_video
from impasto.schema.words import counted
from impasto.sources import manifest
from impasto.sources.patterns import WILD, matches, reached
from impasto.storage.content import version
from impasto.storage.local import is_folder, list_folder, mapped
from impasto.storage.objects import Objects
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from impasto.schema.url import Url
    from impasto.storage.store import Stat

Selection = Literal["one", "folder", "glob", "manifest"]


@dataclass(frozen=True, slots=True)
class Selected:
    """The files or objects that a source names.

    Attributes:
        objects: reads them by name.
        etags: their etags by name, in order; "" for one that a manifest names but that does not
            exist.
        passed_over: the names that are not accepted, of a folder or a pattern, in no order.
        folders: the folders directly in a folder, which are not looked into, in no order.
    """

    objects: Objects
    etags: dict[str, str]
    passed_over: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """URL of the folder that the names are under; "" where they are whole URLs."""
        return str(self.objects.base) if self.objects.base else ""

    @property
    def version(self) -> str:
        """Changes whenever one of them changes, appears or disappears, or their order changes."""
        return self._digest(self.etags)

    @property
    def former_version(self) -> str:
        """The version in jobs that began before the content of local files was looked at."""
        return self._digest(
            {
                name: self.objects.former_etag(name) if version else ""
                for name, version in self.etags.items()
            }
            if any(map(self.objects.local, self.etags))
            else self.etags
        )

    def _digest(self, etags: Mapping[str, str]) -> str:
        facts = json.dumps([self.base, *etags.items()])
        return hashlib.sha256(facts.encode(errors="surrogateescape")).hexdigest()


def selection_of(stores: Stores, url: str | Url, *, exact: bool = False) -> Selection:
    """Return what a URL or path names, judged by what exists; raises Missing for a missing file.

    Something that exists under exactly that name is meant, even if the name has a ``*`` or ``[``.
    An object that may yet turn out to be a prefix counts as ``one``.

    Args:
        stores: what may be opened.
        url: the URL or path.
        exact: whether only what has exactly that name counts; raises BadInput for a link, a pipe or
            a device.
    """
    place = stores.locate(url)
    if exact:
        return _exactly(place)
    wild = WILD.search(place.key)
    if place.local:
        if is_folder(place.path):
            return "folder"
        if not place.path.exists():
            if wild:
                return "glob"
            raise Missing(f"{url}: no such file", "check the path")
    elif place.key.endswith("/") or not place.key:
        return "folder"
    elif wild and _stat(stores, place) is None:
        return "glob"
    return "manifest" if manifest.is_manifest(place.name) else "one"


def _exactly(place: Url) -> Selection:
    """Return whether a place is one object or a folder; raises BadInput if it leads elsewhere."""
    if not place.local:
        return "folder" if place.key.endswith("/") or not place.key else "one"
    with mapped(str(place)):
        mode = place.path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise BadInput(f"{place}: is a link", "put the file itself there")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise BadInput(f"{place}: is a pipe, a device or a socket", "put a file there")
    return "folder" if stat.S_ISDIR(mode) else "one"


def find(
    stores: Stores,
    url: str | Url,
    form: Selection,
    accept: Callable[[str], bool],
    what: str,
    *,
    links: bool = True,
) -> Selected:
    """Find the files or objects that a source names.

    Args:
        stores: what may be opened.
        url: the source.
        form: what `selection_of` returned.
        accept: returns whether a name is wanted; not called for what is named one by one.
        what: what is wanted, for people, such as ``images``.
        links: whether links to files count as files of a folder.

    Raises:
        Missing: there is nothing of the kind.
        BadInput: the manifest is wrong.
    """
    place = stores.locate(url)
    if form == "manifest":
        base, names = relative(manifest.read(stores, place))
        objects = Objects(stores, base, place)
        return Selected(objects, objects.etags(names))
    if form == "one":
        objects = Objects(stores, place.parent, place)
        _check_name(place.parent, place.name)
        return Selected(objects, {place.name: objects.etag(place.name)})
    listing = list_names(stores, place, form, links=links)
    objects = listing.objects
    assert objects.base
    taken = sorted(filter(accept, listing.etags), key=natural)
    wanted = set(taken)
    passed_over = tuple(name for name in listing.etags if name not in wanted)
    for name in taken:
        _check_name(objects.base, name)
    if not taken:
        raise _empty(place, listing, passed_over, what, form)
    etags = {name: _etag(objects, name, listing.etags[name]) for name in taken}
    return Selected(objects, etags, passed_over, listing.folders)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder or a pattern names, without a look at any content.

    Attributes:
        objects: reads them by name; its base is the folder that the names are below.
        etags: the etags by name, without hidden ones, in no order; "" on a disk, where only the
            content tells.
        folders: the folders directly in a folder, which are not looked into, in no order.
    """

    objects: Objects
    etags: dict[str, str]
    folders: tuple[str, ...]


def list_names(stores: Stores, place: Url, form: Selection, *, links: bool = True) -> Listing:
    """List what a folder or a pattern names; `find` tells what the arguments are.

    Raises:
        Missing: there is no such folder.
    """
    folder, pattern = (place, ["*"]) if form == "folder" else _split(place)
    if folder.local and not folder.path.is_dir():
        raise Missing(f"{folder}: no such folder", "check the path")
    objects = Objects(stores, folder, place)
    etags, folders = _listed(objects, folder, pattern, links=links)
    shown = {name: etag for name, etag in etags if not _hidden(name) and matches(name, pattern)}
    below = tuple(name for name in folders if not _hidden(name)) if form == "folder" else ()
    return Listing(objects, shown, below)


def _empty(
    place: Url, listing: Listing, passed_over: Sequence[str], what: str, form: Selection
) -> Missing:
    """Return the error for a place that holds nothing of the kind, but perhaps something else."""
    videos = sorted(filter(is_video, passed_over), key=natural)
    if videos:
        fact = f"holds {counted(len(videos), 'videos')} and no images"
        assert listing.objects.base
        one = shlex.quote(str(listing.objects.base.child(videos[0])))
        remedy = f"give one of them, such as {one}; only `impasto run` makes a job of each"
        return Missing(f"{place}: {fact}", remedy if len(videos) > 1 else f"give it: {one}")
    if listing.folders:
        fact = f"holds no {what}, only {counted(len(listing.folders), 'folders')}"
        return Missing(f"{place}: {fact}", f"for what is in them, give {within(place)}")
    if form == "glob":
        return Missing(f"{place}: matches no {what}", "check the pattern")
    return Missing(f"{place}: holds no {what}", f"check the {form}")


def within(place: Url) -> str:
    """Return the pattern for all that is in a folder and in the folders below it."""
    return f"{str(place).rstrip('/')}/**"


def natural(name: str) -> list[list[tuple[int, str]]]:
    """Return a key that sorts names folder by folder, and numbers in them by value."""
    return [
        [(int(run), "") if run.isdecimal() else (-1, run) for run in re.split(r"(\d+)", part)]
        for part in name.split("/")
    ]


def _check_name(folder: Url, name: str) -> None:
    """Raise BadInput for a name that records cannot hold."""
    if not name.isprintable() and name.encode(errors="replace").decode() != name:
        raise BadInput(f"{folder}: holds {name!a}, a name that is not UTF-8", "rename it")


def _stat(stores: Stores, place: Url) -> object:
    store, key = stores.open_parent(place)
    return store.stat(key)


def _split(place: Url) -> tuple[Url, list[str]]:
    """Split a pattern into the folder before its first wildcard and the parts from there."""
    parts = place.key.split("/")
    first = next(n for n, part in enumerate(parts) if WILD.search(part))
    above = "/".join(parts[:first])
    return place.at(above or "/" if place.local else above), parts[first:]


def _listed(
    objects: Objects, folder: Url, pattern: Sequence[str], *, links: bool
) -> tuple[Iterable[tuple[str, str]], Sequence[str]]:
    """Return what may match, with etags, and the folders that are not looked into."""
    flat = len(pattern) == 1 and pattern != ["**"]
    folders: list[str] = []
    if folder.local:
        files: Iterable[str] = _walk(str(folder.path), "", pattern)
        if flat:
            files, folders = list_folder(folder.path, links=links)
        return ((name, "") for name in files), folders
    store = objects.store(folder)
    stats: Iterable[Stat] = store.walk()
    if flat:
        stats, folders = store.list_folder()
    # A key that ends in a slash marks a folder.
    return ((each.key, each.etag) for each in stats if each.key[-1:] not in {"", "/"}), folders


def _hidden(name: str) -> bool:
    return any(part[0] == "." for part in name.split("/"))


def _etag(objects: Objects, name: str, listed: str) -> str:
    """Return an object's etag; that of a file is made of its content."""
    path = objects.local(name)
    return version(path) if path else listed


def _walk(root: str, below: str, pattern: Sequence[str]) -> Iterator[str]:
    """Yield the files under a folder; skips folders that cannot match, are hidden or are links."""
    with os.scandir(os.path.join(root, below)) as entries:  # noqa: PTH118
        for entry in entries:
            name = below + entry.name
            if entry.is_file():
                yield name
            elif (
                entry.is_dir(follow_symlinks=False)
                and entry.name[0] != "."
                and reached(name.split("/"), pattern)
            ):
                yield from _walk(root, f"{name}/", pattern)


def relative(places: Sequence[Url]) -> tuple[Url | None, list[str]]:
    """Return the folder that all are under and their names there, or None and their URLs."""
    if len({place.at("") for place in places}) > 1:
        return None, [str(place) for place in places]
    folders = [place.key.split("/")[:-1] for place in places]
    alike = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    shared = [parts[0] for parts in alike]
    above = "/".join(shared)
    base = places[0].at(above or "/" if places[0].local else above)
    return base, [place.key[len(above) + 1 if shared else 0 :] for place in places]
