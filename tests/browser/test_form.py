from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from support.browsing import drop, enter, tab, token, write_config
from support.clips import make_clip
from support.serve_process import ServeProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("form")
    write_config(folder)
    for name, colour in (("harbour", "teal"), ("swirls", "gold")):
        Image.new("RGB", (96, 64), colour).save(folder / "media" / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with ServeProcess(folder, "--no-watch") as serve:
        yield serve.url


def _name(page: Page, folder: Path) -> None:
    """Name a picture and a painting by their paths."""
    for label, name in (("URL of a clip", "harbour"), ("URL of a painting", "swirls")):
        page.get_by_label(label).fill(str(folder / "media" / f"{name}.png"))
        page.get_by_label(label).press("Tab")


def test_what_is_typed_stays_when_the_estimate_arrives(
    folder: Path, url: str, browser: Browser
) -> None:
    name = "Übung #1, 50%20.png"
    with tab(browser) as page:
        enter(page, url, token(folder, "submitter")[1], "new")
        _name(page, folder)
        output = page.get_by_role("textbox", name="Output")
        output.press_sequentially(f"made/{name}")
        expect(page.locator(".estimate")).to_contain_text("1 image")
        expect(output).to_have_value(f"made/{name}")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.get_by_role("link", name="Jobs", exact=True).first.click()
        expect(page.locator(".jobs .job")).to_contain_text(name)


def test_a_file_that_cannot_be_read_is_refused_at_once(
    folder: Path, url: str, browser: Browser
) -> None:
    broken = b"no video at all"
    with tab(browser) as page:
        enter(page, url, token(folder, "submitter")[1], "new")
        start = page.get_by_role("button", name="Start")
        drop(page, "A painting", "notes.txt", broken, "text/plain")
        expect(page.get_by_role("alert")).to_contain_text("notes.txt: is not a picture")
        drop(page, "A painting", "swirls.png", broken, "image/png")
        expect(page.get_by_role("alert")).to_contain_text("swirls.png: is not a readable picture")
        page.get_by_label("URL of a painting").fill(str(folder / "media" / "swirls.png"))
        page.get_by_label("URL of a painting").press("Tab")
        expect(page.get_by_role("alert")).to_have_count(0)
        drop(page, "A clip", "broken.mp4", broken, "video/mp4")
        expect(page.get_by_role("alert")).to_contain_text("broken.mp4")
        expect(start).to_be_disabled()
        page.get_by_role("button", name="Replace").click()
        page.get_by_label("URL of a clip").fill(str(folder / "media" / "harbour.png"))
        page.get_by_label("URL of a clip").press("Tab")
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(start).to_be_enabled()


def test_a_source_alone_is_looked_at(folder: Path, url: str, browser: Browser) -> None:
    with tab(browser) as page:
        enter(page, url, token(folder, "submitter")[1], "new")
        drop(page, "A clip", "broken.mp4", b"no video at all", "video/mp4")
        expect(page.get_by_role("alert")).to_contain_text("broken.mp4")
        drop(page, "broken.mp4", "mine.png", (folder / "media" / "swirls.png").read_bytes())
        expect(page.locator(".estimate")).to_have_text("1 image")
        expect(page.get_by_role("button", name="Start")).to_be_disabled()


def test_labels_that_have_no_value_are_not_taken(folder: Path, url: str, browser: Browser) -> None:
    with tab(browser) as page:
        enter(page, url, token(folder, "submitter")[1], "new")
        page.get_by_role("textbox", name="Output").fill("labelled.png")
        _name(page, folder)
        # The same job again would be refused while the first waits.
        page.get_by_label("Preserve colour").check()
        labels, start = page.get_by_label("Labels"), page.get_by_role("button", name="Start")
        expect(start).to_be_enabled()
        for wrong in ("acme", "client=acme, shot", "=acme"):
            labels.fill(wrong)
            assert not labels.evaluate("(input) => input.checkValidity()")
            start.click()
            expect(page.get_by_role("heading", level=1)).to_have_text("New job")
        labels.fill("client=acme, shot: 12,")
        start.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("labelled.png")
        expect(page.locator("main")).to_contain_text("client acme")
        expect(page.locator("main")).to_contain_text("shot 12")


def test_a_videos_codec_and_quality_are_chosen_and_kept_for_another_style(
    folder: Path, url: str, browser: Browser
) -> None:
    make_clip(folder / "media" / "clip.mp4", frames=5)
    with tab(browser) as page:
        enter(page, url, token(folder, "submitter")[1], "new")
        _name(page, folder)
        expect(page.locator(".estimate")).to_contain_text("1 image")
        expect(page.get_by_label("Codec")).to_have_count(0)
        page.get_by_label("URL of a clip").fill(str(folder / "media" / "clip.mp4"))
        page.get_by_label("URL of a clip").press("Tab")
        page.get_by_label("Quality").select_option("Lossless")
        page.get_by_label("Codec").select_option("ProRes")
        expect(page.get_by_role("alert")).to_contain_text("ProRes always loses a little")
        page.get_by_label("Quality").select_option("High")
        expect(page.get_by_role("alert")).to_have_count(0)
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(".mov")
        page.get_by_role("link", name="Another style").click()
        expect(page.get_by_label("Codec")).to_have_value("prores")
        expect(page.get_by_label("Quality")).to_have_value("80")


def test_a_file_that_was_mended_is_looked_at_again(
    folder: Path, url: str, browser: Browser
) -> None:
    mended = folder / "media" / "mended.mp4"
    mended.write_bytes(b"no video yet")
    with tab(browser) as page:
        enter(page, url, token(folder, "submitter")[1], "new")
        _name(page, folder)
        page.get_by_label("URL of a clip").fill(str(mended))
        page.get_by_label("URL of a clip").press("Tab")
        start = page.get_by_role("button", name="Start")
        expect(page.get_by_role("alert")).to_contain_text("mended.mp4")
        expect(start).to_be_disabled()
        make_clip(mended, frames=5)
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(start).to_be_enabled()
