"""Stores: places addressed by URL that hold objects by key.

What is used here works alike on folders and on object stores: whole-object writes, put-if-absent,
reads by range and version, listing; no renames and no appends. With `connect` the only importer of
the stores' client.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Never, TypeVar
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore

from impasto.errors import BadInput, Changed, Denied, Exists, Missing, Unavailable
from impasto.schema.url import Url, check_key
from impasto.storage import clients, credentials
from impasto.storage.client_errors import client_errors
from impasto.storage.local import make_folder, mapped, read_file
from impasto.storage.parallel import in_order

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from impasto.schema.profile import StoreProfile

    T = TypeVar("T")

WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries of what the client itself gave up on, such as a body that was cut."""
PART = 8 << 20
"""Bytes of a part of a large upload."""
PARTS = 8
"""Parts of one upload in flight at once."""
MOST_PARTS = 9_000
"""Parts of one upload at most; S3 takes 10,000."""
ONE_PUT = 64 << 20
"""The largest object, in bytes, that is created in one conditional request."""
LONGEST = 250
"""Bytes of the longest name, between two slashes, in a folder: file systems hold 255, and the
client writes beside the file first, under its name and a number."""
BULK = 250
"""Objects that are deleted by one request; Azure takes 256."""
MANY = 48
"""Requests for small objects in flight at once; where round trips no longer limit."""

