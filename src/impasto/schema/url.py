"""URLs of files and objects, parsed strictly and only here.

    clip.mp4, /media/clip.mp4, file:///media/clip.mp4         a local path
    az://CONTAINER/KEY                                        Azure; a profile names the account
    https://ACCOUNT.blob.core.windows.net/CONTAINER/KEY       Azure, with or without a SAS
    abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/KEY        Azure, as Spark writes it
    s3://BUCKET/KEY                                           Amazon S3 and compatible stores
    gs://BUCKET/KEY                                           Google Cloud Storage

Clients' own parsers differ from each other, drop signatures silently and follow the environment.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

from impasto.errors import BadInput
from impasto.secrecy import remember_query

Scheme = Literal["file", "az", "s3", "gs"]

MAX_KEY = 1024
"""Maximum length of a key that every object store accepts, in bytes."""

_SCHEMES: dict[str, Scheme] = {"az": "az", "s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
_ABFS = {"abfs", "abfss", "wasb", "wasbs"}
_AZURE_HOST = re.compile(
    r"([a-z0-9]{3,24})\.(?:(z\d+)\.)?(?:blob|dfs)\."
    r"(core\.windows\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net|storage\.azure\.net)"
)
_ACCOUNT = re.compile("[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"\$?[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_SIGNED = re.compile(r"[?&](sig|x-amz-signature|x-goog-signature)=", re.IGNORECASE)
_LOOPBACK = re.compile(r"localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")
"""Characters that XML, in which stores list objects, cannot hold, or that terminals obey."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_ODD_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Surrogates that stand for no byte of a name that is not UTF-8."""


class _Signable:
    """Keeps a signature where nothing that writes out a dataclass's fields finds it."""

    __slots__ = ("_signature",)
    _signature: str


@dataclass(frozen=True, slots=True)
class Url(_Signable):
    """The place of a file, of an object, or of everything that begins with a prefix.

    The signature that a URL came with is not part of its text, pickle or comparisons. Places
    derived from it keep the signature, which covers a container or everything below a prefix.

    Attributes:
        scheme: the kind of store.
        container: the container or bucket, "" for local paths.
        key: the key in the container, or the absolute local path; a prefix if it names a folder.
        account: the storage account where the URL names one, else "".
        endpoint: that account's address where the URL names one, else "".
    """

    scheme: Scheme
    container: str
    key: str
    account: str = ""
    endpoint: str = ""

    @property
    def local(self) -> bool:
        """Whether it is a path on this machine."""
        return self.scheme == "file"

    @property
    def path(self) -> Path:
        """The local path; only where `local`."""
        return Path(self.key)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rstrip("/").rpartition("/")[2]

    def child(self, name: str) -> Url:
        """Return the place at a relative key below this one."""
        base = self.key.rstrip("/")
        return self.at(f"{base}/{name}" if base or self.local else name)

    @property
    def parent(self) -> Url:
        """The folder, or prefix, that this is in."""
        above = self.key.rstrip("/").rpartition("/")[0]
        return self.at(above or "/" if self.local else above)

    def at(self, key: str) -> Url:
        """Return another place in the same container."""
        place = Url(self.scheme, self.container, key, self.account, self.endpoint)
        return place.sign(self.signature) if self.signature else place

    @property
    def signature(self) -> str:
        """The query string that proves a right to the place, such as a SAS; "" without one."""
        return getattr(self, "_signature", "")

    def sign(self, signature: str) -> Url:
        """Return the same place with a signature that replaces its own."""
        place = Url(self.scheme, self.container, self.key, self.account, self.endpoint)
        object.__setattr__(place, "_signature", signature)
        return place

    def __reduce__(self) -> tuple[type[Url], tuple[Any, ...]]:
        return Url, (self.scheme, self.container, self.key, self.account, self.endpoint)

    def __str__(self) -> str:
        if self.local:
            # JSON holds no byte that is not UTF-8; other surrogates stand for no byte at all.
            odd = _SURROGATE.search(self.key) and not _ODD_SURROGATE.search(self.key)
            return f"file://{quote(self.key, errors='surrogateescape')}" if odd else self.key
        if self.endpoint:
            return f"{self.endpoint}/{self.container}/{quote(self.key)}".rstrip("/")
        key = self.key.rstrip("/")
        return f"{self.scheme}://{self.container}" + (f"/{key}" if key else "")


def parse(text: str) -> Url:
    """Parse a URL or path; a signature in it is hidden from all text from then on.

    Raises:
        BadInput: the scheme is unknown, or the URL names no usable place.
    """
    scheme, mark, rest = text.partition("://")
    scheme = scheme.lower()
    if not mark or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        return Url("file", "", str(_local(text.removeprefix("file:"))))
    if scheme == "file":
        host, _, path = rest.partition("/")
        if host.lower() not in {"", "localhost"}:
            raise BadInput(f"{text}: is on another machine", "give a path on this one")
        return Url("file", "", str(_local(f"/{_decoded(path)}")))
    if scheme in {"https", "http"}:
        bare, _, query = text.partition("?")
        place = _https(bare)
        return place.sign(remember_query(query)) if query else place
    if _SIGNED.search(rest):
        raise BadInput(f"{text}: a signature needs an https:// URL", "write the URL with https://")
    if scheme in _ABFS and "@" in rest.partition("/")[0]:
        container, _, rest = rest.partition("@")
        host, _, key = rest.partition("/")
        return _https(f"https://{host}/{container}/{quote(key)}")
    known = "az" if scheme in _ABFS else _SCHEMES.get(scheme)
    if known is None:
        raise BadInput(
            f"{text}: scheme {scheme}:// is not supported", "give a path, az://, s3:// or gs://"
        )
    container, _, key = rest.partition("/")
    return Url(known, _container(container, text), check_key(key, text))


