"""Every store that a process may open, by URL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Changed, Missing
from impasto.schema.signatures import Signatures
from impasto.schema.url import parse
from impasto.settings import hide_secrets
from impasto.storage import credentials
from impasto.storage.local import read_file, tree
from impasto.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.job import JobSpec
    from impasto.schema.profile import StoreProfile
    from impasto.schema.url import Url
    from impasto.settings import Settings


@dataclass(frozen=True)
class Stores:
    """Every store that may be opened; other processes receive names only, no secrets.

    Attributes:
        profiles: how stores are reached.
        signatures: those for URLs that are opened without a signature of their own.
    """

    profiles: Mapping[str, StoreProfile]
    signatures: Signatures = field(default_factory=Signatures)

    def __post_init__(self) -> None:
        hide_secrets(self.profiles.values())

    @classmethod
    def of(cls, settings: Settings, spec: JobSpec | None = None) -> Stores:
        """Return the stores for the URLs of the settings and of a job."""
        given = settings.signatures
        return cls(settings.stores, given | spec.signatures if spec else given)

    def locate(self, url: str | Url) -> Url:
        """Return a place with its own signature, else with one known for it or a place above it."""
        place = parse(url) if isinstance(url, str) else url
        if place.local or place.signature:
            return place
        signature = self.signatures.nearest(str(place))
        return place.sign(signature) if signature else place

    def open(self, url: str | Url) -> Store:
        """Open a folder or prefix; raises what `Store` does."""
        place = self.locate(url)
        return Store(place, self.profile(place))

    def open_home(self, url: str | Url) -> Store:
        """Open the jobs' home; raises BadInput also if outsiders may reach it."""
        place = self.locate(url)
        profile = self.profile(place)
        if profile and profile.role == "data":
            raise BadInput(
                f"{url}: the jobs' home is in a store with role 'data', which outsiders may reach",
                "put it in one with role 'control'",
            )
        return Store(place, profile)

    def open_parent(self, url: str | Url) -> tuple[Store, str]:
        """Open the folder or prefix that an object is in; returns also the object's key there."""
        place = self.locate(url)
        if not place.name:
            raise BadInput(f"{place}: does not name an object", "give its full name")
        return Store(place.parent, self.profile(place)), place.name

    def exists(self, url: str | Url) -> bool:
        """Return whether a file or object is there; raises Unavailable."""
        place = self.locate(url)
        if place.local:
            return place.path.is_file()
        store, key = self.open_parent(place)
        return store.stat(key) is not None

    def read(self, url: str | Url) -> bytes:
        """Return a file or object that a user names; raises BadInput or Unavailable."""
        place = self.locate(url)
        if place.local:
            return read_file(place.path)
        store, key = self.open_parent(place)
        return store.read(key)

    def read_trusted(self, url: str, home: str, sha256: str, brought: Path | None = None) -> bytes:
        """Return weights, a script or another file that must not change while a job lasts.

        Args:
            url: where it is.
            home: the URL of the jobs' home.
            sha256: its digest when the job began.
            brought: a copy on this machine, which is read instead where it exists.

        Raises:
            BadInput: it is missing, has changed, or is where outsiders may write.
            Unavailable: the store does not answer.
        """
        self.check_trusted(url, home)
        content = brought.read_bytes() if brought and brought.is_file() else self.read(url)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Changed(f"{url}: has changed since the job began", "run it again")
        return content

    def fingerprint(self, url: str | Url) -> str:
        """Return a digest of the names and versions of a file, or of everything in a folder.

        Raises:
            BadInput: there is nothing.
            Unavailable: the store does not answer.
        """
        place = self.locate(url)
        if place.local:
            found = tree(place.path)
        else:
            store, key = self.open_parent(place)
            stat = store.stat(key)
            stats = [stat] if stat else self.open(place).list_all()
            found = {each.key: each.etag for each in stats}
        if not found:
            raise Missing(f"{url}: no such file or folder", "check the path")
        return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()

    def check_trusted(self, url: str, home: str) -> None:
        """Refuse weights and scripts from places where outsiders may write.

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
                f"{place}: weights and scripts are only read from the control store",
                "copy it there, or to this machine",
            )

    def profile(self, place: Url) -> StoreProfile | None:
        """Return the profile that says how to reach a place, or None if there is none."""
        return None if place.local else credentials.find_profile(place, self.profiles)
