"""What a folder, a pattern or a manifest names, on this machine and in stores alike."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import BadInput, Missing
from impasto.media.frame import Frame
from impasto.schema.job import JobSpec
from impasto.schema.outcome import ItemError
from impasto.sources.open import open_planned, open_source
from impasto.sources.selection import natural
from impasto.storage.stores import Stores
from support import stores as places
from support.planned import planned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from impasto.schema.plan import Plan
    from support.stores import Backend

TREE = (
    "photos/2.png",
    "photos/10.png",
    "photos/notes.md",
    "photos/.hidden.png",
    "photos/a/1.png",
    "photos/a/b/1.png",
    "photos/a/b/2.JPG",
    "photos/.git/3.png",
    "other/2.png",
)


def picture(grey: int = 0, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), grey, np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(params=places.KINDS)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A tree of pictures; each one's grey is its place in `TREE`."""
    backend = places.backend_of(request.param, request, monkeypatch)
    store = backend.open()
    for n, name in enumerate(TREE):
        store.put(name, picture(n) if name.lower().endswith("g") else b"words")
    return backend


def plan_of(stores: Stores, url: str, output: str = "made/", **fields: Any) -> Plan:
    spec = JobSpec.model_validate({"source": url, "output": output, **fields})
    return planned(open_source(stores, url), spec)


def names(plan: Plan) -> list[str]:
    return [name for shard in plan.shards for name in shard.names]


def outputs(plan: Plan) -> list[str]:
    return [name for shard in plan.shards for name in shard.outputs]


def greys(stores: Stores, url: str, plan: Plan) -> list[int | str]:
    """The grey of every picture as a worker reads it, or the error of one that cannot be read."""
    found: list[int | str] = []
    source = open_planned(stores, url, plan)
    for shard in plan.shards:
        for n, item in enumerate(source.read(plan, shard, 1), shard.start):
            if isinstance(item, ItemError):
                assert (item.item, item.key) == (n, names(plan)[n])
                found.append(item.error)
            else:
                assert isinstance(item, Frame)
                assert item.index == n
                found.append(int(np.asarray(item.planes[0])[0, 0, 0]))
    return found


@pytest.mark.parametrize(
    ("source", "base", "expected"),
    [
        ("photos/", "photos", "2.png 10.png"),
        ("photos/*.png", "photos", "2.png 10.png"),
        ("photos/?.png", "photos", "2.png"),
        ("photos/**/*.png", "photos", "2.png 10.png a/1.png a/b/1.png"),
        ("photos/**", "photos", "2.png 10.png a/1.png a/b/1.png a/b/2.JPG"),
        ("photos/**/b/*", "photos", "a/b/1.png a/b/2.JPG"),
        ("photos/a/**/1.png", "photos/a", "1.png b/1.png"),
        ("*/[!3].png", "", "other/2.png photos/2.png"),
        ("photos/a/**/b/**/*.JPG", "photos/a", "b/2.JPG"),
    ],
)
def test_folders_and_patterns_name_pictures_in_natural_order(
    place: Backend, source: str, base: str, expected: str
) -> None:
    url = f"{place.url}/{source}"
    plan = plan_of(place.stores, url, shard_frames=2)
    assert names(plan) == expected.split()
    assert plan.base == f"{place.url}/{base}".rstrip("/")
    assert outputs(plan) == names(plan)
    wanted = [TREE.index(f"{base}/{name}".lstrip("/")) for name in names(plan)]
    read = greys(place.stores, url, plan)
    assert all(abs(int(a) - b) <= 1 for a, b in zip(read, wanted, strict=True))


@pytest.mark.parametrize("source", ["photos/*.gif", "none/*.png", "photos/**/*.md", "none/"])
def test_a_source_without_pictures_is_refused_in_one_line(place: Backend, source: str) -> None:
    with pytest.raises(BadInput) as caught:
        plan_of(place.stores, f"{place.url}/{source}")
    assert str(caught.value).startswith(f"{place.url}/none" if "none" in source else place.url)
    assert "\n" not in str(caught.value)


def test_the_folders_in_a_folder_are_told_where_they_are_not_looked_into(place: Backend) -> None:
    def told(source: str) -> tuple[str, ...]:
        return plan_of(place.stores, f"{place.url}/{source}").warnings

    photos = f"{place.url}/photos"
    notes = "other files left out: 1 (notes.md)"
    assert told("photos/") == (
        f"folders left out: 1 (a); '{photos}/**' takes what is in them",
        notes,
    )
    assert told("photos/**") == (notes,)
    assert told("photos/*.png") == ()
    with pytest.raises(Missing) as caught:
        plan_of(place.stores, f"{place.url}/")
    assert "no images" in str(caught.value)
    assert str(caught.value).endswith(f"only 2 folders; for what is in them, give {place.url}/**")


