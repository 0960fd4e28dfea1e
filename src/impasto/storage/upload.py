"""Writes of objects: whole, in parts, and only if there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError

from impasto.errors import Denied, Exists, Missing

if TYPE_CHECKING:
    from impasto.storage.requests import Requests

PART = 8 << 20
"""Bytes of a part of a large upload."""
PARTS = 8
"""Parts of one upload in flight at once."""
MOST_PARTS = 9_000
"""Maximum number of parts of one upload; S3 takes 10,000."""
ONE_PUT = 64 << 20
"""The largest object, in bytes, that is created in one conditional request."""

_ONCE = re.compile(r"\bretries: 0\b")


class Upload:
    """Writes the objects of one store."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def put(
        self,
        key: str,
        body: Callable[[], Any],
        size: int,
        kind: str,
        *,
        create: bool,
        waits: Iterable[float] | None = None,
    ) -> str:
        """Write an object; returns its etag.

        Args:
            key: where.
            body: returns its content; called again for every try.
            size: bytes of the whole content.
            kind: its MIME type.
            create: refuse to replace what is there.
            waits: seconds between tries, or None for the usual ones.

        Raises:
            Exists: something is there that may not be replaced.
        """
        where = self._requests.where(key)
        taken = Exists(f"{where}: already exists", "choose another or add `overwrite`")
        if create and size <= ONE_PUT:
            etag = self.create(key, body(), kind)
            if etag is None:
                raise taken
            return etag
        if create and self._taken(key):
            raise taken
        path = self._requests.path(key)
        attributes: Any = (
            {"Content-Type": kind} if kind and not self._requests.place.local else None
        )
        chunk = max(PART, -(-size // MOST_PARTS))

        def put() -> Any:
            return obstore.put(
                self._requests.client,
                path,
                body(),
                attributes=attributes,
                chunk_size=chunk,
                max_concurrency=PARTS,
            )

        return bare_etag(self._requests.attempt("write", key, put, waits)["e_tag"])

    def create(self, key: str, data: bytes, kind: str = "") -> str | None:
        """Write an object unless one exists; returns its etag, or None if another one exists.

        The client sends a request again when its reply was lost, and then finds its own object
        in the way; a nonce in the object's metadata distinguishes it from another's. Callers
        without the right to read take it for their own; its etag is then "".
        """
        path, nonce = self._requests.path(key), uuid4().hex
        attributes: Any = None
        if not self._requests.place.local:
            attributes = {"nonce": nonce} | ({"Content-Type": kind} if kind else {})
        tries: list[str] = []

        def put() -> str | None:
            tries.append("")
            try:
                made = obstore.put(
                    self._requests.client, path, data, mode="create", attributes=attributes
                )
            except AlreadyExistsError as error:
                tries.append(str(error))
                return None
            return bare_etag(made["e_tag"])

        etag = self._requests.attempt("write", key, put)
        if etag is not None or self._requests.place.local:
            return etag
        if len(tries) == 2 and _ONCE.search(tries[-1]):
            return None
        try:
            options: Any = {"head": True}
            found = self._requests.attempt(
                "read", key, lambda: obstore.get(self._requests.client, path, options=options)
            )
        except Missing:
            return None
        except Denied:
            return ""
        return bare_etag(found.meta["e_tag"]) if found.attributes.get("nonce") == nonce else None

    def _taken(self, key: str) -> bool:
        """Return whether something is there; without the right to look, claim the name first."""
        try:
            path = self._requests.path(key)
            self._requests.attempt("stat", key, lambda: obstore.head(self._requests.client, path))
        except Missing:
            return False
        except Denied:
            # With create-only rights, the service itself lets nothing be replaced.
            return "w" in (self._requests.rights or "w") and self.create(key, b"") is None
        return True


def bare_etag(etag: object) -> str:
    """Return an etag without its quotes, which only some requests return."""
    return str(etag).strip('"')
