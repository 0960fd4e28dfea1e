from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from impasto.errors import Missing
from impasto.schema.url import parse
from impasto.storage.counts import REQUESTS, RequestCounts
from impasto.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def test_requests_are_counted_by_operation_and_outcome(tmp_path: Path) -> None:
    before = REQUESTS.all()
    store = Store(parse(str(tmp_path)))
    store.put("a", b"1")
    store.create("a", b"2")
    store.read("a")
    store.stat("b")
    with pytest.raises(Missing):
        store.read("b")
    store.list_folder()
    store.delete("a")
    new = {key: n - before.get(key, 0) for key, n in REQUESTS.all().items()}
    assert {key: n for key, n in new.items() if n} == {
        ("folder", "write", "ok"): 2,
        ("folder", "read", "ok"): 1,
        ("folder", "stat", "missing"): 1,
        ("folder", "read", "missing"): 1,
        ("folder", "list", "ok"): 1,
        ("folder", "delete", "ok"): 1,
    }


def test_no_request_of_many_threads_is_lost() -> None:
    counts = RequestCounts()

    def count() -> None:
        counts.add("read")
        counts.add("read", OSError())

    work = [threading.Thread(target=count) for _ in range(50)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert counts.totals() == (100, 50)
