"""A scorer that says every secret it can find, in every way it can, gives none of them away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.command import call, impasto

if TYPE_CHECKING:
    import subprocess

HUSH = "hush"
"""Is in every few characters of every secret, so that a part of one is found, too."""


def secret(kind: str) -> str:
    return "".join(f"{HUSH}{kind}{n:02d}" for n in range(7))


SECRETS = {
    "THE_SAS": f"?sv=2025-01-05&sp=r&sig={secret('Sas')}%2F{secret('Sas')}%3D",
    "THE_KEY": f"{secret('Key')}==",
    "THE_STRING": f"AccountName=acct;AccountKey={secret('Str')}==;EndpointSuffix=core.windows.net",
    "THE_ID": secret("Id"),
    "THE_S3": f"{secret('S')}/{secret('T')}",
    "THE_GOOGLE": json.dumps(
        {
            "type": "service_account",
            "private_key": f"-----BEGIN PRIVATE KEY-----\n{secret('A')}\n{secret('B')}\n-----END "
            "PRIVATE KEY-----\n",
        }
    ),
    "THE_CUSTOMER": secret("Own"),
}
"""What the settings' variables hold. No store that they open is ever opened."""
CONFIG = """
[stores.sas]
url = "az://one"
auth = "sas"
account = "acct"
secret = "THE_SAS"
[stores.key]
url = "az://two"
auth = "key"
account = "acct"
secret = "THE_KEY"
customer_key = "THE_CUSTOMER"
[stores.string]
url = "az://three"
auth = "connection_string"
secret = "THE_STRING"
[stores.s3]
url = "s3://four"
auth = "key"
key_id = "THE_ID"
secret = "THE_S3"
[stores.google]
url = "gs://five"
auth = "key"
secret = "THE_GOOGLE"
"""
MODEL = f"""
import json, os, sys, warnings

def everything():
    env = os.environ
    yield from (env[name] for name in {[*SECRETS]!r})
    yield env["THE_STRING"].split("AccountKey=")[1].split(";")[0]
    yield json.loads(env["THE_GOOGLE"])["private_key"]
    yield env["THE_SAS"].split("sig=")[1]
    yield "Authorization: Bearer {secret("Tok")}"
    yield "'Authorization': 'Basic {secret("Bas")}'"
    yield "x-functions-key: {secret("Fun")}"
    yield "aws_secret_access_key = {secret("Aws")}"
    yield "https://user:{secret("Pas")}@host/"

def run(batch):
    for how in batch["how"]:
        said = " | ".join(everything())
        # However a text is cut, it is cut within a secret.
        much = (said + chr(10)) * 200
        if how == "raise":
            raise ValueError(said)
        if how == "raise much":
            raise ValueError(much)
        if how == "print":
            print(much)
        if how == "warn":
            warnings.warn(said)
        if how == "die":
            print(much, file=sys.stderr, flush=True)
            os._exit(3)
        if how == "exit":
            sys.exit(said)
    return [1] * len(batch)
"""


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "impasto.toml").write_text(CONFIG)
    (tmp_path / "model.py").write_text(MODEL)
    return [
        *("--config", tmp_path / "impasto.toml", "--home", tmp_path / "home"),
        *("--scorer", f"script:{tmp_path / 'model.py'}", "-o", tmp_path / "out.jsonl"),
        *("--max-failed", "all", "--mini-batch", 1),
    ]


def table(folder: Path, *ways: str) -> Path:
    path = folder / "rows.csv"
    path.write_text("\n".join(("how", *ways)) + "\n")
    return path


def leaks(folder: Path, *ended: subprocess.CompletedProcess[str]) -> list[str]:
    """Return where something of a secret is."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "model.py")
    found = [str(path) for path in files if HUSH.encode() in path.read_bytes()]
    for each in ended:
        said = each.stdout + each.stderr
        at = said.find(HUSH)
        found += [f"{each.args}: {said[max(0, at - 60) : at + 60]}"] if at >= 0 else []
    return found


def told(tmp_path: Path) -> list[subprocess.CompletedProcess[str]]:
    """Return all that commands tell of the job."""
    (place,) = (tmp_path / "home" / "jobs").iterdir()
    home = ("--config", tmp_path / "impasto.toml", "--home", tmp_path / "home")
    forms: list[tuple[str, ...]] = [(), ("--json",)]
    return [call(name, place.name, *home, *form) for name in ("show", "logs") for form in forms]


def test_workers_give_no_secret_away(tmp_path: Path, words: list[object]) -> None:
    ways = ("fine", "raise", "raise much", "print", "warn", "die", "exit")
    ended = impasto("run", table(tmp_path, *ways), *words, "--workers", 1)
    assert ended.returncode == 0, ended.stderr
    after = told(tmp_path)
    # It was said, and hidden.
    assert "ValueError: " in after[0].stdout
    assert "the worker died (exit code 3)" in after[0].stdout
    assert after[2].stdout.count("REDACTED") > 100
    assert leaks(tmp_path, ended, *after) == []


@pytest.mark.parametrize("how", ["raise much", "warn", "exit"])
def test_this_process_gives_no_secret_away(tmp_path: Path, words: list[object], how: str) -> None:
    ended = impasto("run", table(tmp_path, "fine", how), *words, "--engine", "inline", "--debug")
    assert ended.returncode == 0, ended.stderr
    assert "REDACTED" in ended.stderr
    assert leaks(tmp_path, ended, *told(tmp_path)) == []
