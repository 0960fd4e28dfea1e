"""Stores in trouble: lost replies, cut bodies, refusals, servers that are not there."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from impasto.errors import BadInput, Denied, Unavailable
from impasto.schema.profile import StoreProfile
from impasto.schema.url import parse
from impasto.storage import clients
from impasto.storage.clients import AT_ONCE
from impasto.storage.parallel import in_order
from impasto.storage.store import Store
from impasto.storage.upload import PART
from support import stores as places
from support.faults import CutBody, Fault, LoseReply, Proxy, Record, Refuse, Reset, random_faults
from support.stores import REMOTE, Backend, check_line, keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.cloud import Authority, Azurite, MotoS3

    Act = Callable[[], object]
    Env = pytest.MonkeyPatch

HASTE = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5)}
TROUBLES: list[Fault] = [
    Refuse(),
    Refuse(status=500, code="InternalError"),
    Refuse(status=429, code="TooManyRequests"),
    Reset(),
    LoseReply(),
    CutBody(),
]


@pytest.fixture(params=REMOTE)
def beyond(request: pytest.FixtureRequest, monkeypatch: Env) -> Backend:
    """A new and empty place on a server."""
    return places.backend_of(request.param, request, monkeypatch)


@pytest.fixture(params=REMOTE)
def harmed(
    request: pytest.FixtureRequest, monkeypatch: Env, authority: Authority
) -> Iterator[tuple[Backend, Proxy]]:
    """A new and empty place on a server, and the proxy through which it is reached."""
    hurry(monkeypatch)
    server: Any = request.getfixturevalue(request.param)
    azure = request.param == "azurite"
    with Proxy(server.endpoint() if azure else server.endpoint, authority) as proxy:
        ca = {} if azure else {"ca": authority.ca_pem}
        yield places.backend_of(request.param, request, monkeypatch, proxy=proxy, **ca), proxy


def hurry(env: Env) -> None:
    """Keep the patience in tries, and not in time."""
    env.setattr(clients, "RETRY", {**clients.RETRY, "backoff": HASTE})
    env.setattr("impasto.storage.requests.WAITS", (0.001,) * 5)


def once(fault: Fault, method: str | None = None) -> Callable[[Record], Fault | None]:
    """Do this to the first request, or the first with a method, and nothing to others."""
    left = [fault]
    return lambda record: left.pop() if left and method in (None, record.method) else None


def always(fault: Fault) -> Callable[[Record], Fault | None]:
    """Do this to every request."""
    return lambda _: fault


def act_on(store: Store, file: Path) -> dict[str, Act]:
    """Every operation, on a store that holds the object ``a``; some make an object of theirs."""
    stat = store.stat("a")
    assert stat
    return {
        "read": lambda: store.read("a"),
        "range": lambda: store.read_range("a", 10, 90, stat.etag),
        "stat": lambda: store.stat("a"),
        "missing": lambda: store.stat("none"),
        "list": lambda: keys(store, "a"),
        "folder": lambda: store.list_folder("none"),
        "put": lambda: store.put("z/put", b"1"),
        "create": lambda: store.create("z/create", b"1"),
        "file": lambda: store.put_file("z/file", file) and None,
        "copy": lambda: store.copy("a", "z/copy"),
        "delete": lambda: store.delete("z/put"),
    }


@pytest.mark.parametrize("fault", TROUBLES, ids=repr)
def test_every_operation_outlasts_a_trouble(
    harmed: tuple[Backend, Proxy], tmp_path: Path, fault: Fault
) -> None:
    backend, proxy = harmed
    store = backend.open()
    store.put("a", os.urandom(1000))
    (tmp_path / "file").write_bytes(b"1")
    acts = act_on(store, tmp_path / "file")
    expected = {name: act() for name, act in acts.items()}
    store.delete("z/create", "z/file", "z/copy")
    for name, act in acts.items():
        proxy.fault = once(fault)
        assert act() == expected[name], name
        assert any(record.fault for record in proxy.records)
        proxy.clear()
    proxy.fault = None
    assert keys(store, "z") == ["z/copy", "z/create", "z/file"]


def test_a_create_whose_reply_is_lost_knows_its_own_object(harmed: tuple[Backend, Proxy]) -> None:
    backend, proxy = harmed
    store = backend.open()
    faults: list[Fault] = [LoseReply(), LoseReply(), Reset(), Refuse()]
    for n, fault in enumerate(faults):
        proxy.fault = once(fault, "PUT")
        assert store.create(f"{n}", b"mine")
        proxy.fault = once(fault, "PUT")
        assert not store.create(f"{n}", b"later")
        assert store.read(f"{n}") == b"mine"


def test_a_file_whose_reply_is_lost_is_stored_with_its_etag(
    harmed: tuple[Backend, Proxy], tmp_path: Path
) -> None:
    backend, proxy = harmed
    store = backend.open()
    (tmp_path / "file").write_bytes(b"mine")
    proxy.fault = once(LoseReply(), "PUT")
    etag = store.put_file("a", tmp_path / "file", kind="text/plain", create=True)
    stat = store.stat("a")
    assert stat
    assert stat.etag == etag


def test_a_create_by_who_may_not_read_knows_its_own_object(
    azurite: Azurite, authority: Authority, monkeypatch: Env
) -> None:
    hurry(monkeypatch)
    with Proxy(azurite.endpoint(), authority) as proxy:
        how: dict[str, Any] = {"auth": "sas", "permission": "cw", "proxy": proxy}
        store = places.azure(monkeypatch, azurite, **how).open()
        proxy.fault = once(LoseReply(), "PUT")
        assert store.create("a", b"mine")
        assert not store.create("a", b"later")


def test_a_refused_create_costs_one_request(harmed: tuple[Backend, Proxy]) -> None:
    backend, proxy = harmed
    store = backend.open()
    store.put("a", b"1")
    proxy.clear()
    assert not store.create("a", b"2")
    assert proxy.count() == 1


def test_work_goes_on_through_random_troubles(harmed: tuple[Backend, Proxy]) -> None:
    backend, proxy = harmed
    store = backend.open()
    proxy.fault = random_faults(7, 0.15, [Refuse(), Reset(), LoseReply(), CutBody()])
    wanted = [f"{n:02}" for n in range(60)]
    assert all(in_order(lambda key: store.create(key, key.encode()), wanted, 8))
    assert not any(in_order(lambda key: store.create(key, b"other"), wanted, 8))
    assert keys(store) == wanted
    assert [data.decode() for data in in_order(store.read, wanted, 8)] == wanted
    store.delete(*wanted[:30])
    assert keys(store) == wanted[30:]
    assert any(record.fault for record in proxy.records)


def test_a_large_file_arrives_through_troubles(
    harmed: tuple[Backend, Proxy], tmp_path: Path
) -> None:
    backend, proxy = harmed
    store = backend.open()
    file = tmp_path / "file"
    file.write_bytes(os.urandom(2 * PART + 5))
    proxy.fault = random_faults(3, 0.3, [Refuse(), Reset()])
    etag = store.put_file("a", file)
    assert store.read("a") == file.read_bytes()
    proxy.fault = None
    stat = store.stat("a")
    assert stat
    assert stat.etag == etag


def test_lasting_trouble_ends_in_one_clear_line(harmed: tuple[Backend, Proxy]) -> None:
    backend, proxy = harmed
    store = backend.open(retry=AT_ONCE)
    store.put("a", bytes(1000))
    for fault, fact in (
        (Refuse(), "answers 503 .*ServerBusy"),
        (Reset(), "does not answer .*reset"),
        (CutBody(), "does not answer .*reset"),
    ):
        proxy.fault = always(fault)
        with pytest.raises(Unavailable, match=fact) as refused:
            store.read("a")
        check_line(refused.value, f"{backend.url}/a: ")


def plain_acts(store: Store) -> list[Act]:
    """What cannot end well where there is no such container."""
    return [
        lambda: store.read("a"),
        lambda: store.put("a", b""),
        lambda: store.create("a", b""),
        lambda: store.copy("a", "b"),
        store.list_all,
        store.list_folder,
    ]


@pytest.mark.parametrize("how", ["closed", "no_such_host", "not_tls", "unknown_authority"])
def test_a_server_that_cannot_be_reached_is_named_at_once(
    beyond: Backend, s3: MotoS3, azurite: Azurite, how: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    endpoints = {
        "closed": f"https://127.0.0.1:{free}",
        "no_such_host": "https://store.invalid",
        "not_tls": f"https://127.0.0.1:{s3.port}",
        "unknown_authority": f"https://127.0.0.1:{azurite.port}",
    }
    assert beyond.profile
    fields = beyond.profile.model_dump() | {"endpoint": endpoints[how], "ca": None}
    store = Store(parse(beyond.url), StoreProfile(**fields), retry={**AT_ONCE, "backoff": HASTE})
    acts: list[Act] = [*plain_acts(store), lambda: store.stat("a")]
    for act in acts:
        with pytest.raises(Unavailable, match=f"{endpoints[how]} does not answer") as refused:
            act()
        check_line(refused.value, beyond.url)
        assert not isinstance(refused.value, Denied)


def test_a_container_that_does_not_exist_is_bad_input(
    azurite: Azurite, s3: MotoS3, monkeypatch: Env
) -> None:
    for profile in (
        places.azure_profile(monkeypatch, azurite, "no-such-container"),
        places.s3_profile(monkeypatch, s3, "no-such-bucket"),
    ):
        store = Store(parse(profile.url), profile)
        for act in plain_acts(store):
            with pytest.raises(BadInput, match="no such container") as refused:
                act()
            check_line(refused.value, profile.url)
        assert store.stat("a") is None


@pytest.mark.parametrize("field", ["ca", "customer_key"])
def test_a_profile_that_cannot_work_is_bad_input(
    beyond: Backend, monkeypatch: Env, tmp_path: Path, field: str
) -> None:
    monkeypatch.setenv("JUNK", "no key at all")
    (tmp_path / "junk").write_text("no certificate")
    assert beyond.profile
    values = {"ca": str(tmp_path / "junk"), "customer_key": "JUNK"}
    profile = beyond.profile.model_copy(update={field: values[field]})
    with pytest.raises(BadInput, match=r"correct its profile in impasto.toml") as refused:
        Store(parse(beyond.url), profile)
    assert "no key at all" not in str(refused.value)
    assert "\n" not in str(refused.value)
