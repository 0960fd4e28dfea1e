from __future__ import annotations

import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from impasto.driver.detaching import detach
from impasto.jobs.job import Job
from impasto.schema.job import JobSpec
from impasto.server.board.kept import KeptJob
from impasto.server.logs.places import LogObjects
from impasto.server.logs.reader import LogReader
from impasto.settings import Settings
from impasto.storage.stores import Stores
from support.browsing import WAIT, enter, tab, token, write_config
from support.serve_process import ServeProcess

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

SCORER = """\
import time
from pathlib import Path

class Patient:
    def score(self, batch):
        for n in map(int, batch["n"]):
            while not Path(GATES, f"go-{n}").exists():
                time.sleep(0.02)
            print(f"looked at {n}")
            if n == 4 and not Path(GATES, "mended").exists():
                raise ValueError("four is too much")
        return [{"n": int(n)} for n in batch["n"]]
"""
"""Scores each row once there is a file that lets it; refuses row 4 until there is another."""


def _let(folder: Path, *names: object) -> None:
    for name in names:
        (folder / f"go-{name}").touch()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job of three shards with two rows each, which waits for the service's watcher."""
    write_config(tmp_path)
    (tmp_path / "patient.py").write_text(SCORER.replace("GATES", repr(str(tmp_path))))
    (tmp_path / "media" / "rows.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(6)))
    home = tmp_path / "home"
    asked = JobSpec(
        source=str(tmp_path / "media" / "rows.csv"),
        output=str(tmp_path / "made" / "rows.jsonl"),
        scorer=f"python:{tmp_path / 'patient.py'}:Patient",
        shard_frames=2,
        mini_batch=1,
        max_failed=1,
    )
    return Job(Stores({}).open_home(str(home)), detach(asked, Settings(home=str(home))).job)


def _lines(page: Page) -> Locator:
    return page.locator(".log li .text")


def _level(page: Page, name: str) -> None:
    page.get_by_role("group", name="Least level").get_by_role("button", name=name).click()


def _state(page: Page, word: str) -> None:
    expect(page.locator(".job-meta .state")).to_have_text(word, timeout=WAIT)


def test_a_job_is_read_cancelled_continued_and_mended(
    job: Job, tmp_path: Path, browser: Browser
) -> None:
    with ServeProcess(tmp_path) as serve, tab(browser) as page:
        enter(page, serve.url, token(tmp_path, "submitter")[1], f"jobs/{job.id}/log")
        page.evaluate("window.stayed = true")
        _state(page, "running")
        _let(tmp_path, 0, 1)
        expect(_lines(page).get_by_text("looked at 1")).to_be_visible()
        expect(page.locator(".log-tools .hint")).to_contain_text("following")
        page.get_by_role("button", name="Cancel").click()
        expect(_lines(page).get_by_text("stopping: ")).to_be_visible()
        _let(tmp_path, 2, 3)
        _state(page, "cancelled")
        page.get_by_role("button", name="Resume").click()
        _state(page, "running")
        _let(tmp_path, 4, 5)
        _state(page, "done")
        page.get_by_role("tab", name="Set aside").click()
        expect(page.locator(".aside-item")).to_contain_text("four is too much")
        (tmp_path / "mended").touch()
        _filter(page)
        page.get_by_role("button", name="Retry 1 row").click()
        expect(page.get_by_role("tab", name="Set aside")).to_have_count(0)
        _state(page, "done")
        page.get_by_role("link", name="Jobs", exact=True).first.click()
        expect(page.locator(".jobs .job")).to_contain_text("6 rows")
        assert page.evaluate("window.stayed")


def _filter(page: Page) -> None:
    """Filter the log by level, by text and by shard."""
    page.get_by_role("tab", name="Log").click()
    expect(page.locator(".log li.debug")).to_have_count(0)
    _level(page, "All")
    expect(page.locator(".log li.debug").first).to_be_visible()
    _level(page, "Warnings")
    expect(_lines(page)).to_contain_text(["four is too much"])
    _lines(page).get_by_text("Traceback").click()
    expect(_lines(page).get_by_text("raise ValueError")).to_be_visible()
    _level(page, "Info")
    page.get_by_label("Text in the log").fill("LOOKED AT 3")
    expect(_lines(page)).to_have_count(1)
    page.get_by_label("Text in the log").fill("")
    page.get_by_label("Shard", exact=True).fill("0")
    expect(_lines(page)).to_contain_text(["looked at 0", "looked at 1", "done: 2 rows"])
    page.get_by_label("Shard", exact=True).fill("")


def test_the_page_goes_on_by_itself_when_the_service_is_killed_and_back(
    job: Job, tmp_path: Path, browser: Browser
) -> None:
    text = token(tmp_path, "viewer")[1]
    with ServeProcess(tmp_path) as first, tab(browser) as page:
        enter(page, first.url, text, f"jobs/{job.id}/log")
        page.evaluate("window.stayed = true")
        _level(page, "All")
        _let(tmp_path, 0, 1)
        expect(_lines(page).get_by_text("looked at 1")).to_be_visible()
        first.signal(signal.SIGKILL)
        expect(page.get_by_text("Reconnecting")).to_be_visible()
        (tmp_path / "mended").touch()
        _let(tmp_path, *range(2, 6))
        with ServeProcess(tmp_path, port=urlsplit(first.url).port or 0):
            _state(page, "done")
            expect(page.get_by_text("Reconnecting")).to_have_count(0)
            expect(page.locator(".log-tools .hint")).not_to_contain_text("following")
            shown = _lines(page).evaluate_all("all => all.map((each) => each.innerText.trim())")
            assert sorted(shown) == sorted(_stored(job))
            assert page.evaluate("window.stayed")


def _stored(job: Job) -> list[str]:
    """Return the lines of a job's log."""
    reader, objects = LogReader(kept := KeptJob(job.home, job.id)), LogObjects()
    objects.add(kept.look())
    found = [line for lines in reader.lines(objects.found) for line in lines]
    shards = [f"shard {line.shard}: " for line in found]
    said = [line.text.removeprefix(shard) for line, shard in zip(found, shards, strict=True)]
    return [f"{text}\n{line.below}".strip() for text, line in zip(said, found, strict=True)]
