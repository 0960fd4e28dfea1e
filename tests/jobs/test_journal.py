from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from impasto import secrecy
from impasto.jobs.folder import JobFolder
from impasto.jobs.journal import Journal
from impasto.schema.events import Item, Printed, Submitted, Torn, Unknown, Workers
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from pathlib import Path

JOB = "jobs/0123456789ab/"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(JobFolder(Stores({}).open_home(str(tmp_path)), JOB))


def pages(home: Path) -> list[Path]:
    return sorted((home / JOB / "logs").iterdir())


def test_events_are_read_as_they_were_written(journal: Journal) -> None:
    events = [Item(1.5, 0, n, 0.25, {"n": [n]}, name=f"{n}.png") for n in range(3)]
    journal.write(*events, Printed(time=2.5, text="hello"))
    journal.write(Workers(time=3.5, text="one ended"))
    expected = [*events, Printed(time=2.5, text="hello"), Workers(time=3.5, text="one ended")]
    assert list(journal.read()) == expected


def test_no_events_write_nothing(journal: Journal, tmp_path: Path) -> None:
    journal.write()
    assert list(journal.read()) == []
    assert not (tmp_path / JOB).exists()


def test_objects_are_read_in_the_order_in_which_the_store_got_them(
    journal: Journal, tmp_path: Path
) -> None:
    for n in range(3):
        journal.write(Submitted(time=float(n)))
    for age, page in enumerate(pages(tmp_path)):
        os.utime(page, (1000 - age, 1000 - age))
    assert [event.time for event in journal.read()] == [2.0, 1.0, 0.0]


def test_only_objects_that_were_not_seen_are_read(journal: Journal) -> None:
    seen: set[str] = set()
    journal.write(Submitted(time=1.0))
    assert len(list(journal.read(seen))) == 1
    assert list(journal.read(seen)) == []
    journal.write(Submitted(time=2.0))
    assert list(journal.read(seen)) == [Submitted(time=2.0)]


def test_secrets_are_never_written(journal: Journal, tmp_path: Path) -> None:
    secret = secrecy.remember("a-key-of-the-store")
    journal.write(
        Workers(text=f"refused: {secret}"), Item(1.5, 0, 0, 0.1, {"seen": [{"url": secret}]})
    )
    assert secret not in pages(tmp_path)[0].read_text()
    assert pages(tmp_path)[0].read_text().count(secrecy.HIDDEN) == 2


def test_torn_lines_and_those_of_other_versions_harm_no_others(
    journal: Journal, tmp_path: Path
) -> None:
    journal.write(Submitted(time=1.0))
    page = pages(tmp_path)[0]
    news = b'{"time": 2.0, "event": "news"}\n'
    page.write_bytes(page.read_bytes() + news + b'\xff\xfe\n[1]\n{"time": 3.0, "eve')
    os.utime(page, (7, 7))
    assert list(journal.read()) == [
        Submitted(time=1.0),
        Unknown({"time": 2.0, "event": "news"}),
        Torn(7.0, "\ufffd\ufffd"),
        Torn(7.0, "[1]"),
        Torn(7.0, '{"time": 3.0, "eve'),
    ]
