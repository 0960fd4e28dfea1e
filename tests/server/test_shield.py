"""Hosts, sizes, rates and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter

from impasto.schema.profile import StoreProfile
from impasto.server import app as app_module
from impasto.server.access import limits
from impasto.server.shield import LARGEST_BODY, policies
from support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WRONG = "imp_{:012x}_" + "a" * 43


@pytest.mark.parametrize("path", ["/v1/health", "/v1/session", "/v1/none", "/none", "/v1/crash"])
def test_every_answer_has_headers_that_protect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    router = APIRouter()

    @router.get("/crash")
    def crash() -> None:
        raise RuntimeError("imp_secret")

    monkeypatch.setattr(app_module, "ROUTERS", (*app_module.ROUTERS, router))
    answer = Serving(tmp_path).client("viewer").get(path)
    assert (answer.status_code == 500) == path.endswith("crash")
    assert "secret" not in answer.text
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert ("script-src" in headers["content-security-policy"]) != path.startswith("/v1/")
    assert (headers.get("cache-control") == "no-store") == path.startswith("/v1/")
    assert "strict-transport-security" not in headers
    assert "access-control-allow-origin" not in headers


def test_only_tls_of_its_own_is_promised(tmp_path: Path) -> None:
    client = Serving(tmp_path, tls_cert="c", tls_key="k").client(None)
    assert "strict-transport-security" in client.get("/v1/health").headers


def test_the_page_may_reach_the_stores_that_uploads_go_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "connect-src 'self' https://a.example" in policies(("https://a.example",))[0]
    monkeypatch.setenv("THE_KEY", "c2VjcmV0IGtleQ==")
    profile = StoreProfile(url="az://box", account="acct", auth="key", secret="THE_KEY")
    places = ("az://box/up", str(tmp_path))
    serving = Serving(tmp_path, stores={"media": profile}, write=places)
    policy = serving.browser().get("/").headers["content-security-policy"]
    assert "connect-src 'self' https://acct.blob.core.windows.net;" in policy


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8710", 200),
        ("127.0.0.1", 200),
        ("[::1]:8710", 200),
        ("evil.example:8710", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:80", 421),
        ("", 421),
    ],
)
def test_names_that_others_resolve_to_loopback_are_refused(
    tmp_path: Path, host: str, status: int
) -> None:
    client = Serving(tmp_path).client(None)
    assert client.get("/v1/health", headers={"Host": host}).status_code == status


def test_a_public_host_has_any_name(tmp_path: Path) -> None:
    for how in ({"host": "0.0.0.0"}, {"behind_proxy": True}):
        client = Serving(tmp_path, **how).client(None)
        answer = client.get("/v1/health", headers={"Host": "impasto.example.com"})
        assert answer.status_code == 200


def test_large_bodies_are_refused_whether_or_not_their_size_is_told(tmp_path: Path) -> None:
    client = Serving(tmp_path).client("admin")
    body = b"[" + b" " * LARGEST_BODY + b"]"

    def parts() -> Iterator[bytes]:
        for n in range(0, len(body), 1 << 16):
            yield body[n : n + (1 << 16)]

    for content in (body, parts()):
        answer = client.post("/v1/tokens", content=content)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_caller_with_too_many_requests_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BURST", 1000.0)
    serving = Serving(tmp_path, requests=0.01)
    one, two = serving.client("viewer"), serving.client("viewer")
    answers = [one.get("/v1/session") for _ in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 100
    assert two.get("/v1/session").status_code == 200


def test_an_address_with_too_many_wrong_tokens_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FAILURES", 0.001)
    serving = Serving(tmp_path)
    known = serving.client("viewer")
    assert known.get("/v1/session").status_code == 200
    guesser = serving.client(None)
    found = [
        guesser.get("/v1/session", headers={"Authorization": f"Bearer {WRONG.format(n)}"})
        for n in range(25)
    ]
    assert [answer.status_code for answer in found] == [401] * 20 + [429] * 5
    assert found[-1].headers["retry-after"]
    login = guesser.post("/v1/session", json={"token": WRONG.format(99)})
    assert login.status_code == 429
    # Who was known before goes on, and who shows no token is told so.
    assert known.get("/v1/session").status_code == 200
    assert guesser.get("/v1/session").status_code == 401


def test_only_a_proxys_word_about_addresses_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FAILURES", 0.001)
    for proxy in (False, True):
        client = Serving(tmp_path, behind_proxy=proxy).client(None)

        def ask(n: int, hops: str, client: object = client) -> int:
            headers = {"Authorization": f"Bearer {WRONG.format(n)}", "X-Forwarded-For": hops}
            status: int = client.get("/v1/session", headers=headers).status_code  # type: ignore[attr-defined]
            return status

        statuses = [ask(n, f"198.51.100.{n}, 203.0.113.7") for n in range(21)]
        assert statuses[-1] == 429
        assert ask(21, "203.0.113.7, 198.51.100.1") == (401 if proxy else 429)
        network = [ask(n, f"2001:db8::{n:x}") for n in range(30, 51)]
        assert network[-1] == 429
