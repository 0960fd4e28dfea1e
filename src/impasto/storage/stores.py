"""Every store that a process may open, by URL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Missing
from impasto.schema.url import parse
from impasto.storage import credentials
from impasto.storage.local import read_file, tree
from impasto.storage.store import Store

if TYPE_CHECKING:
    from impasto.schema.profile import StoreProfile
    from impasto.schema.url import Url


@dataclass(frozen=True)
class Stores:
    """Every store that this process may open; travels as what it is made of: names, no secrets."""

    profiles: Mapping[str, StoreProfile]

    def open(self, url: str) -> Store:
        """Open a folder or prefix; raises what `Store` does."""
        place = parse(url)
        return Store(place, self.profile(place))

    def open_home(self, url: str) -> Store:
        """Open the home of jobs; raises BadInput, too, where outsiders may reach it."""
        profile = self.profile(parse(url))
        if profile and profile.role == "data":
            raise BadInput(
                f"{url}: the jobs' home is in a store of role data, which outsiders may reach; "
                "put it into one with role = 'control'"
            )
        return self.open(url)

    def open_parent(self, url: str) -> tuple[Store, str]:
        """Open the folder or prefix that an object lies in; returns also the object's key there."""
        place = parse(url)
        if not place.name:
            raise BadInput(f"{place}: names no object; give its whole name")
        return Store(place.parent, self.profile(place), signed_for=place), place.name

    def read(self, url: str) -> bytes:
        """Return a file or object that a user names; raises BadInput or Unavailable."""
        place = parse(url)
        if place.local:
            return read_file(place.path)
        store, key = self.open_parent(url)
        return store.read(key)

    def fingerprint(self, url: str) -> str:
        """Digest the names and versions of a file, or of all that is in a folder.

        Raises:
            BadInput: there is nothing.
            Unavailable: the store does not answer.
        """
        place = parse(url)
        if place.local:
            found = tree(place.path)
        else:
            store, key = self.open_parent(url)
            stat = store.stat(key)
            stats = [stat] if stat else self.open(url).list_all()
            found = {each.key: each.etag for each in stats}
        if not found:
            raise Missing(f"{url}: there is nothing; check the path")
        return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()

    def check_trusted(self, url: str, home: str) -> None:
        """Refuse weights and scripts from where outsiders may write.

        Args:
            url: where they are.
            home: the URL of the jobs' home, which nobody else may write to.

        Raises:
            BadInput: it is neither on this machine nor in a control store.
        """
        place, base = parse(url), parse(home)
        profile = self.profile(place)
        trusted = place.local or (profile is not None and profile.role == "control")
        if profile is None and not trusted:
            trusted = place.at("") == base.at("")
        if not trusted:
            raise BadInput(
                f"{place}: weights and scripts are taken from the control store alone; copy it "
                "there, or to this machine"
            )

    def profile(self, place: Url) -> StoreProfile | None:
        """Return how to reach a place, if that is written down."""
        return None if place.local else credentials.find_profile(place, self.profiles)
