"""Outsiders for real: whoever holds a signature that only writes drops media, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto.errors import Denied
from impasto.schema.profile import StoreProfile
from impasto.schema.url import parse
from impasto.storage.clients import AT_ONCE
from impasto.storage.store import Store
from support.cloud import CONTROL, DATA
from support.command import impasto
from support.stores import azure, keys
from support.watchcloud import Cloud, table
from support.watcher import Watching

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.cloud import Azurite

    Env = pytest.MonkeyPatch


def outsider(env: Env, azurite: Azurite, url: str, place: str, account: str = DATA) -> Store:
    """Open a place with the signature of a URL, and nothing else."""
    env.setenv("GIVEN", url.partition("?")[2])
    how = StoreProfile(
        url=f"az://{place}",
        auth="sas",
        secret="GIVEN",
        account=account,
        endpoint=azurite.endpoint(account),
        ca=str(azurite.ca),
    )
    return Store(parse(f"az://{place}"), how, retry=AT_ONCE)


GOOD = {
    "clip.csv": table([1, 2]),
    "ann/data.tsv": table([3]),
    "ann/trigger-1.json": b'{"source": "ann/data.tsv"}',
}
ASKS = (
    "az://{control}/home/staged/x.csv",
    "az://{results}/clip.jsonl",
    "https://example.com/x.csv",
    "file:///etc/passwd",
    "/etc/passwd",
    "../{control}/x.csv",
    "ann/../../x.csv",
    "bob/data.tsv",
    '{{"source": "ann/data.tsv", "output": "az://{results}/x.jsonl"}}',
    '{{"source": "ann/data.tsv", "output": "../clip.jsonl"}}',
    '{{"source": "ann/data.tsv", "scorer": "python:/tmp/x.py:X"}}',
    '{{"source": "ann/data.tsv", "home": "az://{results}"}}',
    '{{"source": "ann/data.tsv", "engine": "ray"}}',
    '{{"source": "ann/data.tsv", "overwrite": true}}',
)
"""What trigger files ask for that they may not."""


def test_a_signature_that_only_writes_lets_outsiders_drop_media_and_nothing_else(
    tmp_path: Path, monkeypatch: Env, azurite: Azurite
) -> None:
    cloud, results = Cloud.azure(tmp_path, monkeypatch, azurite), azure(monkeypatch, azurite)
    output = f"{results.url}/{{path}}/{{name}}.jsonl"
    cloud.write_rules({"rows": {"inbox": cloud.media.url, "output": output}}, results)
    words = ("--permission", "cw", "--config", tmp_path / "impasto.toml")
    minted = impasto("sas", cloud.media.url, *words)
    assert minted.returncode == 0, minted.stderr
    url = minted.stdout.strip()
    names = {"results": results.url.partition("://")[2], "control": cloud.control.url[5:]}
    drop = outsider(monkeypatch, azurite, url, cloud.container)
    for key, data in GOOD.items():
        drop.put(key, data)
    for n, text in enumerate(ASKS):
        drop.put(f"ann/trigger-bad-{n:02}", text.format(**names).encode())
    with Watching(tmp_path) as watching:
        watching.until(lambda: len(watching.states("done")) == 2)
        watching.until(lambda: len(watching.states("poison")) == len(ASKS))
    made = results.open()
    assert keys(made) == ["ann/data.jsonl", "clip.jsonl"]
    assert made.read("clip.jsonl").count(b"\n") == 2
    assert len(cloud.jobs()) == 2
    refused(drop)
    for place, account in ((names["results"], DATA), (names["control"], CONTROL)):
        refused(outsider(monkeypatch, azurite, url, place, account), writes=True)


def refused(store: Store, *, writes: bool = False) -> None:
    """Check that a store refuses to be read, and to be written to if it should."""
    acts: list[Callable[[], object]] = [
        store.list_all,
        lambda: store.read("clip.jsonl"),
        lambda: store.read("clip.csv"),
        lambda: store.delete("clip.csv"),
    ]
    if writes:
        acts += [lambda: store.put("clip.jsonl", b"x"), lambda: store.create("new", b"x")]
    for act in acts:
        with pytest.raises(Denied):
            act()