def test_what_exists_under_a_name_with_brackets_is_meant(place: Backend) -> None:
    place.open().put("photos/[1].png", picture(200))
    url = f"{place.url}/photos/[1].png"
    plan = plan_of(place.stores, url, output="made.png")
    assert names(plan) == ["[1].png"]
    assert plan.output == "image"
    assert greys(place.stores, url, plan) == [200]
    place.open().put("photos/[2].png", b"no picture")
    broken = f"{place.url}/photos/[2].png"
    with pytest.raises(BadInput, match="not a readable picture"):
        greys(place.stores, broken, plan_of(place.stores, broken, output="made.png"))


def test_the_etag_tells_of_every_change(place: Backend) -> None:
    url = f"{place.url}/photos/**/*.png"
    seen = {open_source(place.stores, url).etag for _ in range(2)}
    assert len(seen) == 1
    place.open().put("photos/a/1.png", picture(99))
    seen.add(open_source(place.stores, url).etag)
    place.open().put("photos/a/b/c/7.png", picture(99))
    seen.add(open_source(place.stores, url).etag)
    place.open().delete("photos/a/b/c/7.png", "photos/a/b/1.png")
    seen.add(open_source(place.stores, url).etag)
    assert len(seen) == 4


def test_facts_name_the_first_and_the_last_picture(place: Backend) -> None:
    facts = open_source(place.stores, f"{place.url}/photos/**/*.png").facts()
    assert (facts["frames"], facts["first"], facts["last"]) == (4, "2.png", "a/b/1.png")
    assert (facts["width"], facts["height"]) == (8, 8)


# Manifests.

