from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from impasto.storage.stores import Stores
from support.board import drive, finish, job_id, record, shard_done
from support.browsing import WAIT, chromium, enter, serious, tab, token, write_config
from support.serve_process import ServeProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Playwright

MANY = 1000
VIEWS = ("jobs", "new", "rules", "rules/paint", "cluster", "tokens")
TABS = ("log", "workers", "details", "records")


@pytest.fixture(scope="module")
def chrome() -> Iterator[tuple[Playwright, Browser]]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ServeProcess]]:
    """A service over a thousand jobs; one runs, one waits, the others are done."""
    folder = tmp_path_factory.mktemp("many")
    write_config(
        folder,
        **{"rules.paint": {"inbox": "in", "scorer": "identity", "output": "made/{name}.mp4"}},
    )
    home = Stores({}).open_home(str(folder / "home"))
    for number in range(MANY):
        job = record(home, number, labels={"client": "acme" if number % 2 else "northlight"})
        if number > 1:
            finish(job)
    running = record(home, MANY)
    drive(running)
    shard_done(running, 0)
    with ServeProcess(folder, "--no-watch") as process:
        yield folder, process


def _settled(page: Page) -> None:
    expect(page.locator("main [aria-busy=true]")).to_have_count(0, timeout=WAIT)


def test_a_value_that_changes_before_the_first_paint_is_drawn(
    chrome: tuple[Playwright, Browser], serve: tuple[Path, ServeProcess]
) -> None:
    with tab(chrome[1]) as page:
        page.goto(serve[1].url)
        page.evaluate(
            """async () => {
                const of = document.querySelector("script[type=module]").src;
                const { Store, useStore } = await import(new URL("store.js", of));
                const { html, render } = await import(new URL("../vendor/htm-preact.js", of));
                const store = new Store("before");
                const Shown = () => html`<p id="shown">${useStore(store)}</p>`;
                render(html`<${Shown} />`, document.body);
                store.set("after");
            }"""
        )
        expect(page.locator("#shown")).to_have_text("after")


@pytest.mark.parametrize("runs", [True, False])
def test_a_page_whose_script_cannot_run_says_what_to_do(
    runs: bool, chrome: tuple[Playwright, Browser], serve: tuple[Path, ServeProcess]
) -> None:
    with tab(chrome[1], java_script_enabled=runs) as page:
        page.route("**/js/api.js", lambda route: route.abort())
        page.goto(serve[1].url)
        stuck = page.get_by_role("heading", name="Impasto's page has not started")
        expect(stuck).to_be_visible(timeout=WAIT)
        expect(page.get_by_text("allow scripts for this address")).to_be_visible()
        page.unroute_all()
        if runs:
            page.reload()
            expect(page.get_by_role("textbox", name="Token")).to_be_visible(timeout=WAIT)
            expect(stuck).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_on_the_page_bars_anybody(
    scheme: str, chrome: tuple[Playwright, Browser], serve: tuple[Path, ServeProcess]
) -> None:
    folder, process = serve
    url, found = process.url, []
    with tab(chrome[1], color_scheme=scheme) as page:
        page.goto(url)
        expect(page.get_by_role("textbox", name="Token")).to_be_visible()
        found += serious(page)
        enter(page, url, token(folder, "admin")[1])
        for view in (*VIEWS, *(f"jobs/{job_id(MANY)}/{each}" for each in TABS)):
            page.goto(f"{url}#/{view}")
            page.locator("main h1").wait_for()
            _settled(page)
            found += [f"{view}: {each}" for each in serious(page)]
    assert not found


def test_a_phone_shows_all_without_scrolling_sideways(
    chrome: tuple[Playwright, Browser], serve: tuple[Path, ServeProcess]
) -> None:
    folder, process = serve
    device = dict(chrome[0].devices["Pixel 7"])
    device.pop("default_browser_type", None)
    with tab(chrome[1], **device) as page:
        enter(page, process.url, token(folder, "admin")[1])
        for view in (*VIEWS, f"jobs/{job_id(MANY)}"):
            page.goto(f"{process.url}#/{view}")
            page.locator("main h1").wait_for()
            _settled(page)
            inner, scrolled = page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
            assert (view, inner < 500, scrolled <= inner) == (view, True, True)
        cancel = page.get_by_role("button", name="Cancel")
        cancel.scroll_into_view_if_needed()
        box = cancel.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= inner


def test_a_thousand_jobs_are_searched_and_few_are_drawn(
    chrome: tuple[Playwright, Browser], serve: tuple[Path, ServeProcess]
) -> None:
    folder, process = serve
    with tab(chrome[1]) as page:
        enter(page, process.url, token(folder, "admin")[1])
        rows = page.locator(".jobs .job")
        all_of_them = page.get_by_role("group", name="State").get_by_role("button", name="All")
        expect(all_of_them).to_have_text("All1,001", timeout=WAIT)
        assert 0 < rows.count() <= 200
        assert page.locator("*").count() < 6000
        page.get_by_label("Search jobs").press_sequentially("777.csv")
        expect(rows).to_have_count(1)
        link = rows.get_by_role("link").first
        expect(link).to_have_attribute("href", f"#/jobs/{job_id(777)}")
        page.get_by_label("Search jobs").fill("client northlight")
        expect(all_of_them).to_have_text("All500")
        assert rows.count() <= 200
