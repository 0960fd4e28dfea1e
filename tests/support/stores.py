"""Stores on the test servers, opened as users open them: by URL, profile and environment."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from impasto.schema.profile import StoreProfile
from impasto.schema.url import parse
from impasto.storage import identities
from impasto.storage.clients import AT_ONCE
from impasto.storage.store import Store
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

    import pytest

    from impasto.errors import ImpastoError
    from impasto.schema.profile import Auth
    from support.cloud import Azurite, MotoS3
    from support.faults import Proxy

    Role = Literal["data", "control"]

KINDS = ("folder", "azurite", "s3")
REMOTE = KINDS[1:]
DATA = "dataacct"
_barrier: Barrier | None = None


@dataclass(frozen=True)
class Backend:
    """One place to keep objects, whatever the platform.

    Attributes:
        kind: ``folder``, ``azurite`` or ``s3``.
        url: a container, a bucket or a folder, new and empty.
        profile: how to reach it.
    """

    kind: str
    url: str
    profile: StoreProfile | None = None

    @property
    def stores(self) -> Stores:
        """The stores that open it by URL."""
        return Stores({"it": self.profile} if self.profile else {})

    @property
    def secrets(self) -> dict[str, str]:
        """The variables that the profile names, for a process that lacks them."""
        names = (self.profile.secret, self.profile.key_id) if self.profile else ()
        return {name: os.environ[name] for name in names if name}

    def open(self, prefix: str = "", *, retry: Any = None) -> Store:
        """Open it, or what is below a prefix."""
        place = parse(self.url)
        return Store(place.child(prefix) if prefix else place, self.profile, retry=retry)


def folder(path: Path) -> Backend:
    """Return a folder of this machine."""
    return Backend("folder", str(path))


def azure(env: pytest.MonkeyPatch, azurite: Azurite, container: str = "", **how: Any) -> Backend:
    """Return a container of Azurite, a new one when none is given; ``how`` is `azure_profile`'s."""
    container = container or azurite.make_container(how.get("account", DATA))
    profile = azure_profile(env, azurite, container, **how)
    return Backend("azurite", profile.url, profile)


def amazon(env: pytest.MonkeyPatch, s3: MotoS3, bucket: str = "", **how: Any) -> Backend:
    """Return a bucket of moto, a new one when none is given; ``how`` is `s3_profile`'s."""
    profile = s3_profile(env, s3, bucket or s3.make_bucket(), **how)
    return Backend("s3", profile.url, profile)


def backend_of(
    kind: str, request: pytest.FixtureRequest, env: pytest.MonkeyPatch, **how: Any
) -> Backend:
    """Return a new and empty place of a kind; ``how`` is the profile's."""
    if kind == "folder":
        return folder(request.getfixturevalue("tmp_path") / "store")
    make = azure if kind == "azurite" else amazon
    return make(env, request.getfixturevalue(kind), **how)


def keys(store: Store, prefix: str = "") -> list[str]:
    """Return the keys of a store below a prefix, sorted."""
    return [stat.key for stat in store.list_all(prefix)]


def check_line(error: ImpastoError, thing: str) -> None:
    """Check that an error is one line of thing, fact and remedy, without internals."""
    text = str(error)
    assert text.startswith(thing)
    assert text.isprintable()
    assert len(text) < 300
    assert "; " in text
    assert not any(word in text for word in ("Debug", "Generic", "<?xml", "sig="))


def azure_profile(
    env: pytest.MonkeyPatch,
    azurite: Azurite,
    container: str,
    *,
    auth: Auth = "key",
    account: str = DATA,
    secret: str = "",
    permission: str = "racwdl",
    hours: float = 1,
    start_hours: float = -3,
    proxy: Proxy | None = None,
    role: Role = "data",
) -> StoreProfile:
    """Return how to reach a container of Azurite, and set the variable that the profile names.

    Args:
        env: where the variable is set.
        azurite: the server.
        container: which one.
        auth: how to sign; ``identity`` needs `signed_in`.
        account: the account that holds it.
        secret: the key, SAS or connection string, instead of one that works.
        permission: what a SAS allows.
        hours: when a SAS ends, from now.
        start_hours: when it begins.
        proxy: what to ask instead of the server itself.
        role: what the profile is for.
    """
    endpoint = f"{proxy.endpoint}/{account}" if proxy else azurite.endpoint(account)
    key = azurite.accounts[account]
    if auth == "sas" and not secret:
        secret = azurite.container_sas(
            account, container, permission, hours=hours, start_hours=start_hours
        )
    if auth == "connection_string" and not secret:
        parts = [f"AccountName={account}", f"AccountKey={key}", f"BlobEndpoint={endpoint}"]
        secret = ";".join(["DefaultEndpointsProtocol=https", *parts])
    signs = auth in {"key", "sas", "connection_string"}
    # A connection string holds account and endpoint itself.
    bare = auth == "connection_string"
    return StoreProfile(
        url=f"az://{container}",
        role=role,
        auth=auth,
        secret=_set(env, secret or key) if signs else None,
        account=None if bare else account,
        endpoint=None if bare else endpoint,
        ca=str(azurite.ca),
    )


