"""A folder's pictures are all accounted for: taken, or named before anything is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.driver.open_job import open_draft
from impasto.jobs.find import find
from impasto.jobs.summary import details
from impasto.sources import images
from impasto.sources.open import open_source
from impasto.storage.stores import Stores
from support import inprocess, stores

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.progress import Progress

MANY = 2
"""Where images with several pictures are told."""
SAID = (
    "pictures and videos left out, of kinds that are not read from folders: "
    "6 (a.gif, b2.GIF, b10.gif, c?.heic, c.heic, ...)",
    "other files left out: 1 (notes.txt)",
    "images with several pictures, of which only the first is used: 3 (d.webp, e.png, f.tif)",
    "images with over 8 bits per sample, which are read as 8 bits: 1 (g.tif)",
)

RENAMED = "images that become PNG, since their kind is not written: 3 (f.tif, g.tif, j.avif)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which something is left out for every reason."""
    made = tmp_path / "photos"
    made.mkdir()
    pages = [Image.new("RGB", (32, 24), colour) for colour in ("red", "lime")]
    several: dict[str, Any] = {"save_all": True, "append_images": pages[1:]}
    for name in ("a.gif", "b2.GIF", "b10.gif", "c.heic", "c\n.heic", "clip.mp4", "notes.txt"):
        (made / name).write_bytes(b"not looked at")
    for name in ("d.webp", "e.png", "f.tif"):
        pages[0].save(made / name, **several)
    Image.fromarray(np.full((24, 32), 1000, np.int32)).save(made / "g.tif")
    for name in ("h.png", "i.jpg", "j.avif", "k.webp"):
        pages[0].save(made / name)
    return made


def test_what_is_left_out_is_named_before_scoring_in_show_and_in_the_result(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    settings = Settings(home=str(tmp_path / "home"))
    spec = JobSpec(source=str(folder), output=str(tmp_path / "out"), scorer="identity")
    events: list[Progress] = []
    result = api.run(spec, settings=settings, on_progress=events.append)
    first = next(event for event in events if event.stage == "scoring")
    assert (first.done, first.warnings) == (0, (*SAID, RENAMED))
    assert result.warnings == (*SAID, RENAMED)
    assert result.items == 8
    assert details(find(open_draft(spec, settings).home, result.job)).warnings == result.warnings
    assert open_source(Stores({}), str(folder)).facts()["warnings"] == list(SAID)
    with Image.open(tmp_path / "out" / "j.png") as picture:
        assert np.abs(np.asarray(picture).astype(int) - [255, 0, 0]).max() < 8


def test_a_single_picture_is_looked_at_too(folder: Path) -> None:
    warnings = open_source(Stores({}), str(folder / "e.png")).facts()["warnings"]
    assert warnings == [SAID[MANY].replace("3 (d.webp, e.png, f.tif)", "1 (e.png)")]


def test_an_unreadable_picture_is_left_to_whoever_reads_it(folder: Path) -> None:
    (folder / "e.png").unlink()
    (folder / "e.png").symlink_to(folder / "gone.png")
    (folder / "list.txt").write_text("d.webp\nnone.png\n")
    source = open_source(Stores({}), str(folder / "list.txt"))
    assert source.facts()["warnings"] == [
        SAID[MANY].replace("3 (d.webp, e.png, f.tif)", "1 (d.webp)")
    ]


@pytest.mark.parametrize("kind", stores.KINDS)
def test_a_store_is_looked_at_as_a_folder_is_up_to_a_number(
    folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    place = stores.backend_of(kind, request, monkeypatch)
    store = place.open("photos/")
    for path in folder.iterdir():
        if path.name.isprintable():
            store.put(path.name, path.read_bytes())
    url = f"{place.url}/photos/"
    seen = open_source(place.stores, url).facts()["warnings"]
    assert seen[1:] == list(SAID[1:])
    monkeypatch.setattr(images, "LOOKED", 2)
    seen = open_source(place.stores, url).facts()["warnings"]
    assert seen[MANY] == (
        SAID[MANY]
        if kind == "folder"
        else "images with several pictures among the first 2, of which only the first is used: "
        "2 (d.webp, e.png)"
    )
