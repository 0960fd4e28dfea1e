from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto.errors import Interrupted
from impasto.jobs.log_words import LogWords, Words
from impasto.schema import events
from impasto.schema.outcome import Done, Failed
from impasto.schema.plan import Plan, Shard

if TYPE_CHECKING:
    from impasto.jobs.log_words import Level
    from impasto.schema.events import Event

SHARD = Shard(index=0, start=0, stop=3, names=("a.txt", "b.txt", "c.txt"))
PLAN = Plan(source="files", output="records", items="files", shards=(SHARD,))
FAILED = Failed(shard=0, error="s3://a: refused", remedy="set `device=cpu`", worker="vm:7/cpu")
WORDS: list[tuple[Event, Words]] = [
    (
        events.Item(1.0, 0, 2, 1.87, {"loss": 0.5}, worker="vm:7/cpu"),
        Words("debug", "c.txt: 1.9 ms, shard 0, loss 0.5", 0, "c.txt", "vm:7/cpu"),
    ),
    (
        events.Item(1.0, 0, 2, 1.0, {}, error="ValueError: no\n", traceback="Traceback ..."),
        Words("warning", "c.txt: failed: ValueError: no?", 0, "c.txt", "", "Traceback ..."),
    ),
    (
        events.Item(1.0, 4, 70, 1.0, {}),
        Words("debug", "item 70: 1.0 ms, shard 4", 4, "item 70"),
    ),
    (
        events.Printed(time=1.0, text="a\nb\n", worker="vm:7/cpu", item="c.txt", shard=0),
        Words(
            "info",
            "printed by the scorer on vm:7/cpu, scoring c.txt:",
            0,
            "c.txt",
            "vm:7/cpu",
            "a\nb\n",
        ),
    ),
    (
        events.ShardFailed(time=1.0, record=FAILED),
        Words("warning", "shard 0: failed: s3://a: refused; set device=cpu", 0, "", "vm:7/cpu"),
    ),
    (
        events.PassedOver(time=1.0, key="done/00007.json"),
        Words("warning", "done/00007.json: damaged, so its shard is scored again", 7),
    ),
]


@pytest.mark.parametrize(("event", "words"), WORDS, ids=lambda each: type(each).__name__)
def test_an_event_has_words_that_suit_every_face(event: Event, words: Words) -> None:
    assert LogWords(lambda: PLAN).of(event) == words


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (events.Stopped(time=1.0, error="no memory", exit_code=1), "error"),
        (events.Stopped(time=1.0, error="no cluster"), "error"),
        (events.Stopped(time=1.0, error="", exit_code=Interrupted.exit_code), "info"),
        (events.Workers(time=1.0, text="2 ended"), "warning"),
        (events.Torn(1.0, "{"), "warning"),
        (events.Unknown({"time": 1.0, "event": "moved"}), "info"),
        (events.Cancelled(time=1.0), "info"),
    ],
    ids=str,
)
def test_what_somebody_should_look_at_stands_out(event: Event, level: Level) -> None:
    assert LogWords(lambda: PLAN).of(event).level == level


def test_a_message_of_impasto_is_put_into_a_faces_words_and_a_scorers_is_not() -> None:
    words = LogWords(lambda: None, lambda text: text.upper())
    failed = events.ShardFailed(time=1.0, record=FAILED)
    assert words.of(failed).text == "shard 0: failed: S3://A: REFUSED; SET `DEVICE=CPU`"
    item = events.Item(1.0, 0, 2, 1.0, {}, error="no `crf`")
    assert words.of(item).text == "item 2: failed: no `crf`"


def test_a_plan_that_comes_later_names_items_from_then_on() -> None:
    plans = [None, None, PLAN]
    words = LogWords(lambda: plans.pop(0))
    item = events.Item(1.0, 0, 2, 1.0, {})
    assert [words.of(item).item for _ in range(3)] == ["item 2", "item 2", "c.txt"]
    done = Done(shard=0, segment="s", items=1, bytes=5, seconds=2.0, worker="vm:7/cpu")
    assert words.of(events.ShardDone(time=1.0, record=done)) == Words(
        "info", "shard 0: done: 1 file in 2.0 s, 5 B, by vm:7/cpu", 0, "", "vm:7/cpu"
    )