LISTED = ["photos/a/b/1.png", "photos/10.png", "photos/2.png"]
MANIFESTS = {
    "list.txt": "# these\n\nphotos/a/b/1.png\r\n  photos/10.png  \n./photos/2.png",
    "list.lst": "photos/a/b/1.png\nphotos/a/../10.png\nphotos/2.png\n",
    "list.csv": '﻿id,Path\n1,photos/a/b/1.png\n2,"photos/10.png"\n\n3,photos/2.png\n',
    "first.csv": "photo,label\nphotos/a/b/1.png,x\nphotos/10.png,y\nphotos/2.png,z\n",
    "bare.csv": "photos/a/b/1.png\nphotos/10.png\nphotos/2.png\n",
    "list.tsv": "file\tname\nphotos/a/b/1.png\tx\nphotos/10.png\ty\nphotos/2.png\tz\n",
    "list.jsonl": '{"image": "photos/a/b/1.png"}\n\n"photos/10.png"\n{"url": "photos/2.png"}',
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_names_pictures_in_its_own_order(place: Backend, name: str) -> None:
    place.open().put(name, MANIFESTS[name].encode())
    url = f"{place.url}/{name}"
    stores = place.stores
    plan = planned(
        open_source(stores, url, "pictures"),
        JobSpec(source=url, output="made/", shard_frames=2),
    )
    assert plan.base == f"{place.url}/photos"
    assert names(plan) == ["a/b/1.png", "10.png", "2.png"]
    assert outputs(plan) == names(plan)
    assert greys(stores, url, plan) == [TREE.index(each) for each in LISTED]


def test_what_a_manifest_names_and_is_not_there_is_set_aside(place: Backend) -> None:
    place.open().put("list.txt", b"photos/2.png\nphotos/none.png\nphotos/notes.md\n")
    url = f"{place.url}/list.txt"
    plan = plan_of(place.stores, url)
    first, missing, words = greys(place.stores, url, plan)
    assert first == 0
    assert str(missing).startswith(f"{place.url}/photos/none.png: no such ")
    assert "not a readable picture" in str(words)
    before = open_source(place.stores, url).etag
    place.open().put("photos/none.png", picture(5))
    assert open_source(place.stores, url).etag != before
    assert greys(place.stores, url, plan)[1] == 5


def test_a_manifest_in_a_store_may_write_its_own_urls(
    azurite: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for backend in (places.azure(monkeypatch, azurite), places.amazon(monkeypatch, s3)):
        own = f"{backend.url}/in/a.png"
        if backend.profile and backend.kind == "azurite":
            endpoint, container = backend.profile.endpoint, backend.url.removeprefix("az://")
            own = f"{own}\n{endpoint}/{container}/in/b%20c.png"
        backend.open().put("in/a.png", picture(7))
        backend.open().put("in/b c.png", picture(8))
        backend.open().put("lists/list.txt", f"../in/x.png\n{own}\n".encode())
        url = f"{backend.url}/lists/list.txt"
        plan = plan_of(backend.stores, url)
        assert plan.base == f"{backend.url}/in"
        assert greys(backend.stores, url, plan)[1:] == [7, 8][: own.count("\n") + 1]


FORBIDDEN = [
    "/etc/passwd",
    "file:///etc/passwd",
    "../../../etc/passwd",
    "photos/../../../other",
    "az://elsewhere/a.png",
    "s3://elsewhere/a.png",
    "https://attacker.blob.core.windows.net/c/a.png",
    "a\\..\\b.png",
    "",
    "https://dataacct.blob.core.windows.net/c/a.png?sv=1&sig=c2VjcmV0c2VjcmV0",
]


@pytest.mark.parametrize("kind", places.REMOTE)
@pytest.mark.parametrize("entry", FORBIDDEN)
def test_a_manifest_in_a_store_names_nothing_outside_its_container(
    kind: str, entry: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = places.backend_of(kind, request, monkeypatch)
    backend.open().put("in/list.jsonl", f'"a.png"\n{json.dumps(entry)}\n'.encode())
    url = f"{backend.url}/in/list.jsonl"
    with pytest.raises(BadInput) as caught:
        planned(
            open_source(backend.stores, url, "pictures"),
            JobSpec(source=url, output="made/"),
        )
    places.check_line(caught.value, f"{url}: line 2: ")
    assert "c2VjcmV0" not in str(caught.value)


def test_a_path_that_looks_like_one_of_this_machine_is_a_key_in_a_store(
    azurite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = places.azure(monkeypatch, azurite)
    for key in ("in/~/a.png", "in/file:etc"):
        backend.open().put(key, picture(3))
    backend.open().put("in/list.txt", b"~/a.png\nfile:etc\n")
    url = f"{backend.url}/in/list.txt"
    plan = plan_of(backend.stores, url)
    assert (plan.base, names(plan)) == (f"{backend.url}/in", ["~/a.png", "file:etc"])
    assert greys(backend.stores, url, plan) == [3, 3]


def test_a_manifest_of_this_machine_may_name_several_stores(
    azurite: Any, s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    backends = [places.azure(monkeypatch, azurite), places.amazon(monkeypatch, s3)]
    for n, backend in enumerate(backends):
        backend.open().put("x/a b.png", picture(n))
    (tmp_path / "c.png").write_bytes(picture(2))
    text = "\n".join([*(f"{backend.url}/x/a b.png" for backend in backends), "c.png"])
    (tmp_path / "list.txt").write_text(text)
    stores = Stores({f"s{n}": b.profile for n, b in enumerate(backends) if b.profile})
    url = str(tmp_path / "list.txt")
    plan = plan_of(stores, url)
    assert plan.base == ""
    assert names(plan) == [*text.split("\n")[:2], str(tmp_path / "c.png")]
    containers = [backend.url.rpartition("/")[2] for backend in backends]
    assert outputs(plan)[:2] == [f"{container}/x/a b.png" for container in containers]
    assert outputs(plan)[2] == str(tmp_path / "c.png").lstrip("/")
    assert greys(stores, url, plan) == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "content", "fact"),
    [
        ("l.txt", b"# nothing\n\n", "names no items; "),
        ("l.txt", b"a.png\nb.png\n./a.png\n", "line 3: names the same as line 1; "),
        ("l.txt", b"a.png\n\xff.png\n", "line 2: is not UTF-8; "),
        ("l.csv", b'path\n"a.png\n', "line 2: unexpected end of data; "),
        ("l.csv", b"id,path\n1,a.png\n2\n", "line 3: names no item; "),
        ("l.jsonl", b'"a.png"\n{"url": 7}\n', "line 2: names no item; "),
        ("l.jsonl", b"a.png\n", "line 1: is not JSON; "),
        ("l.txt", b"gopher://a/b\n", "gopher"),
        ("l.parquet", b"PAR1", "is not a manifest; "),
    ],
)
def test_a_malformed_manifest_is_refused_by_its_line(
    tmp_path: Path, name: str, content: bytes, fact: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as caught:
        assert open_source(Stores({}), str(tmp_path / name), "pictures").etag
    assert fact in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_output_that_would_lie_within_another_is_refused(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = places.amazon(monkeypatch, s3)
    for key in ("in/a.png", "in/A.PNG/b.png"):
        backend.open().put(key, picture())
    with pytest.raises(BadInput, match=r"A\.PNG/b\.png would be inside a file"):
        plan_of(backend.stores, f"{backend.url}/in/**/*.*")


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(picture())
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert names(plan_of(Stores({}), f"{tmp_path}/in/**/*.png")) == ["a.png"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no such file"):
        open_source(Stores({}), str(tmp_path / "none.txt"))


@given(st.lists(st.text("ab12٣²/.", min_size=1), max_size=8, unique=True))
def test_natural_order_takes_any_name(found: Sequence[str]) -> None:
    order = sorted(found, key=natural)
    assert len(order) == len(set(order)) == len(found)


def test_natural_order_counts() -> None:
    mixed = ["b10", "b9", "a/10", "a/9/1", "a10b2", "a10b10", "a9"]
    expected = ["a/9/1", "a/10", "a9", "a10b2", "a10b10", "b9", "b10"]
    assert sorted(mixed, key=natural) == expected


def test_a_table_without_a_column_of_names_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("id,temperature\n0,21\n")
    with pytest.raises(BadInput, match=r"has no column url or path .* only id, temperature"):
        open_source(Stores({}), str(tmp_path / "table.csv"), "pictures").etag  # noqa: B018
