"""Placing: from the sources and the target of a copy to one task per object."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Denied
from impasto.schema.url import parse
from impasto.storage.store import MANY, Stat, Store
from impasto.storage.transfer.listing import (
    Folder,
    Place,
    above,
    ends_as_folder,
    find,
    is_folder,
    open_place,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.storage.stores import Stores
    from impasto.storage.transfer.tasks import TransferQueue


@dataclass(frozen=True, slots=True)
class Task:
    """One object to copy.

    Attributes:
        place: where it is.
        stat: its facts.
        key: its key in the target.
    """

    place: Place
    stat: Stat
    key: str


class Placing:
    """Where every copy goes, found before anything is written.

    Attributes:
        to: the folder or prefix to copy to.
        tasks: the objects to copy there, by key.
        standing: what a listing showed there, by key; None if nothing is there, and no entry if the
            key was not looked for.
    """

    def __init__(
        self,
        stores: Stores,
        work: TransferQueue,
        sources: Sequence[str],
        target: str,
        *,
        look: bool,
    ) -> None:
        """Find where every copy goes.

        Args:
            stores: what may be opened.
            work: shows the listing.
            sources: URLs and paths.
            target: URL or path.
            look: whether it matters what is at the target.

        Raises:
            BadInput: a source names nothing, or two things would go to one place or to themselves.
        """
        self._work, self._look = work, look
        self.tasks: dict[str, Task] = {}
        self.standing: dict[str, Stat | None] = {}
        found = [(text, *find(stores, text, work.note)) for text in sources]
        url = parse(target)
        self.to, name = open_place(stores, url, work.note), ""
        into = len(found) > 1 or ends_as_folder(target) or is_folder(self.to)
        if found[0][2] and not into:
            self.to, name = above(stores, url, work.note), url.name
        for text, place, stat in found:
            if stat:
                self._take(place, stat, name or stat.key)
            else:
                self._take_folder(place, "" if ends_as_folder(text) else place.place.name)

    def _take(self, place: Place, stat: Stat, key: str) -> None:
        self._check_apart(place, stat.key, key)
        for each in self._work.listed([stat]):
            self._add(place, each, key)

    def _take_folder(self, place: Place, name: str) -> None:
        self._check_apart(place, "", name)
        keys: dict[str, Stat | None] = {}
        for stat in self._work.listed(place.walk()):
            key = f"{name}/{stat.key}".lstrip("/")
            self._add(place, stat, key)
            keys[key] = None
        # If they are few, each is looked for when it is copied.
        if self._look and isinstance(self.to, Store) and len(keys) > MANY:
            # With write-only rights nobody can look; then the writes themselves replace nothing.
            with suppress(Denied):
                for stat in self.to.walk(name):
                    if stat.key in keys:
                        keys[stat.key] = stat
            self.standing |= keys

    def _add(self, place: Place, stat: Stat, key: str) -> None:
        other = self.tasks.get(key)
        if other and other.place is not place:
            raise BadInput(
                f"{self.to.where(key)}: both {other.place.where(other.stat.key)} and "
                f"{place.where(stat.key)} would go there",
                "copy them separately",
            )
        self.tasks[key] = Task(place, stat, key)

    def _check_apart(self, place: Place, key: str, goal: str) -> None:
        """Refuse to copy something onto itself, and a folder into itself."""
        if place.root != self.to.root:
            return
        source, target = _address(place, key), _address(self.to, goal)
        if target == source or (not key and target.startswith(source)):
            raise BadInput(
                f"{self.to.where(goal)}: is what is copied, or is inside it",
                "choose another target",
            )


def _address(place: Place, key: str) -> str:
    """Return an address to compare within one root: a folder's begins those of its files."""
    base = place.place.key
    if isinstance(place, Folder):
        base = os.path.realpath(base)
    return "/".join(["", *(part for part in (base.strip("/"), key) if part), ""])
