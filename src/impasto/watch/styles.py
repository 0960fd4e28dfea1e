"""The styles of a rule: pictures that a scorer takes, one for each job of an object."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput, Missing, Unavailable
from impasto.media.formats import is_image
from impasto.schema.url import check_key
from impasto.scorers.params import Role
from impasto.sources.patterns import WILD
from impasto.sources.selection import find
from impasto.storage.local import is_folder
from impasto.watch.places import rooted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from impasto.planning.template import Template
    from impasto.schema.url import Url
    from impasto.scorers.entry import Entry
    from impasto.storage.stores import Stores

MOST = 1000
"""Styles that a rule may have."""


@dataclass(frozen=True, slots=True)
class Styles:
    """The styles of a rule.

    Attributes:
        param: the scorer's parameter that takes one, or "" if the rule has none.
        pictures: their URLs, by name.
    """

    param: str = ""
    pictures: dict[str, str] = field(default_factory=dict)

    def check(self, output: Template) -> None:
        """Refuse a template in which the outputs of styles could not be told apart."""
        if len(self.pictures) > 1 and "style" not in output.fields:
            raise BadInput(f"output {output}: is the same for all styles", "add {style} to it")
        if "style" in output.fields and not self.param:
            raise BadInput(f"output {output}: the rule has no style", "leave {style} out")


def style_param(entry: Entry) -> str:
    """Return the parameter of a scorer that takes a style, or ""."""
    files = entry.roles.files.items()
    return next((name for name, role in files if role is Role.PICTURE), "")


def find_styles(params: Mapping[str, Any], entry: Entry, folder: Path, stores: Stores) -> Styles:
    """Find the styles that a rule names: one or several pictures, folders or patterns.

    Args:
        params: parameters of the rule.
        entry: its scorer.
        folder: the one that paths are relative to.
        stores: what may be opened.

    Raises:
        BadInput: one is missing, is no picture, or has the name of another.
    """
    param = style_param(entry)
    given = params.get(param)
    if not param or given is None:
        return Styles()
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
        raise BadInput(f"{param}: must be a picture or a list of pictures", "correct it")
    pictures: dict[str, str] = {}
    for text in texts:
        for place in _pictures(param, rooted(folder, text), stores):
            name = check_key(PurePosixPath(place.name).stem, f"{param} {place}")
            if name in pictures:
                raise BadInput(
                    f"{param}: two pictures are named {name}", "rename one; names become {style}"
                )
            pictures[name] = str(place)
    if len(pictures) > MOST:
        raise BadInput(f"{param}: names {len(pictures)} pictures", f"name {MOST} at most")
    return Styles(param, pictures)


def _pictures(param: str, text: str, stores: Stores) -> Iterator[Url]:
    """Yield the pictures that a path or URL names."""
    place = stores.locate(text)
    if place.signature:
        raise BadInput(f"{param} {place}: carries a signature", "add a profile of its store")
    folder = is_folder(place.path) if place.local else text.endswith("/")
    wild = WILD.search(place.key) and not (place.local and place.path.exists())
    if folder or wild:
        found = find(stores, place, "folder" if folder else "glob", is_image, "pictures")
        yield from map(found.objects.place, found.etags)
        return
    if not is_image(place.name):
        raise BadInput(f"{param} {place}: is not a picture", "name one, or a folder of pictures")
    if not _exists(place, stores):
        raise Missing(f"{param} {place}: no such picture", "check the path")
    yield place


def _exists(place: Url, stores: Stores) -> bool:
    """Return whether a picture exists, as far as its store answers."""
    if place.local:
        return place.path.is_file()
    store, key = stores.open_parent(place)
    try:
        return store.stat(key) is not None
    except Unavailable:
        return True
