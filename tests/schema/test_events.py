"""Lines of a job's log, as they are stored and as they are read."""

from __future__ import annotations

import json

import pytest

from impasto.schema import events, log_lines
from impasto.schema.outcome import Done, Failed, ItemError, Result

ASIDE = ItemError(item=6, error="ValueError: not 7", traceback="Traceback ...")
DONE = Done(
    shard=3,
    segment="segments/00003-bb625863.jsonl",
    items=40,
    bytes=841,
    seconds=0.17,
    overhead=0.08,
    stages={"read": 0.06, "score": 0.08, "write": 0.0},
    worker="vm:17784/cpu",
    concealed=(4,),
    failed=(ASIDE,),
    failed_batches=1,
)
FAILED = Failed(shard=3, error="the worker was killed", kind="died", items=(4, 5))
RESULT = Result(
    job="aa31ce078ff6",
    output="/out.jsonl",
    items=40,
    failed=1,
    aside=(ASIDE,),
    concealed=0,
    seconds=5.0,
    fps=8.0,
    bytes=841,
    sha256="ab",
    notes=("no chapters",),
)

STORED: dict[str, tuple[str, events.Event]] = {
    "submitted": (
        '{"time": 1.5, "event": "submitted"}',
        events.Submitted(time=1.5),
    ),
    "detached": (
        '{"time": 1.5, "event": "detached"}',
        events.Detached(time=1.5),
    ),
    "cancelled": (
        '{"time": 1.5, "event": "cancel"}',
        events.Cancelled(time=1.5),
    ),
    "started": (
        '{"time": 1.5, "event": "started", "host": "vm", "pid": 17784, "resumed": 0}',
        events.Started(time=1.5, host="vm", pid=17784, resumed=0),
    ),
    "workers": (
        '{"time": 1.5, "event": "workers", "text": "one \\u00e9nded"}',
        events.Workers(time=1.5, text="one énded"),
    ),
    "done": (
        '{"time": 1.5, "event": "done", "shard": 3, "segment": "segments/00003-bb625863.jsonl", '
        '"items": 40, "bytes": 841, "seconds": 0.17, "overhead": 0.08, "stages": {"read": 0.06, '
        '"score": 0.08, "write": 0.0}, "worker": "vm:17784/cpu", "concealed": [4], "failed": '
        '[{"item": 6, "error": "ValueError: not 7", "key": "", "traceback": "Traceback ..."}], '
        '"failed_batches": 1}',
        events.ShardDone(time=1.5, record=DONE),
    ),
    "failed": (
        '{"time": 1.5, "event": "failed", "shard": 3, "error": "the worker was killed", '
        '"kind": "died", "traceback": "", "worker": "", "items": [4, 5]}',
        events.ShardFailed(time=1.5, record=FAILED),
    ),
    "stopping": (
        '{"time": 1.5, "event": "stopping", "why": "cancelled", "running": 2}',
        events.Stopping(time=1.5, why="cancelled", running=2),
    ),
    "stopped": (
        '{"time": 1.5, "event": "stopped", "error": "no weights", "exit_code": 2}',
        events.Stopped(time=1.5, error="no weights", exit_code=2),
    ),
    "stopped before it ran": (
        '{"time": 1.5, "event": "stopped", "error": "no cluster"}',
        events.Stopped(time=1.5, error="no cluster"),
    ),
    "finished": (
        '{"time": 1.5, "event": "finished", "job": "aa31ce078ff6", "output": "/out.jsonl", '
        '"items": 40, "failed": 1, "aside": [{"item": 6, "error": "ValueError: not 7", "key": "", '
        '"traceback": "Traceback ..."}], "concealed": 0, "seconds": 5.0, "fps": 8.0, '
        '"bytes": 841, "sha256": "ab", "notes": ["no chapters"]}',
        events.Finished(time=1.5, record=RESULT),
    ),
    "printed": (
        '{"time": 1.5, "event": "printed", "text": "hello\\nworld"}',
        events.Printed(time=1.5, text="hello\nworld"),
    ),
    "item": (
        '{"time": 1.5, "event": "item", "shard": 3, "item": 41, "score_ms": 0.32}',
        events.Item(1.5, 3, 41, 0.32, {}),
    ),
    "item with a name and facts": (
        '{"time": 1.5, "event": "item", "shard": 3, "item": 41, "name": "a/b.png", '
        '"score_ms": 0.32, "steps": 2, "losses": [9.5, 4.0]}',
        events.Item(1.5, 3, 41, 0.32, {"steps": 2, "losses": [9.5, 4.0]}, name="a/b.png"),
    ),
    "item with a name and a worker": (
        '{"time": 1.5, "event": "item", "shard": 3, "item": 41, "name": "a/b.png", '
        '"worker": "vm:7/cpu", "score_ms": 0.32, "loss": 0.5}',
        events.Item(1.5, 3, 41, 0.32, {"loss": 0.5}, name="a/b.png", worker="vm:7/cpu"),
    ),
    "printed by a shard": (
        '{"time": 1.5, "event": "printed", "text": "no", "worker": "vm:7/cpu", "shard": 3, '
        '"stream": "stderr"}',
        events.Printed(time=1.5, text="no", worker="vm:7/cpu", shard=3, stream="stderr"),
    ),
    "item that is concealed and set aside": (
        '{"time": 1.5, "event": "item", "shard": 3, "item": 41, "score_ms": 0.0, '
        '"concealed": true, "error": "ValueError: no", "traceback": ""}',
        events.Item(1.5, 3, 41, 0.0, {}, concealed=True, error="ValueError: no"),
    ),
    "item whose facts are called like fields": (
        '{"time": 1.5, "event": "item", "shard": 3, "item": 41, "score_ms": 0.32, '
        '"name": "cat", "concealed": false, "error": 0.25}',
        events.Item(1.5, 3, 41, 0.32, {"name": "cat", "concealed": False, "error": 0.25}),
    ),
}
"""Lines as they have always been stored, and what they are."""


