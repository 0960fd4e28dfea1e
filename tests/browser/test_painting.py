from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from support.board import eventually
from support.browsing import WAIT, drop, tab, write_config
from support.clips import real_clip
from support.serve_process import ServeProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAINTING = Path(str(files("impasto.scorers") / "data" / "painting.jpg"))


def _edge(page: Page) -> float:
    """Return how much of the source is cut off on its right, in percent."""
    shown = page.locator(".compare img").last.evaluate("each => getComputedStyle(each).clipPath")
    found = re.match(r"inset\(0(?:px)? ([\d.]+)%", shown)
    assert found, shown
    return float(found[1])


def _slide(page: Page) -> None:
    """Move the edge between source and result by keys and by the mouse."""
    slider = page.get_by_label("Edge between source and result")
    expect(page.locator(".compare img").last).to_have_js_property("complete", True)
    slider.focus()
    page.keyboard.press("Home")
    eventually(lambda: _edge(page) == 100)
    page.keyboard.press("End")
    eventually(lambda: _edge(page) == 0)
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    eventually(lambda: 65 < _edge(page) < 85)


def _pictures(page: Page) -> None:
    """Check that both pictures have loaded, and that they differ."""
    pixels = """all => Promise.all(all.map(async (each) => {
        await each.decode();
        const canvas = new OffscreenCanvas(16, 16).getContext("2d");
        canvas.drawImage(each, 0, 0, 16, 16);
        return [...canvas.getImageData(0, 0, 16, 16).data].join();
    }))"""
    painted, source = page.locator(".compare img").evaluate_all(pixels)
    assert painted != source


def _plays(page: Page) -> None:
    """Play the result beside its source, and seek."""
    page.get_by_role("button", name="Play in step").click()
    page.get_by_role("button", name="Play", exact=True).click()
    times = "() => [...document.querySelectorAll('video')].map((each) => each.currentTime)"
    eventually(lambda: all(time > 0.5 for time in page.evaluate(times)), 30)
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Position").fill("4")
    eventually(lambda: all(abs(time - 4) < 0.05 for time in page.evaluate(times)), 30)
    shown = "all => all.map((each) => [each.videoWidth, each.error])"
    assert page.locator("video").evaluate_all(shown) == [[640, None], [480, None]]


def test_a_clip_and_a_painting_become_a_film_that_plays(tmp_path: Path, browser: Browser) -> None:
    write_config(tmp_path)
    with ServeProcess(tmp_path) as serve, tab(browser) as page:
        eventually(lambda: any("#token=" in line for line in serve.lines))
        link = next(word for line in serve.lines for word in line.split() if "#token=" in word)
        page.goto("about:blank")
        page.goto(link)
        expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
        assert page.url == f"{serve.url}#/jobs"
        page.go_back()
        page.go_forward()
        assert page.url == f"{serve.url}#/jobs"
        page.reload()
        expect(page.get_by_text("Nothing painted yet")).to_be_visible()

        page.get_by_role("link", name="New job").first.click()
        clip = real_clip("bikes")
        drop(page, "A clip", clip.name, clip.read_bytes(), "video/mp4")
        drop(page, "A painting", PAINTING.name, PAINTING.read_bytes(), "image/jpeg")
        page.get_by_label("Longer side").select_option("480")
        expect(page.locator(".estimate")).to_contain_text("250 frames", timeout=WAIT)
        page.get_by_role("button", name="Preview one frame").click()
        expect(page.locator(".compare .edge")).to_be_visible(timeout=WAIT)
        _pictures(page)
        _slide(page)
        page.get_by_role("button", name="Start").click()

        bar = page.get_by_role("progressbar", name="Progress")
        expect(page.get_by_role("heading", level=1)).to_contain_text("bikes", timeout=WAIT)
        expect(page.locator(".compare .edge")).to_be_visible(timeout=WAIT)
        expect(page.locator(".job-meta .state")).to_have_text("running")
        expect(page.get_by_role("button", name="Cancel")).to_be_visible()
        _pictures(page)
        _slide(page)
        first = int(bar.get_attribute("aria-valuenow") or 0)
        eventually(lambda: int(bar.get_attribute("aria-valuenow") or 0) > first, 60)
        expect(page.locator(".job-meta .state")).to_have_text("done", timeout=2 * WAIT)
        _plays(page)

        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download").click()
        (made,) = (tmp_path / "made").glob("*bikes*.mp4")
        assert downloading.value.suggested_filename == made.name
        got = Path(downloading.value.path()).read_bytes()
        assert hashlib.sha256(got).digest() == hashlib.sha256(made.read_bytes()).digest()
    with ServeProcess(tmp_path) as again:
        eventually(lambda: len(again.lines) > 1)
        assert "#token=" not in "\n".join(again.lines)
