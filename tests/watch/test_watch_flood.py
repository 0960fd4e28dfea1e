"""A queue flooded with junk: it is set aside, and holds up nothing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from support.queues import encoded
from support.watchcloud import Cloud
from support.watcher import Watching, status

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from support.cloud import Azurite
    from support.queues import AzuriteQueues

NEVER = 3600
"""An interval after which nothing is listed within a test."""
FLOOD, PART, GOOD = 10_000, 200, 20
JUNK = (
    " ",
    "no JSON",
    "{}",
    "[" * 2000,
    '{"a":' * 2000,
    encoded("\x1b[2J\x1b[31mred"),
    encoded({"eventType": "Microsoft.Storage.BlobCreated", "subject": "/../../x"}),
    encoded({"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": "https://a/b"}}),
    encoded({"eventType": "Other.Created"}),
    "x" * 48_000,
)


def test_ten_thousand_junk_messages_hold_up_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    azurite: Azurite,
    azurite_queues: AzuriteQueues,
) -> None:
    cloud, queue = Cloud.azure(tmp_path, monkeypatch, azurite), azurite_queues.make()
    cloud.write_rules({"rows": {"queue": queue.url, "interval": NEVER, "jobs": 1}})
    dice = random.Random(5)
    names = [f"{n:02}.csv" for n in range(GOOD)]
    with Watching(tmp_path) as watching:
        watching.until(lambda: status(tmp_path)["rows"]["news"])
        # The emulator needs longer for each message, the more there are.
        for part in range(FLOOD // PART):
            messages = [dice.choice(JUNK[:-1]) for _ in range(PART)]
            if part < GOOD:
                cloud.upload(f"in/{names[part]}", part)
                messages.insert(PART // 2, cloud.event(f"in/{names[part]}"))
            queue.put_many(messages)
            watching.until(lambda: queue.left() < PART // 4)
            known = min(part + 1, GOOD)
            watching.until(lambda: len(cloud.records("seen")) == known)  # noqa: B023
        queue.put(JUNK[-1])
        watching.until(lambda: len(watching.states("done")) == GOOD and not queue.left())
    assert [each["key"] for each in watching.states("began")] == names
    assert len(cloud.records("poison")) == len(JUNK)
    told = [each for each in watching.lines if "set aside" in each["text"]]
    assert len(told) == len(JUNK)