_ENDING = re.compile(r"#\d+$")
_ONCE = re.compile(r"\bretries: 0\b")


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
    """A folder, or all that begins with a prefix in a container.

    Keys count from there. Every method raises `Unavailable` when the store does not answer or
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
            place: a local folder, which is made, or a prefix, with its signature if it has one.
            profile: how to reach it; None for folders, URLs that sign themselves and identities.
            retry: how long to sit out troubles; None is a minute or so.

        Raises:
            BadInput: the credentials for it are missing or malformed.
        """
        self.place = place
        self._waits = () if retry or place.local else WAITS
        self._prefix = ""
        self._asker = ""
        self.signed: credentials.Credential | None = None
        self._store: Any
        if place.local:
            make_folder(place.path)
            with mapped(str(place)):
                self._store = LocalStore(place.path)
            return
        self.signed = signed = credentials.credential(place, profile)
        self._asker = signed.asker
        try:
            self._store = clients.connect(place, profile, signed, retry or clients.RETRY)
        except (BaseError, ValueError) as error:
            fact = str(error).splitlines()[0].rstrip(".")
            raise BadInput(f"{place}: {fact}; correct its profile in impasto.toml") from None
        self._prefix = f"{place.key.rstrip('/')}/" if place.key else ""

    def __repr__(self) -> str:
        return f"Store({str(self.place)!r})"

    def __reduce__(self) -> Never:
        raise TypeError("a store holds credentials and never travels; send its URL")

    def read(self, key: str) -> bytes:
        """Return a whole object; raises BadInput when there is none."""
        path = self._path(key)
        return self._try(key, lambda: bytes(obstore.get(self._store, path).bytes()))

    def read_range(self, key: str, start: int, stop: int, etag: str) -> memoryview:
        """Return the bytes from ``start`` up to ``stop`` of one version of an object, not copied.

        Raises:
            Changed: the object is another by now.
            Unavailable: the store does not answer, or gives less than it promised.
        """
        path = self._path(key)
        options: Any = {"range": (start, stop), "if_match": f'"{etag}"'}

        def fetch() -> memoryview:
            data = memoryview(obstore.get(self._store, path, options=options).bytes())
            if len(data) != stop - start:
                raise OSError(f"{len(data)} of {stop - start} bytes came")
            return data

        return self._try(key, fetch)

    def stat(self, key: str) -> Stat | None:
        """Return an object's facts, or None when there is none."""
        path = self._path(key)
        try:
            meta = self._try(key, lambda: dict(obstore.head(self._store, path)))
        except Missing:
            return None
        return self._stat(meta)

    def create(self, key: str, data: bytes, kind: str = "") -> bool:
        """Write an object, of a MIME type, unless there is one; returns whether this call did."""
        return self._create(key, data, kind) is not None

    def put(self, key: str, data: bytes, kind: str = "") -> None:
        """Write an object, of a MIME type, replacing any."""
        self._put(key, lambda: data, len(data), kind, create=False)

    def put_file(self, key: str, file: Path, *, kind: str = "", create: bool = False) -> str:
        """Write an object from a local file, in parts when it is large; returns its etag.

        Args:
            key: where.
            file: what.
            kind: its MIME type.
            create: refuse to replace what is there. Of a file over `ONE_PUT` that is looked at
                first, so that only a race can replace a newcomer; who may not look claims the
                name with an empty object.

        Raises:
            Exists: something is there that may not be replaced.
        """
        with mapped(str(file)):
            size = file.stat().st_size
        whole = create and size <= ONE_PUT
        body = lambda: read_file(file) if whole else file  # noqa: E731 (tried again and again)
        return self._put(key, body, size, kind, create=create)

    def put_parts(
        self,
        key: str,
        parts: Callable[[], Iterable[bytes | memoryview]],
        size: int,
        *,
        kind: str = "",
        create: bool = False,
    ) -> str:
        """Write an object from its content as it comes; else as `put_file`.

        Args:
            key: where.
            parts: called once; gives the content in order, and what it raises is raised here.
            size: bytes of it all.
            kind: its MIME type.
            create: refuse to replace what is there.

        Raises:
            Exists: something is there that may not be replaced.
        """
        if size <= ONE_PUT:
            data = b"".join(parts())
            return self._put(key, lambda: data, size, kind, create=create)
        body = lambda: iter(parts())  # noqa: E731
        # The client tries each part for long, and what ``parts`` gave up on is lost for good.
        return self._put(key, body, size, kind, create=create, waits=())

    def check_writable(self, key: str) -> None:
        """Ask whether an object may be written, without writing it, as far as a store can tell.

        Sends a write on a condition that cannot hold, which is refused for want of rights first.
        Beside the object where a store may not know such conditions.

        Raises:
            Denied: it may not.
        """
        if self.place.scheme not in {"az", "s3"}:
            return
        probe = key if self.place.scheme == "az" else f"{key}.impasto-probe"
        path = self._path(probe)
        never: Any = {"e_tag": '"never"'}
        with suppress(Changed, Missing):
            self._try(probe, lambda: obstore.put(self._store, path, b"", mode=never))
            with suppress(Denied):
                self.delete(probe)

    def walk(self, prefix: str = "") -> Iterator[Stat]:
        """Give every object below a prefix (a folder), a page at a time, in the store's order."""
        path = self._below(prefix)
        with self._mapped(prefix):
            pages = iter(obstore.list(self._store, path, chunk_size=1000))
        while page := self._try(prefix, lambda: next(pages, None), waits=()):
            for meta in page:
                yield self._stat(dict(meta))

    def list_all(self, prefix: str = "") -> list[Stat]:
        """List every object below a prefix (a folder), sorted by key."""
        found = self._try(prefix, lambda: list(self.walk(prefix)))
        return sorted(found, key=lambda stat: stat.key)

    def list_folder(self, prefix: str = "") -> tuple[list[Stat], list[str]]:
        """List the objects directly in a folder and the folders one level below it, sorted."""
        path = self._below(prefix)
        found = self._try(prefix, lambda: obstore.list_with_delimiter(self._store, path))
        stats = [self._stat(dict(meta)) for meta in found["objects"]]
        folders = [name[len(self._prefix) :] for name in found["common_prefixes"]]
        return sorted(stats, key=lambda stat: stat.key), sorted(folders)

    def folders(self, prefix: str = "") -> list[str]:
        """List the folders one level below a prefix, sorted."""
        return self.list_folder(prefix)[1]

    def delete(self, *keys: str) -> None:
        """Delete objects; deleting what is not there is no error."""
        groups = [keys[n : n + BULK] for n in range(0, len(keys), BULK)]
        for _ in in_order(self._delete, groups, PARTS):
            pass

    @property
    def rights(self) -> str | None:
        """What its SAS allows, in the service's letters; None where that is not told."""
        token = str(((self.signed and self.signed.fields) or {}).get("sas_token", ""))
        fields = dict(part.partition("=")[::2] for part in token.split("&"))
        return fields.get("sp")

    @property
    def root(self) -> tuple[str, str, str]:
        """The container that this lies in, told alike however its URL is written."""
        endpoint = self.signed.endpoint if self.signed else ""
        return self.place.scheme, endpoint, self.place.container

    def copy(self, key: str, to: str, *, create: bool = False, source: Store | None = None) -> None:
        """Copy an object within the container, on the service's side.

        Args:
            key: what.
            to: where.
            create: refuse to replace what is there.
            source: what ``key`` counts from, of the same `root`; None is this store.

        Raises:
            Exists: ``create`` is set, and there is something at ``to``.
        """
        source = source or self
        what, target = source._path(key), self._path(to)
        try:
            self._try(to, lambda: obstore.copy(self._store, what, target, overwrite=not create))
        except Missing:
            raise Missing(f"{source.where(key)}: no such object; check the URL") from None

    def where(self, key: str) -> str:
        """Name an object for a person."""
        return str(self.place.child(key)) if key else str(self.place)

    def local(self, key: str) -> Path | None:
        """Return the object's path if it is on this machine."""
        return self.place.path / key if self.place.local else None

    def _put(
        self,
        key: str,
        body: Callable[[], Any],
        size: int,
        kind: str,
        *,
        create: bool,
        waits: Iterable[float] | None = None,
    ) -> str:
        taken = f"{self.where(key)}: exists already; choose another or --overwrite"
        if create and size <= ONE_PUT:
            etag = self._create(key, body(), kind)
            if etag is None:
                raise Exists(taken)
            return etag
        if create and self._taken(key):
            raise Exists(taken)
        path = self._path(key)
        attributes: Any = {"Content-Type": kind} if kind and not self.place.local else None
        chunk = max(PART, -(-size // MOST_PARTS))

        def put() -> Any:
            return obstore.put(
                self._store,
                path,
                body(),
                attributes=attributes,
                chunk_size=chunk,
                max_concurrency=PARTS,
            )

        return _bare(self._try(key, put, waits)["e_tag"])

    def _taken(self, key: str) -> bool:
        """Whether something is there; who may not look claims the name with an empty object."""
        try:
            return self.stat(key) is not None
        except Denied:
            # With the right to create alone, the service itself lets nothing be replaced.
            return "w" in (self.rights or "w") and self._create(key, b"") is None

    def _delete(self, keys: Sequence[str]) -> None:
        paths = [self._path(key) for key in keys]
        try:
            self._try(keys[0], lambda: obstore.delete(self._store, paths))
        except Missing:
            # That one is gone may hide what befell others.
            for key in keys if len(keys) > 1 else ():
                self._delete([key])

    def _create(self, key: str, data: bytes, kind: str = "") -> str | None:
        """Write an object unless there is one; returns its etag, or None if another stands.

        The client sends a request again when its reply was lost, and then finds its own object
        in the way; a nonce in the object's metadata tells it from another's. Who may not read
        takes it for its own; its etag is then "".
        """
        path, nonce = self._path(key), uuid4().hex
        attributes: Any = None
        if not self.place.local:
            attributes = {"nonce": nonce} | ({"Content-Type": kind} if kind else {})
        tries: list[str] = []

        def put() -> str | None:
            tries.append("")
            try:
                made = obstore.put(self._store, path, data, mode="create", attributes=attributes)
            except AlreadyExistsError as error:
                tries.append(str(error))
                return None
            return _bare(made["e_tag"])

        etag = self._try(key, put)
        if etag is not None or self.place.local:
            return etag
        if len(tries) == 2 and _ONCE.search(tries[-1]):
            return None
        try:
            options: Any = {"head": True}
            found = self._try(key, lambda: obstore.get(self._store, path, options=options))
        except Missing:
            return None
        except Denied:
            return ""
        return _bare(found.meta["e_tag"]) if found.attributes.get("nonce") == nonce else None

    def _path(self, key: str) -> str:
        """Return the client's name of a key; raises BadInput where stores would disagree."""
        where = f"{self.place}/{key}"
        if not key or key.endswith("/"):
            raise BadInput(f"{where}: names no object; give its whole name")
        check_key(self._prefix + key, where)
        if self.place.local:
            if _ENDING.search(key):
                raise BadInput(f"{where}: folders cannot hold names that end so; rename it")
            if any(len(part.encode()) > LONGEST for part in key.split("/")):
                raise BadInput(f"{where}: has a part of over {LONGEST} bytes; choose a shorter one")
            self._check_inside(key)
        return self._prefix + key

    def _below(self, prefix: str) -> str | None:
        """Return the client's name of a folder, or None for its whole container."""
        prefix = prefix.rstrip("/")
        check_key(self._prefix + prefix, f"{self.place}/{prefix}")
        if self.place.local:
            self._check_inside(prefix)
        return self._prefix + prefix or None

    def _check_inside(self, key: str) -> None:
        """Raise BadInput where a link leads out of this folder."""
        root = self.place.path.resolve()
        if not (root / key).resolve().is_relative_to(root):
            where = f"{self.place}/{key}"
            raise BadInput(f"{where}: is a link to a place outside; replace it by a copy")

    def _try(self, key: str, act: Callable[[], T], waits: Iterable[float] | None = None) -> T:
        """Do what may be done twice, again when the store does not answer."""
        for wait in self._waits if waits is None else waits:
            try:
                with self._mapped(key):
                    return act()
            except Denied:
                raise
            except Unavailable:
                time.sleep(wait * random.uniform(0.5, 1.5))
        with self._mapped(key):
            return act()

    def _mapped(self, key: str) -> AbstractContextManager[None]:
        return client_errors(self.where(key), None if self.place.local else self._asker)

    def _stat(self, meta: dict[str, Any]) -> Stat:
        return Stat(
            key=str(meta["path"])[len(self._prefix) :],
            size=int(meta["size"]),
            etag=_bare(meta["e_tag"]),
            modified=meta["last_modified"].timestamp(),
        )


def _bare(etag: object) -> str:
    """Return an etag without the quotes that some requests give and some do not."""
    return str(etag).strip('"')
