"""What `impasto token` prints, makes and revokes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from impasto.server.access.tokens import Tokens
from impasto.storage.stores import Stores
from support.command import call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home beside a config file with one tenant, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "impasto.toml").write_text('home = "home"\n[tenants.acme]\nread = ["in"]\n')
    return tmp_path / "home"


def tokens(home: Path) -> Tokens:
    return Tokens(Stores({}).open_home(str(home)))


def test_a_new_token_alone_is_on_stdout(home: Path) -> None:
    done = call("token", "create", "--role", "operator", "--tenant", "acme", "--name", "CI")
    assert re.fullmatch(r"imp_[0-9a-f]{12}_[\w-]{43}\n", done.stdout)
    assert "operator of tenant acme" in done.stderr
    assert done.stdout.strip() not in done.stderr
    found = tokens(home).find(done.stdout.strip())
    assert found
    assert (found.role, found.tenant, found.name, found.expires) == ("operator", "acme", "CI", None)


def test_a_token_may_expire(home: Path) -> None:
    text = call("token", "create", "--expires", "30d").stdout.strip()
    found = tokens(home).find(text)
    assert found
    assert found.expires
    assert found.role == "viewer"
    assert round(found.expires - found.created) == 30 * 86400


def test_the_list_has_no_secret_and_passes_over_what_is_no_token(home: Path) -> None:
    made = json.loads(call("token", "create", "--json").stdout)
    folder = home / "access" / "tokens"
    stored = (folder / f"{made['id']}.json").read_bytes()
    (folder / "torn.json").write_bytes(b"{")
    (folder / f"{'0' * 12}.json").write_bytes(stored)
    (folder / f"{'1' * 12}.json").write_bytes(stored[:40])
    rows = [json.loads(line) for line in call("token", "list", "--json").stdout.splitlines()]
    assert [row["id"] for row in rows] == [made["id"]]
    assert "digest" not in rows[0]
    shown = call("token", "list").stdout
    assert made["id"] in shown
    assert made["token"].rpartition("_")[2] not in shown


def test_a_revoked_token_is_gone(home: Path) -> None:
    made = json.loads(call("token", "create", "--json").stdout)
    assert call("token", "revoke", made["id"]).returncode == 0
    assert tokens(home).find(made["token"]) is None
    assert "no tokens" in call("token", "list").stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["create", "--tenant", "acne"], "did you mean acme?"),
        (["create", "--tenant", "zoo"], "[tenants.zoo]"),
        (["create", "--expires", "soon"], "30d"),
        (["create", "--expires", "0s"], "30d"),
        (["create", "--role", "king"], "viewer"),
        (["create", "--name", "a\nb"], "name"),
        (["revoke", "000000000000"], "'impasto token list'"),
        (["revoke", "../first"], "'impasto token list'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(home: Path, words: list[str], told: str) -> None:
    done = call("token", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    assert not [*home.glob("access/tokens/*")]
