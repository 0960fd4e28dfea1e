"""Cookies for the page, and what keeps other pages from using them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from impasto.server.access import tokens as module
from impasto.server.access.first import first_link
from support.issuer import Issuer
from support.serving import URL, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi.testclient import TestClient

    from impasto.schema.access import Role


def logged_in(serving: Serving, role: Role = "admin", tenant: str = "") -> tuple[TestClient, str]:
    """Return a browser with a token in its cookie, and the session's proof."""
    _, text = serving.context.tokens.create(role, tenant=tenant)
    browser = serving.browser()
    answer = browser.post("/v1/session", json={"token": text})
    assert answer.status_code == 200, answer.text
    return browser, answer.json()["csrf"]


def test_a_cookie_is_for_this_site_alone_and_not_for_scripts(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    _, text = serving.context.tokens.create("viewer", expires=4e9)
    header = serving.browser().post("/v1/session", json={"token": text}).headers["set-cookie"]
    parts = {part.strip().lower() for part in header.split(";")}
    assert {"httponly", "samesite=strict", "path=/", "max-age=604800"} <= parts
    assert header.startswith(f"impasto={text};")
    assert "secure" not in parts
    assert not [part for part in parts if part.startswith("domain")]


@pytest.mark.parametrize("how", [{"behind_proxy": True}, {"tls_cert": "c", "tls_key": "k"}])
def test_behind_tls_a_cookie_never_travels_without(tmp_path: Path, how: dict[str, Any]) -> None:
    serving = Serving(tmp_path, **how)
    _, text = serving.context.tokens.create("viewer")
    header = serving.browser().post("/v1/session", json={"token": text}).headers["set-cookie"]
    assert header.startswith(f"__Host-impasto={text};")
    assert "secure" in header.lower()


def test_a_session_says_who_the_caller_is(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    browser, csrf = logged_in(serving, "submitter", "acme")
    found = browser.get("/v1/session").json()
    assert (found["role"], found["tenant"], found["can_write"]) == ("submitter", "acme", True)
    assert found["csrf"] == csrf
    assert csrf
    assert serving.client("viewer").get("/v1/session").json()["csrf"] == ""


def test_a_wrong_token_makes_no_session(tmp_path: Path) -> None:
    browser = Serving(tmp_path).browser()
    for text in ("", "nonsense", "imp_000000000000_" + "a" * 43):
        answer = browser.post("/v1/session", json={"token": text})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert browser.post("/v1/session", json={"token": "x" * 20_000}).status_code == 422


def test_a_request_that_changes_something_needs_the_proof(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    browser, csrf = logged_in(serving)
    asked = {"role": "viewer"}
    for proof in ({}, {"X-Impasto-CSRF": ""}, {"X-Impasto-CSRF": csrf[:-1]}):
        assert browser.post("/v1/tokens", json=asked, headers=proof).status_code == 403
    proof = {"X-Impasto-CSRF": csrf}
    assert browser.post("/v1/tokens", json=asked, headers=proof).status_code == 201
    _, other = logged_in(serving)
    proof = {"X-Impasto-CSRF": other}
    assert browser.post("/v1/tokens", json=asked, headers=proof).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
    ],
)
def test_pages_of_other_origins_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    serving = Serving(tmp_path)
    browser, csrf = logged_in(serving)
    proof = {"X-Impasto-CSRF": csrf, **headers}
    assert browser.post("/v1/tokens", json={"role": "viewer"}, headers=proof).status_code == 403
    assert browser.get("/v1/session", headers=headers).status_code == 403
    _, text = serving.context.tokens.create("viewer")
    answer = serving.browser().post("/v1/session", json={"token": text}, headers=headers)
    assert answer.status_code == 403
    # A header is sent on purpose.
    assert serving.client("viewer").get("/v1/session", headers=headers).status_code == 200


def test_pages_of_its_own_are_not_refused(tmp_path: Path) -> None:
    browser, csrf = logged_in(Serving(tmp_path))
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": URL}):
        proof = {"X-Impasto-CSRF": csrf, **headers}
        assert browser.post("/v1/tokens", json={"role": "viewer"}, headers=proof).status_code == 201


def test_a_header_counts_more_than_a_cookie(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    browser, _ = logged_in(serving)
    _, text = serving.context.tokens.create("viewer")
    for header, status in ((f"Bearer {text}", 403), ("Bearer x", 401), ("Basic YTpi", 401)):
        answer = browser.get("/v1/tokens", headers={"Authorization": header})
        assert answer.status_code == status


def test_logging_out_removes_the_cookie(tmp_path: Path) -> None:
    browser, csrf = logged_in(Serving(tmp_path))
    assert browser.delete("/v1/session").status_code == 403
    answer = browser.delete("/v1/session", headers={"X-Impasto-CSRF": csrf})
    assert answer.status_code == 204
    assert browser.get("/v1/session").status_code == 401


def test_a_revoked_token_ends_its_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = Serving(tmp_path)
    browser, _ = logged_in(serving)
    (token,) = serving.context.tokens.list()
    Serving(tmp_path).context.tokens.revoke(token.id)
    monkeypatch.setattr(module, "FRESH", 0.0)
    assert browser.get("/v1/session").status_code == 401


def test_tokens_of_an_issuer_make_sessions_too(tmp_path: Path) -> None:
    with Issuer() as issuer:
        serving = Serving(tmp_path, oidc=issuer.settings())
        browser = serving.browser()
        assert browser.post("/v1/session", json={"token": issuer.token()}).status_code == 200
        assert browser.get("/v1/session").json()["name"] == "ann@example.com"
        long = issuer.token(groups=["x" * 100] * 50)
        assert browser.post("/v1/session", json={"token": long}).status_code == 422


def test_the_first_start_alone_gives_a_link_and_on_loopback_alone(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    assert first_link(serving.context, "http://example.com:80") is None
    assert first_link(Serving(tmp_path, host="0.0.0.0").context, URL) is None
    assert first_link(Serving(tmp_path, behind_proxy=True).context, URL) is None
    link = first_link(serving.context, URL)
    assert link
    assert link.startswith(f"{URL}/#token=imp_")
    assert first_link(serving.context, URL) is None
    assert first_link(Serving(tmp_path).context, URL) is None
    answer = serving.browser().post("/v1/session", json={"token": link.partition("#token=")[2]})
    assert answer.json()["role"] == "admin"


def test_the_tokens_of_a_tenant_are_its_administrators_alone(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    every, acme = serving.client("admin"), serving.client("admin", "acme")
    made = every.post("/v1/tokens", json={"role": "viewer", "tenant": "other", "name": "x"}).json()
    assert serving.context.tokens.find(made["token"])
    assert {row["tenant"] for row in acme.get("/v1/tokens").json()["tokens"]} == {"acme"}
    assert {row["tenant"] for row in every.get("/v1/tokens").json()["tokens"]} == {
        "",
        "acme",
        "other",
    }
    foreign = acme.delete(f"/v1/tokens/{made['row']['id']}")
    absent = acme.delete(f"/v1/tokens/{'0' * 12}")
    assert foreign.status_code == absent.status_code == 404
    assert acme.post("/v1/tokens", json={"role": "viewer", "tenant": "other"}).status_code == 403
    own = acme.post("/v1/tokens", json={"role": "viewer"}).json()
    assert own["row"]["tenant"] == "acme"
    assert acme.delete(f"/v1/tokens/{own['row']['id']}").status_code == 204
    assert every.post("/v1/tokens", json={"role": "viewer", "tenant": "zoo"}).status_code == 422
    assert every.delete(f"/v1/tokens/{made['row']['id']}").status_code == 204
    assert serving.context.tokens.find(made["token"]) is None
