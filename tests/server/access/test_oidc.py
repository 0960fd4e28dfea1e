"""Bearer tokens of an issuer: what is believed, what that grants, when keys are asked for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import jwt
import pytest

from impasto.errors import BadInput, Unavailable
from impasto.server.access import oidc as module
from impasto.server.access.oidc import Issuer as Verifier
from impasto.server.config import Oidc, load_serve
from support.issuer import Issuer, Key, unsafe_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as started:
        yield started


def verifier(issuer: Issuer, **more: object) -> Verifier:
    return Verifier(Oidc.model_validate(issuer.settings(**more)))


def test_a_right_token_says_who_its_bearer_is(issuer: Issuer) -> None:
    found = verifier(issuer).find(issuer.token(roles=["operator", "viewer", "billing"]))
    assert found
    assert (found.name, found.role, found.tenant) == ("ann@example.com", "operator", "")


def test_tokens_that_nobody_may_believe_are_refused(issuer: Issuer) -> None:
    known = verifier(issuer)
    assert known.find(issuer.token())
    wrong = {name for name, text in unsafe_tokens(issuer).items() if known.find(text)}
    assert not wrong
    for text in ("", ".", "..", "a.b.c", "." * 20_000, "é.é.é", "eyJhbGciOiJSUzI1NiJ9.e30.AA"):
        assert known.find(text) is None


def test_a_key_is_for_the_algorithms_that_are_configured_and_its_own(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"kid": issuer.key.kid}
    text = jwt.encode(issuer.claims(), issuer.key.private, algorithm="PS256", headers=headers)
    both = verifier(issuer, algorithms=["RS256", "PS256"])
    assert both.find(text)
    assert both.find(issuer.token())
    assert verifier(issuer, algorithms=["ES256", "EdDSA"]).find(text) is None
    monkeypatch.setattr(Key, "public", {**issuer.key.public, "alg": "RS256"})
    named = verifier(issuer, algorithms=["RS256", "PS256"])
    assert named.find(text) is None
    assert named.find(issuer.token())


def test_keys_are_asked_for_once(issuer: Issuer) -> None:
    known = verifier(issuer)
    texts = [issuer.token(sub=str(n)) for n in range(20)]
    assert all(map(known.find, texts))
    assert issuer.fetched == ["/tenant/v2.0/.well-known/openid-configuration", "/tenant/v2.0/keys"]


def test_a_flood_of_unknown_keys_asks_for_none(issuer: Issuer) -> None:
    known = verifier(issuer, jwks=f"{issuer.url}/keys")
    assert known.find(issuer.token())
    for n in range(20):
        assert known.find(issuer.token(Key(f"no {n}") if n < 2 else issuer.key, aud="x")) is None
    assert len(issuer.fetched) == 1


def test_a_new_key_is_believed_and_an_old_one_is_not(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COOLDOWN", 0.0)
    monkeypatch.setattr(module, "VERIFIED", 0.0)
    known, old = verifier(issuer), issuer.token()
    assert known.find(old)
    issuer.key = Key("second")
    issuer.keys = [issuer.key]
    assert known.find(issuer.token())
    assert known.find(old) is None


def test_known_keys_serve_for_a_while_when_the_issuer_does_not_answer(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIFESPAN", "VERIFIED", "AGAIN"):
        monkeypatch.setattr(module, name, 0.0)
    known = verifier(issuer)
    assert known.find(issuer.token())
    issuer.down = True
    assert known.find(issuer.token())
    monkeypatch.setattr(module, "STALE", 0.0)
    with pytest.raises(Unavailable, match="keys"):
        known.find(issuer.token())


def test_an_issuer_that_never_answered_is_not_asked_by_every_request(issuer: Issuer) -> None:
    issuer.down = True
    known = verifier(issuer)
    for _ in range(10):
        with pytest.raises(Unavailable):
            known.find(issuer.token())
    assert len(issuer.fetched) == 1


def test_many_threads_ask_for_keys_once(issuer: Issuer) -> None:
    known, text, found = verifier(issuer), issuer.token(), list[object]()
    threads = [threading.Thread(target=lambda: found.append(known.find(text))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in found if one]) == 16
    assert len(issuer.fetched) == 2


def test_a_verified_token_still_expires(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    known, text = verifier(issuer), issuer.token()
    assert known.find(text)
    later = time.time() + 700
    monkeypatch.setattr(time, "time", lambda: later)

    def expired(*_: object, **__: object) -> None:
        raise jwt.ExpiredSignatureError

    monkeypatch.setattr(jwt, "decode", expired)
    assert known.find(text) is None


def test_another_issuers_configuration_is_not_believed(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: tuple[object, ...] = (
        {"issuer": f"{issuer.url}/x", "jwks_uri": f"{issuer.url}/keys"},
        {"issuer": issuer.url, "jwks_uri": "http://example.com/keys"},
        {"issuer": issuer.url, "jwks_uri": "file:///etc/passwd"},
        {"issuer": issuer.url},
        [],
    )
    for found in wrong:
        monkeypatch.setattr(Issuer, "configuration", found)
        with pytest.raises(Unavailable):
            verifier(issuer).find(issuer.token())
    assert not [path for path in issuer.fetched if path.endswith("/keys")]


def test_roles_and_tenants_come_from_claims(issuer: Issuer) -> None:
    known = verifier(
        issuer,
        role_claim="groups",
        roles={"g-paint": "submitter", "g-look": "viewer"},
        tenant_claim="team",
    )
    said: dict[str, dict[str, object]] = {
        "submitter of acme": {"groups": ["g-look", "g-paint", "x"], "team": "acme"},
        "viewer of acme": {"groups": "g-look", "team": "acme"},
        "None of acme": {"groups": ["admin"], "team": "acme"},
        "viewer of None": {"groups": ["g-look"], "team": ["acme"]},
        "None of None": {"groups": {"g-look": 1}},
    }
    for expected, claims in said.items():
        found = known.find(issuer.token(**claims))
        assert found
        assert f"{found.role} of {found.tenant}" == expected


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('issuer = "http://example.com"', "serve.oidc.issuer"),
        ('issuer = "https://example.com"\nalgorithms = ["HS256"]', "serve.oidc.algorithms"),
        ('issuer = "https://example.com"\nalgorithms = ["none"]', "serve.oidc.algorithms"),
        ('issuer = "https://example.com"\nalgorithms = []', "name one at least"),
        ('issuer = "https://example.com"\njwks = "file:///etc/passwd"', "serve.oidc.jwks"),
        ('issuer = "https://example.com"\ntenant_claim = "tid"', "there are no tenants"),
        ('issuer = "https://example.com"\nroles = { x = "king" }', "serve.oidc.roles.x"),
    ],
)
def test_wrong_settings_are_told_at_once(tmp_path: Path, written: str, told: str) -> None:
    file = tmp_path / "impasto.toml"
    file.write_text(f'[serve.oidc]\naudience = "a"\n{written}\n')
    with pytest.raises(BadInput) as error:
        load_serve(str(file))
    assert told in str(error.value)
    assert "\n" not in str(error.value)