def normal(text: str) -> str:
    """Return a URL or path in its stored form: absolute, and without a signature."""
    return written(parse(text), text)


def split_signature(text: str) -> tuple[str, str]:
    """Return a URL in its stored form, and its signature; any other text unchanged, and "".

    Raises:
        BadInput: URLs of this kind cannot be signed, or it names no usable place.
    """
    http = "?" in text and text.lower().startswith(("https://", "http://"))
    if not http and not ("://" in text and _SIGNED.search(text)):
        return text, ""
    place = parse(text)
    return written(place, text), place.signature


def written(place: Url, text: str) -> str:
    """Return a place in its stored form; a slash at the end of its text is kept.

    Args:
        place: the place.
        text: what it was parsed from.
    """
    given = text if place.local or not place.endpoint else text.partition("?")[0]
    clean = str(place)
    return clean + "/" if given.endswith("/") and not clean.endswith("/") else clean


def is_local(text: str) -> bool:
    """Return whether a URL or path names a place on this machine."""
    return parse(text).local


def check_endpoint(endpoint: str) -> str:
    """Return an endpoint without a trailing slash.

    Raises:
        BadInput: it is neither an https: URL nor an http: URL of this machine.
    """
    parts = urlsplit(endpoint)
    host = parts.netloc.lower()
    more = "@" in host or parts.query or parts.fragment
    if more or not host or parts.scheme not in {"http", "https"}:
        raise BadInput(
            f"{endpoint}: is not an endpoint", "give https://HOST or https://HOST/ACCOUNT"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise BadInput(f"{endpoint}: is not encrypted", "use https://")
    return endpoint.rstrip("/")


def is_platform(endpoint: str) -> bool:
    """Return whether an endpoint is a cloud's own, or this machine."""
    host = urlsplit(endpoint).netloc.lower()
    own = _AZURE_HOST.fullmatch(host) or host.endswith((".googleapis.com", ".amazonaws.com"))
    return bool(own) or host.endswith(".amazonaws.com.cn") or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Return whether a host, with or without a port, is this machine, judged by its spelling."""
    return _LOOPBACK.fullmatch(re.sub(r":\d+$", "", host.lower())) is not None


def check_key(key: str, where: str) -> str:
    """Return a key, once checked to mean the same to every store.

    Raises:
        BadInput: it has empty, ``.`` or ``..`` parts, is too long, or has characters that stores
            disagree on.
    """
    parts = key.removesuffix("/").split("/")
    fact = ""
    if key and any(part in {"", ".", ".."} for part in parts):
        fact = "has an empty, '.' or '..' part"
    elif _CONTROL.search(key) or "\\" in key:
        fact = "has a control character or a backslash"
    elif _SURROGATE.search(key):
        fact = "is not valid Unicode"
    elif len(key.encode()) > MAX_KEY:
        fact = f"is over {MAX_KEY} bytes long"
    if fact:
        where = _SURROGATE.sub("?", _CONTROL.sub("?", where))
        raise BadInput(f"{where}: the name {fact}", "rename it")
    return key


def _https(text: str) -> Url:
    if _CONTROL.search(text):
        raise BadInput(f"{_CONTROL.sub('?', text)}: has a control character", "check the URL")
    # Otherwise a key would be cut at its first #, and become another one.
    parts = urlsplit(text.replace("#", "%23"))
    host = parts.netloc.lower()
    if "@" in host:
        raise BadInput(
            f"{text}: has a user name", "give only https://ACCOUNT.blob.core.windows.net/..."
        )
    if is_loopback(host):
        # Emulators put the account into the path.
        account, _, rest = parts.path.lstrip("/").partition("/")
        if account and not _ACCOUNT.fullmatch(account):
            raise BadInput(f"{text}: {account!r} is not an account name", "check the URL")
        endpoint = check_endpoint(f"{parts.scheme}://{host}/{account}")
    else:
        known = _AZURE_HOST.fullmatch(host)
        if known is None:
            raise BadInput(
                f"{text}: {host} is not a known object store",
                "use az:// or s3:// and name its endpoint in impasto.toml",
            )
        account, zone, suffix = known.groups()
        zone = f"{zone}." if zone else ""
        endpoint = check_endpoint(f"{parts.scheme}://{account}.{zone}blob.{suffix}")
        rest = parts.path.lstrip("/")
    container, _, key = rest.partition("/")
    key = check_key(_decoded(key), text)
    return Url("az", _container(_decoded(container), text), key, account, endpoint)


def _decoded(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _container(name: str, text: str) -> str:
    if name and not _CONTAINER.fullmatch(name):
        raise BadInput(f"{text}: {name!r} is not a container or bucket name", "check the URL")
    return name


def _local(text: str) -> Path:
    if "\0" in text or _ODD_SURROGATE.search(text):
        raise BadInput(f"{text!r}: paths cannot hold that character", "rename it")
    try:
        path = Path(text).expanduser() if text.startswith("~") else Path(text)
        return Path(os.path.abspath(path))  # noqa: PTH100 (keeps links)
    except RuntimeError:
        raise BadInput(f"{text}: no such user", "if the name begins with ~, write ./~") from None
