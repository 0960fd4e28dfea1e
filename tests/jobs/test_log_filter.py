from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from impasto.errors import BadInput
from impasto.jobs.folder import JobFolder
from impasto.jobs.journal import Journal
from impasto.jobs.log_filter import LogFilter, shard_range
from impasto.jobs.log_words import LogWords
from impasto.schema import events
from impasto.schema.outcome import Done, Failed
from impasto.schema.plan import Plan, Shard
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.events import Event

NAMES = ("a.txt", "b.txt", "sub/a.txt")
PLAN = Plan(
    source="files",
    output="records",
    items="files",
    shards=(
        Shard(index=0, start=0, stop=3, names=NAMES),
        Shard(index=1, start=3, stop=4, names=("d 7.txt",)),
    ),
)
LOG: dict[str, Event] = {
    "started": events.Started(time=1.0, host="vm", pid=7, resumed=0),
    "a": events.Item(2.0, 0, 0, 1.0, {"mood": "Fine"}, name="a.txt", worker="vm-1:7/cpu"),
    "b": events.Item(2.0, 0, 1, 1.0, {}, error="no", traceback="Quack", worker="vm-1:7/cpu"),
    "d": events.Item(2.0, 1, 3, 1.0, {}, worker="vm-2:8/cpu"),
    "out": events.Printed(time=3.0, text="hi\n", worker="vm-1:7/cpu", shard=0, stream="stdout"),
    "err": events.Printed(time=3.0, text="oh\n", worker="vm-2:8/cpu", shard=1, stream="stderr"),
    "old": events.Printed(time=3.0, text="eh\n", item="a.txt"),
    "died": events.ShardFailed(time=4.0, record=Failed(shard=1, error="died", items=(3,))),
    "done": events.ShardDone(
        time=5.0, record=Done(shard=0, segment="s", items=3, bytes=1, seconds=1.0)
    ),
}
CHOICES: list[tuple[LogFilter, list[str]]] = [
    (LogFilter(), [*LOG]),
    (LogFilter(level="info"), ["started", "b", "out", "err", "old", "died", "done"]),
    (LogFilter(level="warning"), ["b", "died"]),
    (LogFilter(level="error"), []),
    (LogFilter(shards=(1, 1)), ["d", "err", "died"]),
    (LogFilter(shards=(0, 5)), ["a", "b", "d", "out", "err", "died", "done"]),
    (LogFilter(item="0"), ["a"]),
    (LogFilter(item="3"), ["d", "died"]),
    (LogFilter(item="A.txt"), ["a", "old"]),
    (LogFilter(item="7"), []),
    (LogFilter(item="d 7"), ["d", "died"]),
    (LogFilter(text="FINE"), ["a"]),
    (LogFilter(text="quack"), ["b"]),
    (LogFilter(text="hi"), ["out"]),
    (LogFilter(worker="vm-2"), ["d", "err"]),
    (LogFilter(prints="all"), ["out", "err", "old"]),
    (LogFilter(prints="stdout"), ["out"]),
    (LogFilter(prints="stderr", worker="vm-1"), []),
    (LogFilter(level="warning", shards=(0, 0), worker="vm-1", text="no"), ["b"]),
]


@pytest.mark.parametrize(("chosen", "names"), CHOICES, ids=str)
def test_a_filter_chooses_events(chosen: LogFilter, names: list[str], tmp_path: Path) -> None:
    words = LogWords(lambda: PLAN)
    found = [event for event, _ in chosen.select(LOG.values(), words)]
    assert found == [LOG[name] for name in names]
    journal = Journal(JobFolder(Stores({}).open_home(str(tmp_path)), "jobs/0123456789ab/"))
    journal.write(*LOG.values())
    assert [event for event, _ in chosen.select(journal.read(skips=chosen.skips), words)] == found


def test_lines_of_items_are_not_parsed_where_that_shows_nothing() -> None:
    line = json.dumps(LOG["d"].line()).encode()
    skipping = [
        LogFilter(level="info"),
        LogFilter(shards=(0, 0)),
        LogFilter(worker="vm-1"),
        LogFilter(prints="all"),
    ]
    assert all(chosen.skips(line) for chosen in skipping)
    failed = json.dumps(LOG["b"].line()).encode()
    assert not LogFilter(level="warning").skips(failed)
    assert not LogFilter(level="error").skips(b"{torn")


def test_shards_are_one_or_a_range() -> None:
    assert (shard_range("7"), shard_range("3-7")) == ((7, 7), (3, 7))
    for text in ("", "x", "3-", "-3", "3:7", "9" * 20):
        with pytest.raises(BadInput, match="shard="):
            shard_range(text)
