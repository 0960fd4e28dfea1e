from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from impasto import JobSpec, Settings
from impasto.driver.api import run
from impasto.storage.stores import Stores
from support.board import finish, record
from support.browsing import enter, tab, token, write_config
from support.serve_process import ServeProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator

SCORER = """\
class Copy:
    def score(self, batch):
        if batch.mean() > 200:
            raise ValueError("too bright to look at")
        return list(batch)

class Mean:
    def score(self, batch):
        return [{"mean": int(picture.mean())} for picture in batch]
"""
LOADED = "all => all.every((each) => each.complete && each.naturalWidth > 0)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with jobs over pictures: one that sets two of four aside, and one of records."""
    folder = tmp_path_factory.mktemp("items")
    write_config(folder)
    (folder / "scorer.py").write_text(SCORER)
    for name in ("all", "good"):
        (folder / "media" / name).mkdir()
        for shade in (40, 80):
            Image.new("RGB", (48, 32), (shade,) * 3).save(folder / "media" / name / f"{shade}.png")
    bright, broken = (folder / "media" / "all" / f"{name}.png" for name in ("bright", "broken"))
    Image.new("RGB", (48, 32), "white").save(bright)
    broken.write_bytes(bright.read_bytes()[:60])
    for source, scorer, made in (("all", "Copy", "all"), ("good", "Mean", "means.jsonl")):
        spec = JobSpec(
            source=str(folder / "media" / source),
            output=str(folder / "made" / made),
            scorer=f"python:{folder / 'scorer.py'}:{scorer}",
            mini_batch=1,
            max_failed=2,
        )
        run(spec, settings=Settings(home=str(folder / "home"), engine="inline"))
    style = {"scorer": "style", "params": {"style": "/in/old.jpg", "strength": 0.5}}
    again = {"source": str(folder / "media" / "good" / "40.png"), "max_size": 480}
    home = Stores({}).open_home(str(folder / "home"))
    finish(record(home, 1, **style, **again, labels={"client": "acme"}))
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with ServeProcess(folder, "--no-watch") as serve:
        yield serve.url


def _loaded(pictures: Locator, count: int) -> None:
    expect(pictures).to_have_count(count)
    pictures.evaluate_all("all => Promise.all(all.map((each) => each.decode()))")
    assert pictures.evaluate_all(LOADED)


def test_what_was_set_aside_is_shown_with_its_reason(
    folder: Path, url: str, browser: Browser
) -> None:
    with tab(browser) as page:
        enter(page, url, token(folder, "viewer")[1])
        row = page.locator(".jobs .job", has_text="all")
        expect(row).to_contain_text("2 of 4 images failed")
        row.get_by_role("link").first.click()
        page.get_by_role("tab", name="Set aside").click()
        items = page.locator(".aside-item")
        expect(items).to_have_count(2)
        bright, broken = (items.filter(has_text=name) for name in ("bright.png", "broken.png"))
        expect(bright).to_contain_text("too bright to look at")
        expect(bright).to_contain_text("The output has the source's picture in its place.")
        _loaded(bright.locator("img"), 1)
        expect(broken).to_contain_text("not a readable picture")
        expect(broken).to_contain_text("The output lacks it.")
        expect(broken.locator("img")).to_have_count(0)


def test_records_are_a_table_with_the_pictures_that_they_are_of(
    folder: Path, url: str, browser: Browser
) -> None:
    with tab(browser) as page:
        enter(page, url, token(folder, "viewer")[1])
        row = page.locator(".jobs .job", has_text="means.jsonl")
        expect(row).to_contain_text("2 images")
        row.get_by_role("link").first.click()
        table = page.get_by_role("table", name="Records")
        expect(table.get_by_role("row")).to_contain_text(["mean", "40", "80"])
        _loaded(table.locator("img"), 2)
        expect(page.get_by_text("2 of 2 records")).to_be_visible()


def test_a_job_is_made_again_with_another_style(folder: Path, url: str, browser: Browser) -> None:
    with tab(browser) as page:
        enter(page, url, token(folder, "submitter")[1], "jobs/000000000001")
        page.get_by_role("link", name="Another style").click()
        expect(page.get_by_role("heading", name="Another style")).to_be_visible()
        kept = page.locator(".drop", has_text="40.png")
        expect(kept.get_by_role("button", name="Replace")).to_be_visible()
        expect(page.get_by_label("Longer side")).to_have_value("480")
        expect(page.get_by_label("strength")).to_have_value("0.5")
        painting = page.get_by_label("URL of a painting")
        expect(painting).to_have_value("")
        expect(page.get_by_role("button", name="Start")).to_be_disabled()
        painting.fill(str(folder / "media" / "good" / "80.png"))
        painting.press("Tab")
        expect(page.locator(".estimate")).to_contain_text("1 image")
        page.get_by_role("button", name="Start").click()
        expect(page.locator(".job-meta")).to_contain_text("in the style of 80")
        expect(page.locator(".job-meta .state")).to_have_text("waiting")
        expect(page.locator(".job-meta")).to_contain_text("client acme")
