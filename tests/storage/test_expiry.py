"""Signatures that end are told in time, and identities are asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from impasto.schema.profile import StoreProfile
from impasto.schema.signatures import Signatures
from impasto.storage import identities
from impasto.storage.expiry import expiring
from impasto.storage.stores import Stores
from impasto.watch.reminders import Reminders
from support.command import wait_for
from support.stores import azure

if TYPE_CHECKING:
    from support.cloud import Azurite

NOW = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
DAY, WEEK = 86400.0, 7 * 86400.0


def sas(until: datetime | str) -> str:
    text = until if isinstance(until, str) else f"{until:%Y-%m-%dT%H:%M:%SZ}"
    return f"sv=2026&sp=rl&se={quote(text)}&sig=bm90aGluZy1yZWFs"


def stores(env: pytest.MonkeyPatch, auth: Any, value: str) -> Stores:
    env.setenv("MEDIA_SAS", value)
    named = {"account": "acc"} if auth == "sas" else {}
    it = StoreProfile.model_validate(
        {"url": "az://media", "auth": auth, "secret": "MEDIA_SAS", **named}
    )
    return Stores({"it": it})


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(days=6, hours=5), "ends in 6 days (2026-12-05 15:00 UTC)"),
        (timedelta(hours=23), "ends in 23 hours (2026-11-30 09:00 UTC)"),
        (timedelta(minutes=61), "ends in 61 minutes (2026-11-29 11:01 UTC)"),
        (timedelta(seconds=90), "ends in 1 minute (2026-11-29 10:01 UTC)"),
        (-timedelta(hours=1), "ended at 2026-11-29 09:00 UTC"),
    ],
)
def test_a_signature_that_ends_is_told(
    monkeypatch: pytest.MonkeyPatch, left: timedelta, told: str
) -> None:
    lines = expiring(stores(monkeypatch, "sas", sas(NOW + left)), WEEK, NOW)
    assert lines == [f"SAS in MEDIA_SAS: {told}; issue a new one, and start again with it"]


@pytest.mark.parametrize(
    "value",
    [sas(NOW + timedelta(days=8)), "sv=2026&sp=rl&sig=x", sas("never"), "nonsense"],
)
def test_a_signature_that_lasts_or_does_not_say_is_not_told(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    assert expiring(stores(monkeypatch, "sas", value), WEEK, NOW) == []


def test_signatures_in_urls_and_connection_strings_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = f"BlobEndpoint=https://acc.blob.core.windows.net;SharedAccessSignature={sas(NOW)}"
    both = stores(monkeypatch, "connection_string", held)
    url = "https://acc.blob.core.windows.net/in"
    both = Stores(both.profiles, Signatures({url: sas("2026-11-30")}))
    first, second = expiring(both, WEEK, NOW)
    assert first.startswith("SAS in MEDIA_SAS: ended at 2026-11-29 10:00 UTC; ")
    assert second.startswith(f"SAS in the URL {url}: ends in 14 hours (2026-11-30 00:00 UTC); ")


def test_keys_and_missing_variables_have_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    it = stores(monkeypatch, "key", "a2V5")
    assert expiring(it, WEEK, NOW) == []
    it = stores(monkeypatch, "sas", sas(NOW))
    monkeypatch.delenv("MEDIA_SAS")
    assert expiring(it, WEEK, NOW) == []


def test_a_reminder_comes_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = NOW
    reminders = Reminders(stores(monkeypatch, "sas", sas(NOW + timedelta(days=9))), lambda: now)
    told = []
    for hour in range(10 * 24):
        now = NOW + timedelta(hours=hour, minutes=1)
        told += [(hour, line) for line in reminders.due()]
    assert [hour for hour, _ in told] == [48, 192, 215, 216]
    assert "ended at" in told[-1][1]


def test_an_identity_is_asked_again_when_its_token_ends(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = azurite.make_container()
    asked: list[float] = []

    def provide() -> dict[str, Any]:
        asked.append(len(asked))
        # The last one is good for an hour.
        ends = datetime.now(UTC) + timedelta(seconds=3600 if len(asked) > 3 else 1)
        return {"token": azurite.token(), "expires_at": ends}

    monkeypatch.setattr(identities, "azure", lambda: provide)
    store = azure(monkeypatch, azurite, container, auth="identity").open()
    wait_for(lambda: store.stat("a") is None and len(asked) > 3)
    for _ in range(3):
        store.put("a", b"1")
    assert len(asked) == 4
