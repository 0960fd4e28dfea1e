"""The page that a preview writes, opened from its file."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import expect

import impasto
from support.browsing import serious, tab
from support.clips import make_clip
from support.command import call

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator

RUNNING = "[...document.querySelectorAll('video')].every((each) => !each.paused && each.readyState)"


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheet")
    make_clip(folder / "clip.mp4", frames=30, size=(192, 128))
    painting = f"{impasto.__path__[0]}/scorers/data/painting.jpg"
    words = ["--style", painting, "--strength", "0.5,1", "--motion", "0.5s", "-n", "2"]
    done = call("preview", folder / "clip.mp4", *words, "-o", folder / "sheet.html")
    assert done.returncode == 0, done.stderr
    return folder / "sheet.html"


def _look(part: Locator) -> Image.Image:
    return Image.open(BytesIO(part.screenshot())).convert("RGB")


def test_an_edge_moves_from_result_to_source_by_keys_and_for_all_at_once(
    sheet: Path, browser: Browser
) -> None:
    with tab(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"file://{sheet}")
        pair = page.locator(".pair").first
        edge = pair.get_by_role("slider")
        source, result = _look(page.locator("tbody img").first), _look(pair)
        assert ImageChops.difference(source, result).getbbox()
        edge.press("End")
        expect(edge).to_have_attribute("aria-valuetext", "100 percent of the source shown")
        page.get_by_role("heading", level=1).click()
        edge.evaluate("(edge) => edge.blur()")
        apart = ImageChops.difference(source, _look(pair)).convert("L")
        # All but the outline, which has round corners.
        width, height = source.size
        assert np.asarray(apart.crop((4, 4, width - 4, height - 4))).max() < 12
        # The others are as they were, until all are moved.
        second = page.locator(".pair input").nth(1)
        expect(second).to_have_value("0")
        page.get_by_label("Result Source").press("End")
        expect(second).to_have_value("100")
        assert {url.partition(":")[0] for url in asked} <= {"file", "data", "blob"}
        assert len([url for url in asked if url.startswith("file:")]) == 1


def test_videos_play_together_until_they_are_paused(sheet: Path, browser: Browser) -> None:
    with tab(browser) as page:
        page.goto(f"file://{sheet}")
        assert page.locator("video").count() == 5
        page.wait_for_function(RUNNING)
        page.get_by_role("button", name="Pause").click()
        page.wait_for_function("[...document.querySelectorAll('video')].every((it) => it.paused)")
        expect(page.get_by_role("button", name="Play")).to_be_visible()
    with tab(browser, reduced_motion="reduce") as page:
        page.goto(f"file://{sheet}")
        page.get_by_role("button", name="Play").click()
        page.wait_for_function(RUNNING)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_used_by_everybody_and_on_a_phone(
    sheet: Path, browser: Browser, scheme: str
) -> None:
    with tab(browser, color_scheme=scheme) as page:
        page.goto(f"file://{sheet}")
        assert serious(page) == []
    phone = {"width": 390, "height": 800}
    with tab(browser, color_scheme=scheme, viewport=phone, is_mobile=True) as page:
        page.goto(f"file://{sheet}")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert serious(page) == []
