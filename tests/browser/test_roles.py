from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from impasto.storage.stores import Stores
from support.board import finish, record
from support.browsing import WAIT, enter, tab, token, write_config
from support.serve_process import ServeProcess

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

TENANTS = {f"tenants.{name}": {"read": [], "write": ["made"]} for name in ("acme", "other")}


def _status(url: str, text: str, method: str = "GET") -> int:
    headers = {"Authorization": f"Bearer {text}"}
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        return int(urllib.request.urlopen(request, timeout=20).status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_each_role_and_tenant_sees_what_is_theirs(tmp_path: Path, browser: Browser) -> None:
    write_config(tmp_path, **TENANTS)
    home = Stores({}).open_home(str(tmp_path / "home"))
    waits, done = record(home, 1, tenant="acme"), record(home, 2, tenant="acme")
    finish(done)
    with ServeProcess(tmp_path, "--no-watch") as serve:
        viewer, text = token(tmp_path, "viewer", "acme", name="wall screen")
        _, submitter = token(tmp_path, "submitter", "acme")
        _, stranger = token(tmp_path, "admin", "other")
        steer = f"{serve.url}v1/jobs/{waits.id}/cancel"
        with tab(browser) as page:
            enter(page, serve.url, submitter, f"jobs/{waits.id}")
            expect(page.get_by_role("heading", level=1)).to_contain_text("1.csv", timeout=WAIT)
            expect(page.get_by_role("link", name="New job")).to_be_visible()
        with tab(browser) as page:
            enter(page, serve.url, text)
            expect(page.locator(".jobs .job")).to_have_count(2, timeout=WAIT)
            expect(page.locator("nav a")).to_have_text(["Jobs", "Rules"])
            expect(page.get_by_role("link", name="New job")).to_have_count(0)
            page.get_by_role("link", name="1.csv").click()
            expect(page.get_by_role("heading", level=1)).to_contain_text("1.csv")
            expect(page.locator(".actions .button")).to_have_count(0)
            page.goto(f"{serve.url}#/new")
            expect(page.get_by_text("New job needs the role submitter")).to_be_visible()
            assert _status(steer, text, "POST") == 403
            assert _status(steer, stranger, "POST") == 404
            _revoke(serve.url, viewer, browser, tmp_path)
            _invite(serve.url, browser, tmp_path)
            page.goto(f"{serve.url}#/jobs")
            expect(page.get_by_role("textbox", name="Token")).to_be_visible(timeout=WAIT)
            expect(page.locator(".jobs .job")).to_have_count(0)
        with tab(browser) as page:
            enter(page, serve.url, stranger)
            expect(page.get_by_text("Nothing painted yet")).to_be_visible(timeout=WAIT)
            page.goto(f"{serve.url}#/jobs/{done.id}")
            expect(
                page.get_by_text("no such job").or_(page.get_by_text("not found"))
            ).to_be_visible()


def _invite(url: str, browser: Browser, folder: Path) -> None:
    """Make a link for a colleague on the page, and open it as that colleague."""
    with tab(browser) as page, tab(browser) as theirs:
        enter(page, url, token(folder, "admin")[1], "tokens")
        page.get_by_label("What it is for").fill("ann")
        page.get_by_role("button", name="Create token").click()
        link = page.locator(".secret code", has_text="#token=")
        theirs.goto(link.inner_text())
        expect(theirs.locator(".who")).to_have_text("ann", timeout=WAIT)


def _revoke(url: str, token_id: str, browser: Browser, folder: Path) -> None:
    """Revoke a token on the page, as an administrator."""
    with tab(browser) as page:
        enter(page, url, token(folder, "admin")[1], "tokens")
        expect(page.get_by_text(token_id)).to_be_visible(timeout=WAIT)
        page.get_by_role("button", name="Revoke wall screen").click()
        page.get_by_role("button", name="Revoke it").click()
        expect(page.get_by_text(token_id)).to_have_count(0)
