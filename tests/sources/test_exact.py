"""A source that is exactly what bears its name: what others put there leads nowhere else."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from impasto.errors import BadInput, Missing
from impasto.sources.images import Images
from impasto.sources.open import open_source
from impasto.storage.stores import Stores
from support import stores as places

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Backend


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def found(stores: Stores, url: str) -> list[str]:
    source = open_source(stores, url, exact=True)
    assert isinstance(source, Images)
    return [*source.found.etags]


@pytest.fixture(params=places.KINDS)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    backend = places.backend_of(request.param, request, monkeypatch)
    store = backend.open()
    for name in ("a.png", "[ab].png", "frames/1.png", "frames/2.png"):
        store.put(name, picture())
    store.put("list.txt", b"a.png")
    return backend


def test_one_object_and_a_folder_are_read_as_ever(place: Backend) -> None:
    assert found(place.stores, f"{place.url}/[ab].png") == ["[ab].png"]
    assert found(place.stores, f"{place.url}/frames") == ["1.png", "2.png"]


@pytest.mark.parametrize("name", ["*.png", "?.png", "**", "[xa].png", "frames/*"])
def test_no_name_is_a_pattern(place: Backend, name: str) -> None:
    assert open_source(place.stores, f"{place.url}/{name}").etag
    with pytest.raises(Missing):
        assert open_source(place.stores, f"{place.url}/{name}", exact=True).etag


def test_no_file_is_a_manifest(place: Backend) -> None:
    assert open_source(place.stores, f"{place.url}/list.txt", "files").etag
    source = open_source(place.stores, f"{place.url}/list.txt", "files", exact=True)
    assert "list.txt" in source.facts()["first"]


def test_links_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    outside, inbox = tmp_path / "outside.png", tmp_path / "in"
    (inbox / "frames").mkdir(parents=True)
    outside.write_bytes(picture())
    (inbox / "frames" / "1.png").write_bytes(picture())
    (inbox / "frames" / "2.png").symlink_to(outside)
    (inbox / "link.png").symlink_to(outside)
    (inbox / "linked").symlink_to(tmp_path)
    os.mkfifo(inbox / "pipe.png")
    stores = Stores({})
    assert found(stores, str(inbox / "frames")) == ["1.png"]
    for name, fact in {"link.png": "a link", "linked": "a link", "pipe.png": "a pipe"}.items():
        with pytest.raises(BadInput, match=fact):
            open_source(stores, str(inbox / name), exact=True)
    with pytest.raises(BadInput, match="a pipe"):
        open_source(stores, "/dev/zero", exact=True)
