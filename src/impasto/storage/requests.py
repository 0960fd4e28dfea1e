"""Requests to a store: its client, the client's names for keys, retries, and errors."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from obstore.exceptions import BaseError
from obstore.store import LocalStore

from impasto.errors import BadInput, Denied, Unavailable
from impasto.schema.url import Url, check_key
from impasto.storage import clients, credentials
from impasto.storage.client_errors import client_errors
from impasto.storage.counts import REQUESTS
from impasto.storage.local import make_folder, mapped

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from impasto.schema.profile import StoreProfile
    from impasto.storage.counts import Operation

    T = TypeVar("T")

WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between retries of what the client itself gave up on, such as a truncated body."""
LONGEST = 250
"""Maximum bytes of a name, between two slashes, in a folder: file systems take 255, and the
client first writes beside the file, under its name and a number."""

_ENDING = re.compile(r"#\d+$")


class Requests:
    """Sends the requests of one store.

    Attributes:
        place: the folder, or the prefix in a container, that keys count from.
        prefix: what precedes a key in the container: "", or text that ends in a slash.
        signed: how requests are signed, or None for a folder.
    """

    def __init__(self, place: Url, profile: StoreProfile | None, retry: Any) -> None:
        """Connect; takes and raises what `Store` does."""
        self.place = place
        self._waits = () if retry or place.local else WAITS
        self.prefix = ""
        self.signed: credentials.Credential | None = None
        self._connected: Any = None
        self._made: list[Path] = []
        if place.local:
            if not os.path.isdir(_nearest(place.path)):  # noqa: PTH112 (raises nothing)
                make_folder(place.path)
            return
        self.signed = signed = credentials.credential(place, profile)
        try:
            self._connected = clients.connect(place, profile, signed, retry or clients.RETRY)
        except (BaseError, ValueError) as error:
            fact = str(error).splitlines()[0].rstrip(".")
            raise BadInput(f"{place}: {fact}", "correct its profile in impasto.toml") from None
        self.prefix = f"{place.key.rstrip('/')}/" if place.key else ""

    @property
    def client(self) -> Any:
        """Obstore's client; a folder is made when it is first needed."""
        if self._connected is None:
            path = self.place.path
            missing = [each for each in (path, *path.parents) if not os.path.lexists(each)]
            make_folder(path)
            self._made = missing
            with mapped(str(self.place)):
                self._connected = LocalStore(path)
        return self._connected

    @property
    def absent(self) -> bool:
        """Whether this is a folder that does not exist yet, so that nothing is in it."""
        return self._connected is None and not os.path.isdir(self.place.path)  # noqa: PTH112

    def unmake(self) -> None:
        """Remove the folders that this made, as far as they are empty."""
        with suppress(OSError):
            for folder in self._made:
                folder.rmdir()
            self._connected, self._made = None, []

    @property
    def rights(self) -> str | None:
        """What its SAS allows, in the service's letters; None if that is unknown."""
        token = str(((self.signed and self.signed.fields) or {}).get("sas_token", ""))
        fields = dict(part.partition("=")[::2] for part in token.split("&"))
        return fields.get("sp")

    def path(self, key: str) -> str:
        """Return the client's name of a key; raises BadInput where stores would disagree."""
        where = f"{self.place}/{key}"
        if not key or key.endswith("/"):
            raise BadInput(f"{where}: does not name an object", "give its full name")
        check_key(self.prefix + key, where)
        if self.place.local:
            if _ENDING.search(key):
                raise BadInput(f"{where}: folders cannot hold names with that ending", "rename it")
            if any(len(part.encode()) > LONGEST for part in key.split("/")):
                raise BadInput(
                    f"{where}: a part of its name is over {LONGEST} bytes", "choose a shorter one"
                )
            self._check_inside(key)
        return self.prefix + key

    def below(self, prefix: str) -> str | None:
        """Return the client's name of a folder, or None for its whole container."""
        prefix = prefix.rstrip("/")
        check_key(self.prefix + prefix, f"{self.place}/{prefix}")
        if self.place.local:
            self._check_inside(prefix)
        return self.prefix + prefix or None

    def where(self, key: str) -> str:
        """Return an object's name for people."""
        return str(self.place.child(key)) if key else str(self.place)

    def attempt(
        self,
        operation: Operation | None,
        key: str,
        act: Callable[[], T],
        waits: Iterable[float] | None = None,
    ) -> T:
        """Do something that may be done twice, and do it again when the store does not answer.

        Args:
            operation: what to count it as; None if it consists of attempts that are counted.
            key: what it is done to.
            act: does it.
            waits: seconds between tries, or None for the usual ones.
        """
        for wait in self._waits if waits is None else waits:
            try:
                return self._once(operation, key, act)
            except Denied:
                raise
            except Unavailable:
                time.sleep(wait * random.uniform(0.5, 1.5))
        return self._once(operation, key, act)

    def _once(self, operation: Operation | None, key: str, act: Callable[[], T]) -> T:
        error: Exception | None = None
        try:
            with self.mapped(key):
                return act()
        except Exception as caught:
            error = caught
            raise
        finally:
            if operation:
                REQUESTS.add(operation, error, folder=self.place.local)

    def mapped(self, key: str) -> AbstractContextManager[None]:
        """Turn the client's errors into Impasto's in a block that works on a key."""
        return client_errors(self.where(key), self.signed)

    def _check_inside(self, key: str) -> None:
        """Raise BadInput where a link leads out of this folder."""
        root = self.place.path.resolve()
        if not (root / key).resolve().is_relative_to(root):
            where = f"{self.place}/{key}"
            raise BadInput(
                f"{where}: is a link to a place outside the folder", "replace it with a copy"
            )


def _nearest(path: Path) -> Path:
    """Return the nearest of a path and those above it that exists."""
    return next(each for each in (path, *path.parents) if os.path.lexists(each))
