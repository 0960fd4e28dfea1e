"""The page in a real browser, with the service as a real process behind it."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page, sync_playwright

from impasto.server.access.tokens import Tokens
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Playwright, Response

    from impasto.schema.access import Role

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT = 60_000
"""Milliseconds within which anything that a test waits for must happen."""
DROP = """([data, name, type]) => {
    const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
}"""


@contextmanager
def chromium() -> Iterator[tuple[Playwright, Browser]]:
    """Run Debian's Chromium; a test fails where it is missing."""
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM}: no such file; install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield playwright, browser
        browser.close()


def _is_fault(answer: Response) -> bool:
    """Return whether the page asked for something wrongly, or the service failed."""
    asked = answer.request
    wrong = answer.status == 422 or answer.status >= 500
    return wrong and asked.method == "GET" and asked.resource_type != "image"


@contextmanager
def tab(browser: Browser, **options: Any) -> Iterator[Page]:
    """Open a page of its own.

    It fails if a script fails, breaks the policy about contents, or asks for what the API refuses.
    """
    context = browser.new_context(**{"viewport": {"width": 1360, "height": 860}, **options})
    context.set_default_timeout(WAIT)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(f"{error}\n{error.stack}"))
    page.on("console", lambda said: wrong.append(said.text) if "Policy" in said.text else None)
    page.on("response", lambda answer: wrong.append(answer.url) if _is_fault(answer) else None)
    try:
        yield page
    except (AssertionError, Error):
        # The page may be still since a script failed.
        assert not wrong, wrong
        raise
    assert not wrong, wrong
    context.close()


def token(folder: Path, role: Role, tenant: str = "", name: str = "") -> tuple[str, str]:
    """Make a token for the home of a folder; returns its id and text."""
    home = Stores({}).open_home(str(folder / "home"))
    row, text = Tokens(home).create(role, tenant=tenant, name=name)
    return row.id, text


def enter(page: Page, url: str, text: str, view: str = "") -> None:
    """Log in by a token, as a link has it, and go to a view."""
    page.goto(f"{url}#token={text}")
    page.locator("header.top").wait_for()
    if view:
        page.goto(f"{url}#/{view}")


def drop(page: Page, card: str, name: str, data: bytes, kind: str = "image/png") -> None:
    """Drop a file on one of the form's cards."""
    text = base64.b64encode(data).decode()
    transfer = page.evaluate_handle(DROP, [text, name, kind])
    for event in ("dragenter", "dragover", "drop"):
        page.locator(".drop", has_text=card).dispatch_event(event, {"dataTransfer": transfer})


def serious(page: Page) -> list[str]:
    """Return what axe finds that bars somebody from using the page."""
    found = Axe().run(page).response
    assert found["passes"]
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def write_config(folder: Path, **tables: Mapping[str, object]) -> None:
    """Write an `impasto.toml` whose service reads ``media`` and writes ``made``."""
    for name in ("media", "made", "in"):
        (folder / name).mkdir(exist_ok=True)
    lines = ['home = "home"', "[serve]", 'read = ["media"]', 'write = ["made"]', "[watch]"]
    lines += ["beat = 1"]
    for table, keys in tables.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    (folder / "impasto.toml").write_text("\n".join(lines) + "\n")