@pytest.mark.parametrize("name", STORED)
def test_events_are_stored_and_read_as_they_always_were(name: str) -> None:
    line, event = STORED[name]
    assert log_lines.parse(line, 0.0) == event
    assert json.dumps(event.line()) == line


def test_a_fact_called_worker_is_the_scorers_own() -> None:
    event = events.Item(1.5, 3, 41, 0.32, {"worker": 7}, worker="vm:7/cpu")
    read = log_lines.parse(json.dumps(event.line()), 0.0)
    assert read == event._replace(worker="")


def test_names_of_files_are_not_logged() -> None:
    named = events.ShardDone(time=1.5, record=DONE.model_copy(update={"names": ("a.png",)}))
    assert json.dumps(named.line()) == STORED["done"][0]


@pytest.mark.parametrize(
    "line",
    [
        '{"time": 1.5, "event": "rebalanced", "workers": [1, 2]}',
        '{"time": 1, "event": "torn", "line": "{"}',
        '{"time": 1.5, "event": "started", "host": "vm", "pid": 17784}',
        '{"time": 1.5, "event": "started", "host": "vm", "pid": 1, "resumed": 0, "cores": 2}',
        '{"time": 1.5, "event": "started", "host": "vm", "pid": "1", "resumed": 0}',
        '{"time": 1.5, "event": "started", "pid": 1, "host": "vm", "resumed": 0}',
        '{"time": 1, "event": "submitted"}',
        '{"event": "submitted", "time": 1.5}',
        '{"time": 1.5, "event": "workers", "text": 5}',
        '{"time": 1.5, "event": "done", "shard": 3}',
        '{"time": 1.5, "event": "item", "item": 3}',
        '{"time": 1.5, "event": "item", "item": 3, "shard": 0, "score_ms": 0.1}',
        '{"time": 1.5, "event": "item"}',
        '{"time": 1.5, "event": "item", "shard": "0", "item": 3, "score_ms": 0.1}',
        '{"time": 1.5, "event": "item", "shard": 0, "item": [], "score_ms": 0.1}',
        '{"time": 1.5, "event": "item", "shard": 0, "item": 3, "score_ms": {}}',
        '{"time": 1.5, "event": "item", "shard": 0, "item": 3, "name": 5, "score_ms": 0.1}',
    ],
)
def test_lines_of_other_versions_stay_what_they_are(line: str) -> None:
    event = log_lines.parse(line, 0.0)
    assert isinstance(event, events.Unknown)
    assert (event.time, event.event) == (json.loads(line)["time"], json.loads(line)["event"])
    assert json.dumps(event.line()) == line


@pytest.mark.parametrize(
    "line",
    [
        "",
        '{"time": 1.5, "event": "it',
        "5",
        "null",
        '["time", "event"]',
        "{}",
        '{"time": 1.5}',
        '{"event": "submitted"}',
        '{"time": "1.5", "event": "submitted"}',
        '{"time": 1.5, "event": ["submitted"]}',
        '{"time": true, "event": "submitted"}',
        '{"time": NaN, "event": "submitted"}',
        '{"time": Infinity, "event": "submitted"}',
        '{"time": -1, "event": "submitted"}',
        '{"time": 1e300, "event": "submitted"}',
        '{"time": 1' + "0" * 400 + ', "event": "submitted"}',
        '{"time": 1, "event": "news", "at": ' + "[" * 500 + "]" * 500 + "}",
        "[" * 100_000,
        "\ufffd",
    ],
)
def test_lines_that_are_no_events_are_torn(line: str) -> None:
    event = log_lines.parse(line, 7.0)
    assert event == events.Torn(7.0, line)
    assert event.line() == {"time": 7.0, "event": "torn", "line": line}
