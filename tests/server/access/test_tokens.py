"""How the service believes its own tokens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from impasto.errors import BadInput, Unavailable
from impasto.secrecy import redact
from impasto.server.access import tokens as module
from impasto.server.access.recent import Buckets, Recent
from impasto.server.access.tokens import Tokens
from impasto.storage.store import Store
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from pathlib import Path

WRONG = "imp_{:012x}_" + "a" * 43


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return Stores({}).open_home(str(tmp_path))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that were read."""
    found: list[str] = []
    real = Store.read

    def read(self: Store, key: str) -> bytes:
        found.append(key)
        return real(self, key)

    monkeypatch.setattr(Store, "read", read)
    return found


def test_a_right_token_is_read_once_in_a_while(home: Store, reads: list[str]) -> None:
    known = Tokens(home)
    token, text = known.create("viewer")
    assert [known.find(text) for _ in range(50)] == [token] * 50
    assert len(reads) == 1


def test_a_wrong_token_is_read_once_in_a_while(home: Store, reads: list[str]) -> None:
    known = Tokens(home)
    _, text = known.create("viewer")
    for _ in range(50):
        assert known.find(WRONG.format(7)) is None
        assert known.find(text[:-1] + ("a" if text[-1] != "a" else "b")) is None
        assert known.find("imp_../../spec_" + "a" * 43) is None
        assert known.find("") is None
    assert len(reads) == 2


def test_a_flood_of_wrong_tokens_does_not_push_out_right_ones(
    home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 4)
    known = Tokens(home)
    token, text = known.create("viewer")
    assert known.find(text) == token
    for n in range(20):
        known.find(WRONG.format(n))
    assert known.knows(text)
    assert not known.knows(WRONG.format(3))


def test_another_instance_ends_a_revoked_token_as_soon_as_it_asks_again(
    home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Tokens(home), Tokens(home)
    token, text = one.create("viewer")
    assert two.find(text)
    one.revoke(token.id)
    assert one.find(text) is None
    monkeypatch.setattr(module, "FRESH", 0.0)
    assert two.find(text) is None
    assert not two.knows(text)


def test_a_store_that_does_not_answer_grants_nothing_that_is_not_fresh(
    home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Tokens(home)
    _, text = known.create("viewer")
    assert known.find(text)
    monkeypatch.setattr(module, "FRESH", 0.0)

    def fail(self: Store, key: str) -> bytes:
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(Store, "read", fail)
    for _ in range(2):
        with pytest.raises(Unavailable):
            known.find(text)


def test_an_expired_token_is_none(home: Store) -> None:
    known = Tokens(home)
    _, text = known.create("viewer", expires=time.time() - 1)
    assert known.find(text) is None


def test_what_is_stored_wrongly_grants_nothing(home: Store) -> None:
    known = Tokens(home)
    token, text = known.create("viewer")
    stored = home.read(f"access/tokens/{token.id}.json")
    for n, data in enumerate((b"", b"{", stored[:-1], stored.replace(b"viewer", b"king"))):
        home.put(f"access/tokens/{token.id}.json", data)
        assert Tokens(home).find(text) is None, n
    # Another token's file under this id.
    other, _ = known.create("admin")
    home.put(f"access/tokens/{token.id}.json", home.read(f"access/tokens/{other.id}.json"))
    assert Tokens(home).find(text) is None


def test_wrong_fields_make_no_token(home: Store) -> None:
    with pytest.raises(BadInput, match="name"):
        Tokens(home).create("viewer", name="a\x1b[2J")
    with pytest.raises(BadInput, match="tenant"):
        Tokens(home).create("viewer", tenant="../x")


def test_a_token_never_reaches_a_log(home: Store) -> None:
    token, text = Tokens(home).create("admin")
    assert redact(f"GET /#token={text} HTTP/1.1") == f"GET /#token=imp_{token.id}_REDACTED HTTP/1.1"


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    recent = Recent[int](2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(name) for name in "abc"] == [1, None, 3]


def test_a_bucket_gives_a_burst_and_then_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] = 0.5
    assert buckets.wait("a") == 0
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    now[0] = 1e6
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