def s3_profile(
    env: pytest.MonkeyPatch,
    s3: MotoS3,
    bucket: str,
    *,
    auth: Auth = "key",
    proxy: Proxy | None = None,
    ca: Path | None = None,
    role: Role = "data",
) -> StoreProfile:
    """Return how to reach a bucket of moto, and set the variables that the profile names.

    Args:
        env: where the variables are set.
        s3: the server.
        bucket: which one.
        auth: how to sign.
        proxy: what to ask instead of the server itself.
        ca: the authority of the proxy's certificate.
        role: what the profile is for.
    """
    return StoreProfile(
        url=f"s3://{bucket}",
        role=role,
        auth=auth,
        secret=_set(env, s3.secret) if auth == "key" else None,
        key_id=_set(env, s3.key_id) if auth == "key" else None,
        endpoint=proxy.endpoint if proxy else s3.endpoint,
        region="us-east-1",
        ca=str(ca) if ca else None,
    )


@contextmanager
def signed_in(env: pytest.MonkeyPatch, token: str) -> Iterator[None]:
    """Give this process and those it starts an Azure identity, as a managed host does."""
    ends = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    answer = json.dumps({"access_token": token, "expires_on": str(ends), "token_type": "Bearer"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            pass

    # It is found once per process; here each test has its own.
    env.setattr(identities, "azure", cache(identities.azure.__wrapped__))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/token")
        env.setenv("IDENTITY_HEADER", "tested")
        env.setenv("NO_PROXY", "127.0.0.1")
        try:
            yield
        finally:
            server.shutdown()


def write_config(path: Path, **profiles: StoreProfile) -> Path:
    """Write profiles as a config file, for a separate process."""
    path.write_text("\n".join(config_lines(profiles)) + "\n")
    return path


def config_lines(profiles: Mapping[str, StoreProfile]) -> list[str]:
    """Return profiles as lines of a config file."""
    lines: list[str] = []
    for name, profile in profiles.items():
        lines.append(f"[stores.{name}]")
        fields = profile.model_dump(exclude_none=True)
        lines += [f"{field} = {json.dumps(value)}" for field, value in fields.items()]
    return lines


def meet(barrier: Barrier) -> None:
    """Prepare a process for `race`."""
    global _barrier
    _barrier = barrier


def wait_for_all() -> None:
    """Wait until all processes that `meet` has prepared are here."""
    assert _barrier
    _barrier.wait(60)


def race(backend: Backend, secrets: dict[str, str], keys: list[str], data: bytes) -> list[str]:
    """Wait for the other processes, create every key in some threads, and return those won."""
    os.environ.update(secrets)
    store = backend.open()
    wait_for_all()
    with ThreadPoolExecutor(4) as pool:
        won = pool.map(lambda key: store.create(key, data), keys)
        return [key for key, mine in zip(keys, won, strict=True) if mine]


def visit(backends: list[Backend]) -> list[list[str]]:
    """Use every store a little; returns the keys that each then holds."""
    found = []
    for backend in backends:
        store = backend.open(retry=AT_ONCE)
        store.put("put", b"1")
        assert store.create("new", b"2")
        assert not store.create("new", b"3")
        store.copy("new", "copy")
        assert store.read("copy") == b"2"
        found.append([stat.key for stat in store.list_all()])
    return found


def _set(env: pytest.MonkeyPatch, secret: str) -> str:
    """Put a secret into a variable of its own; returns the variable's name."""
    name = f"TEST_{uuid4().hex.upper()}"
    env.setenv(name, secret)
    return name
