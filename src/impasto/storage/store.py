"""Stores: places addressed by URL that hold objects by key.

Everything used here works the same on folders and on object stores: whole-object writes,
put-if-absent, reads by range and version, listing; no renames and no appends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Never

import obstore

from impasto.errors import Changed, Denied, Missing
from impasto.schema.url import Url
from impasto.storage import local_folder, upload
from impasto.storage.local import mapped, read_file
from impasto.storage.parallel import in_order
from impasto.storage.requests import Requests
from impasto.storage.upload import PARTS, Upload, bare_etag

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.profile import StoreProfile
    from impasto.storage.credentials import Credential


BULK = 250
"""Objects deleted by one request; Azure takes 256."""
MANY = 48
"""Requests for small objects in flight at once, enough that round trips are no longer the limit."""


@dataclass(frozen=True, slots=True)
class Stat:
    """An object's facts.

    Attributes:
        key: where it is in its store.
        size: bytes.
        etag: changes whenever the content does.
        modified: last change, seconds since 1970.
    """

    key: str
    size: int
    etag: str
    modified: float


class Store:
    """A folder, or everything below a prefix in a container.

    Keys are relative to that. Every method raises `Unavailable` when the store does not answer or
    lacks space, `Denied` when it refuses access, and `BadInput` for a key that it cannot hold.
    """

    def __init__(
        self,
        place: Url,
        profile: StoreProfile | None = None,
        *,
        retry: Any = None,
    ) -> None:
        """Open a place; no request is sent yet.

        Args:
            place: a local folder, which is made when something is written, or a prefix, with its
                signature if it has one.
            profile: how to reach it; None for folders, signed URLs and identities.
            retry: how long to retry; None is about a minute.

        Raises:
            BadInput: the credentials for it are missing or malformed.
        """
        self.place = place
        self._requests = Requests(place, profile, retry)
        self._upload = Upload(self._requests)

    @property
    def signed(self) -> Credential | None:
        """How requests are signed, or None for a folder."""
        return self._requests.signed

    def __repr__(self) -> str:
        return f"Store({str(self.place)!r})"

    def __reduce__(self) -> Never:
        raise TypeError("a store holds credentials and is never sent anywhere; send its URL")

    def read(self, key: str) -> bytes:
        """Return a whole object; raises BadInput when there is none."""
        path = self._requests.path(key)
        if self._requests.absent:
            raise Missing(f"{self.where(key)}: no such file", "check the path")
        return self._requests.attempt(
            "read", key, lambda: bytes(obstore.get(self._requests.client, path).bytes())
        )

    def read_range(self, key: str, start: int, stop: int, etag: str) -> memoryview:
        """Return the bytes from ``start`` up to ``stop`` of one version of an object, not copied.

        Raises:
            Changed: the object has changed.
            Unavailable: the store does not answer, or returns too few bytes.
        """
        path = self._requests.path(key)
        options: Any = {"range": (start, stop), "if_match": f'"{etag}"'}

        def fetch() -> memoryview:
            data = memoryview(obstore.get(self._requests.client, path, options=options).bytes())
            if len(data) != stop - start:
                raise OSError(f"only {len(data)} of {stop - start} bytes arrived")
            return data

        return self._requests.attempt("read", key, fetch)

    def stat(self, key: str) -> Stat | None:
        """Return an object's facts, or None when there is none."""
        path = self._requests.path(key)
        if self._requests.absent:
            return None
        try:
            meta = self._requests.attempt(
                "stat", key, lambda: dict(obstore.head(self._requests.client, path))
            )
        except Missing:
            return None
        return self._stat(meta)

    def create(self, key: str, data: bytes, kind: str = "") -> bool:
        """Write an object of a MIME type unless one exists; returns whether this call wrote it."""
        return self._upload.create(key, data, kind) is not None

    def put(self, key: str, data: bytes, kind: str = "") -> None:
        """Write an object of a MIME type, replacing any that exists."""
        self._upload.put(key, lambda: data, len(data), kind, create=False)

    def put_file(self, key: str, file: Path, *, kind: str = "", create: bool = False) -> str:
        """Write an object from a local file, in parts when it is large; returns its etag.

        Args:
            key: where.
            file: what.
            kind: its MIME type.
            create: refuse to replace what is there. For a file over `upload.ONE_PUT` that is
                checked first, so that only a race can replace a newcomer; callers without the right
                to read claim the name with an empty object.

        Raises:
            Exists: something is there that may not be replaced.
        """
        with mapped(str(file)):
            size = file.stat().st_size
        whole = create and size <= upload.ONE_PUT
        body = lambda: read_file(file) if whole else file  # noqa: E731 (tried again and again)
        return self._upload.put(key, body, size, kind, create=create)

    def put_parts(
        self,
        key: str,
        parts: Callable[[], Iterable[bytes | memoryview]],
        size: int,
        *,
        kind: str = "",
        create: bool = False,
    ) -> str:
        """Write an object from its content as it arrives; otherwise like `put_file`.

        Args:
            key: where.
            parts: called once; yields the content in order, and what it raises is raised here.
            size: bytes of the whole content.
            kind: its MIME type.
            create: refuse to replace what is there.

        Raises:
            Exists: something is there that may not be replaced.
        """
        if size <= upload.ONE_PUT:
            data = b"".join(parts())
            return self._upload.put(key, lambda: data, size, kind, create=create)
        body = lambda: iter(parts())  # noqa: E731
        # The client retries each part for long, and ``parts`` cannot yield its content again.
        return self._upload.put(key, body, size, kind, create=create, waits=())

    def check_writable(self, key: str) -> None:
        """Check that an object may be written, without writing it, as far as the store allows.

        Sends a write under a condition that cannot hold; a lack of rights is reported first. The
        write is to a name beside the object's where a store may not know such conditions.

        Raises:
            Denied: it may not be written.
        """
        if self.place.scheme not in {"az", "s3"}:
            return
        probe = key if self.place.scheme == "az" else f"{key}.impasto-probe"
        path = self._requests.path(probe)
        never: Any = {"e_tag": '"never"'}
        with suppress(Changed, Missing):
            self._requests.attempt(
                "write", probe, lambda: obstore.put(self._requests.client, path, b"", mode=never)
            )
            with suppress(Denied):
                self.delete(probe)

    def walk(self, prefix: str = "") -> Iterator[Stat]:
        """Yield every object below a prefix (a folder), a page at a time, in the store's order."""
        path = self._requests.below(prefix)
        if self._requests.absent:
            return
        with self._requests.mapped(prefix):
            pages = iter(obstore.list(self._requests.client, path, chunk_size=1000))
        while page := self._requests.attempt("list", prefix, lambda: next(pages, None), ()):
            for meta in page:
                yield self._stat(dict(meta))

    def list_all(self, prefix: str = "") -> list[Stat]:
        """List every object below a prefix (a folder), sorted by key."""
        found = self._requests.attempt(None, prefix, lambda: list(self.walk(prefix)))
        return sorted(found, key=lambda stat: stat.key)

    def list_folder(self, prefix: str = "") -> tuple[list[Stat], list[str]]:
        """List the objects directly in a folder and the folders one level below it, sorted."""
        path = self._requests.below(prefix)
        if self._requests.absent:
            return [], []
        found = self._requests.attempt(
            "list", prefix, lambda: obstore.list_with_delimiter(self._requests.client, path)
        )
        stats = [self._stat(dict(meta)) for meta in found["objects"]]
        folders = [name[len(self._requests.prefix) :] for name in found["common_prefixes"]]
        return sorted(stats, key=lambda stat: stat.key), sorted(folders)

    def list_ours(self, prefix: str = "") -> list[Stat]:
        """List every object below a prefix that a store may hold, sorted by key.

        In a folder, others may have left what no store can hold; that is left out.
        """
        if not self.place.local:
            return self.list_all(prefix)
        return sorted(self.walk_ours(prefix), key=lambda stat: stat.key)

    def walk_ours(self, prefix: str = "") -> Iterator[Stat]:
        """Yield what `list_ours` lists, in bounded memory and in no order."""
        if not self.place.local:
            yield from self.walk(prefix)
            return
        self._requests.below(prefix)
        with self._requests.mapped(prefix):
            for each in local_folder.files(self.place.path, prefix):
                yield Stat(*each)

    def folders(self, prefix: str = "") -> list[str]:
        """List the folders one level below a prefix, sorted; leaves out what `list_ours` does."""
        if not self.place.local:
            return self.list_folder(prefix)[1]
        self._requests.below(prefix)
        with self._requests.mapped(prefix):
            return sorted(local_folder.folders(self.place.path, prefix))

    def remove_empty(self, prefix: str) -> None:
        """Remove the empty folders that objects, now deleted, have left below a prefix.

        A folder that this store made goes with them. Object stores have none.
        """
        if self.place.local and not self._requests.absent:
            with self._requests.mapped(prefix):
                local_folder.remove_empty(self.place.path, prefix)
            self._requests.unmake()

    def delete(self, *keys: str) -> None:
        """Delete objects; a missing one is no error."""
        groups = [keys[n : n + BULK] for n in range(0, len(keys), BULK)]
        for _ in in_order(self._delete, groups, PARTS):
            pass

    @property
    def rights(self) -> str | None:
        """What its SAS allows, in the service's letters; None if that is unknown."""
        return self._requests.rights

    @property
    def root(self) -> tuple[str, str, str]:
        """The container that this is in, the same however its URL is written."""
        endpoint = self.signed.endpoint if self.signed else ""
        return self.place.scheme, endpoint, self.place.container

    def copy(self, key: str, to: str, *, create: bool = False, source: Store | None = None) -> None:
        """Copy an object within the container, on the service's side.

        Args:
            key: what.
            to: where.
            create: refuse to replace what is there.
            source: the store that ``key`` is in, with the same `root`; None is this store.

        Raises:
            Exists: ``create`` is set, and something is at ``to``.
        """
        source = source or self
        what, target = source._requests.path(key), self._requests.path(to)
        try:
            self._requests.attempt(
                "copy",
                to,
                lambda: obstore.copy(self._requests.client, what, target, overwrite=not create),
            )
        except Missing:
            raise Missing(f"{source.where(key)}: no such object", "check the URL") from None

    def where(self, key: str) -> str:
        """Return an object's name for people."""
        return self._requests.where(key)

    def local(self, key: str) -> Path | None:
        """Return the object's path if it is on this machine; raises BadInput if it leads out."""
        return self.place.path / self._requests.path(key) if self.place.local else None

    def _delete(self, keys: Sequence[str]) -> None:
        paths = [self._requests.path(key) for key in keys]
        if self._requests.absent:
            return
        try:
            self._requests.attempt(
                "delete", keys[0], lambda: obstore.delete(self._requests.client, paths)
            )
        except Missing:
            # One missing object may hide what happened to the others.
            for key in keys if len(keys) > 1 else ():
                self._delete([key])

    def _stat(self, meta: dict[str, Any]) -> Stat:
        return Stat(
            key=str(meta["path"])[len(self._requests.prefix) :],
            size=int(meta["size"]),
            etag=bare_etag(meta["e_tag"]),
            modified=meta["last_modified"].timestamp(),
        )
