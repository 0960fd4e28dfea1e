from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.browsing import enter, tab, token
from support.serve_process import ServeProcess
from support.watcher import drop, write_rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

REFUSES = """\
from pathlib import Path

class Squares:
    def score(self, batch):
        if 13 in list(batch["n"]) and not Path(MENDED).exists():
            raise ValueError("thirteen is too much")
        return [{"n": int(n), "square": int(n) ** 2} for n in batch["n"]]
"""


PLACES = """
[serve]
read = ["in", "other"]
write = ["other"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a rule that tries once, and one whose objects are never settled."""
    folder = tmp_path_factory.mktemp("rules")
    for name in ("slow", "other"):
        (folder / name).mkdir()
    slow = {"inbox": "slow", "settle": 3600, "output": "slowly/{name}.jsonl"}
    write_rules(folder, {"square": {"tries": 1}, "slow": slow}, beat=0.5)
    (folder / "squares.py").write_text(REFUSES.replace("MENDED", repr(str(folder / "mended"))))
    with (folder / "impasto.toml").open("a") as file:
        file.write(PLACES)
    return folder


@pytest.fixture(scope="module")
def serve(folder: Path) -> Iterator[ServeProcess]:
    with ServeProcess(folder) as process:
        yield process


def test_what_a_rule_took_is_seen_tried_again_and_forgotten(
    folder: Path, serve: ServeProcess, browser: Browser
) -> None:
    drop(folder / "in" / "odd.csv", [13])
    (folder / "slow" / "big.csv").write_text("n\n1\n")
    with tab(browser) as page:
        enter(page, serve.url, token(folder, "operator")[1], "rules")
        cards = page.locator(".rule")
        square, slow = (
            cards.filter(has=page.get_by_role("heading", name=name)) for name in ("square", "slow")
        )
        expect(slow).to_contain_text("1 object still being written")
        expect(square).to_contain_text("1failed")
        square.get_by_role("link", name="Objects").click()
        row = page.get_by_role("table").get_by_role("row").filter(has_text="odd.csv")
        expect(row).to_contain_text("thirteen is too much")
        (folder / "mended").touch()
        row.get_by_role("button", name="Retry").click()
        expect(row.locator(".state")).to_have_text("done")
        row.get_by_role("button", name="Forget").click()
        (folder / "in" / "odd.csv").unlink()
        page.get_by_role("button", name="Forget it").click()
        expect(page.get_by_text("No object is in this state.")).to_be_visible()


def test_a_job_is_started_by_a_rule_and_what_it_refuses_is_said(
    folder: Path, serve: ServeProcess, browser: Browser
) -> None:
    with tab(browser) as page:
        enter(page, serve.url, token(folder, "viewer")[1], "rules")
        expect(page.locator(".rule")).to_have_count(2)
        expect(page.get_by_role("button", name="Start")).to_have_count(0)
    with tab(browser) as page:
        enter(page, serve.url, token(folder, "submitter")[1], "rules")
        form = page.get_by_role("form", name="Start a job by rule square")
        source = form.get_by_label("Source for rule square")
        expect(form.get_by_role("button", name="Start")).to_be_disabled()
        source.fill(str(folder / "secret.csv"))
        source.press("Enter")
        expect(form.get_by_role("alert")).to_contain_text("you may not read")
        chosen = drop(folder / "mine" / "rows.csv", range(3))
        form.get_by_label("File for rule square").set_input_files(chosen)
        expect(source).to_have_value(re.compile("/other/.*rows.csv"))
        source.press("Enter")
        expect(form.get_by_role("status")).to_contain_text("Submitted.")
        form.get_by_role("link", name="See the job").click()
        expect(page.locator(".job-meta .state")).to_have_text("done")
        expect(page.locator(".job-meta")).to_contain_text("rule square")
        page.goto(f"{serve.url}#/rules/square")
        source.fill(str(drop(folder / "in" / "more.csv", range(3))))
        form.get_by_role("button", name="Start").click()
        expect(form.get_by_role("status")).to_contain_text("out/more.jsonl")
        row = page.get_by_role("table").get_by_role("row").filter(has_text="more.csv")
        expect(row.locator(".state")).to_have_text("done")
