"""Stores sign with what they were opened with, or what a URL brings, and with nothing else."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from impasto.errors import Denied
from impasto.schema.job import JobSpec
from impasto.schema.profile import StoreProfile
from impasto.schema.signatures import Signatures
from impasto.schema.url import parse
from impasto.settings import Settings
from impasto.sources.open import open_source
from impasto.storage.named_file import File
from impasto.storage.store import Store
from impasto.storage.stores import Stores
from support.cloud import DATA

if TYPE_CHECKING:
    from support.cloud import Azurite


@pytest.fixture
def box(azurite: Azurite) -> str:
    """URL of a new container, for which there is no credential but a signature."""
    return f"{azurite.endpoint(DATA)}/{azurite.make_container(DATA)}"


@pytest.fixture
def way(box: str, azurite: Azurite) -> Settings:
    profile = StoreProfile(url=box, auth="anonymous", ca=str(azurite.ca))
    return Settings(stores={"it": profile})


def sas(azurite: Azurite, box: str, rights: str) -> str:
    return azurite.container_sas(DATA, box.rpartition("/")[2], rights)


def test_two_signatures_in_one_container_stay_apart(
    box: str, way: Settings, azurite: Azurite
) -> None:
    reads, writes = (sas(azurite, box, rights) for rights in ("rl", "cw"))
    spec = JobSpec(source=f"{box}/in/?{reads}", output=f"{box}/out/made.mp4?{writes}")
    stores = Stores.of(way, spec)
    source = stores.open(spec.source)
    target, key = stores.open_parent(spec.output)
    assert target.create(key, b"made")
    assert source.list_all() == []
    with pytest.raises(Denied, match="the SAS in its URL, which allows 'cw'"):
        target.read(key)
    with pytest.raises(Denied, match="the SAS in its URL, which allows 'rl'"):
        source.create("new", b"")
    with pytest.raises(Denied, match="anonymous requests"):
        stores.open(f"{box}/elsewhere").list_all()


def test_what_one_caller_signs_with_another_does_not(
    box: str, way: Settings, azurite: Azurite
) -> None:
    signed = JobSpec(source=f"{box}/in?{sas(azurite, box, 'rl')}", output="o")
    bare = JobSpec(source=f"{box}/in", output="o")
    assert Stores.of(way, signed).open(signed.source).list_all() == []
    for stores in (Stores.of(way, bare), Stores.of(way)):
        with pytest.raises(Denied, match="to anonymous requests") as refused:
            stores.open(bare.source).list_all()
        assert str(refused.value).count("\n") == 0


def test_a_url_brings_its_own_signature(box: str, way: Settings, azurite: Azurite) -> None:
    query = sas(azurite, box, "rlcw")
    stores = Stores(way.stores, Signatures({box: sas(azurite, box, "l")}))
    place = parse(f"{box}/a/b?{query}")
    stores.open(place).put("c.txt", b"read")
    assert stores.read(parse(f"{box}/a/b/c.txt?{query}")) == b"read"
    assert stores.open_parent(place)[0].read("b/c.txt") == b"read"
    assert stores.fingerprint(place) == stores.fingerprint(f"{box}/a/b?{query}")
    assert File(stores, place.child("c.txt")).etag
    assert open_source(stores, f"{box}/a/b/?{query}", "files").facts()["files"] == 1
    with pytest.raises(Denied, match="allows 'l'"):
        stores.open(f"{box}/a/b").read("c.txt")


def test_a_manifest_signs_what_it_names_beside_it(
    box: str, way: Settings, azurite: Azurite
) -> None:
    query = sas(azurite, box, "rlcw")
    owner = Stores(way.stores, Signatures({box: query})).open(box)
    owner.put("lists/all.txt", b"../a/1.bin\n../a/2.bin\n")
    for n in (1, 2):
        owner.put(f"a/{n}.bin", b"x")
    spec = JobSpec(source=f"{box}/lists/all.txt?{query}", output="o")
    for stores, url in (
        (Stores.of(way, spec), spec.source),
        (Stores.of(way), spec.source + "?" + query),
    ):
        assert open_source(stores, url, "files").facts()["files"] == 2
    with pytest.raises(Denied):
        open_source(Stores.of(way), spec.source, "files").facts()


def test_the_signature_of_the_home_serves_what_lies_in_it(
    box: str, way: Settings, azurite: Azurite
) -> None:
    query = sas(azurite, box, "rlcw")
    control = way.stores["it"].model_copy(update={"role": "control"})
    settings = Settings(home=f"{box}/jobs?{query}", stores={"it": control})
    stores = Stores.of(settings)
    assert stores.open_home(settings.home).create("jobs/x", b"")
    assert stores.open_parent(f"{settings.home}/jobs/x")[0].stat("x")
    with pytest.raises(Denied, match="to anonymous requests"):
        stores.open(f"{box}/in").list_all()


def test_stores_travel_without_signatures(box: str, way: Settings) -> None:
    stores = Stores(way.stores, Signatures({box: "sig=hushhushhush"}))
    assert "hush" not in repr(stores) + pickle.dumps(stores).decode("latin")
    assert pickle.loads(pickle.dumps(stores)).locate(box).signature == ""
    assert copy.copy(stores).locate(box).signature == "sig=hushhushhush"


def test_a_store_shows_no_signature_of_its_place(box: str, way: Settings) -> None:
    store = Store(parse(f"{box}/a?sp=r&sig=hushhushhush"), way.stores["it"])
    assert "hush" not in repr(store) + store.where("x")


def test_many_threads_that_open_stores_at_once_find_their_secrets(
    monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    # A client is made while variables such as this one are hidden from it.
    monkeypatch.setenv("AZURE_KEY_OF_A_TEST", azurite.accounts[DATA])
    url = azurite.endpoint(DATA)
    profile = StoreProfile(url=url, auth="key", secret="AZURE_KEY_OF_A_TEST", ca=str(azurite.ca))
    stores = Stores.of(Settings(stores={"it": profile}))
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda n: stores.open(f"{url}/box{n}"), range(64)))
    assert len(opened) == 64
