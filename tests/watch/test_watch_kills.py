"""Two watchers that are killed again and again lose nothing and make nothing twice."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from impasto.watch.signs import claimed
from support.command import call
from support.queues import blob_created, cloud_event, encoded
from support.stores import keys
from support.watchcloud import Cloud, table
from support.watcher import Watching

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from support.cloud import Azurite
    from support.queues import AzureTestQueue, AzuriteQueues

UPLOADS, KILLS, SEED = 50, 30, 16
SHORTEST, LONGEST = 0.2, 2.0
"""Seconds between two kills."""
JUNK = ("no JSON", "[" * 5000, '{"eventType": "Microsoft.Storage.BlobCreated", "data": 5}')
INTERVAL = 5
DEADLINE = 240.0


def inputs(dice: random.Random) -> dict[str, bytes]:
    """Return tables by key, of three senders."""
    senders = ["", "ann/", "bob/x/"]
    return {
        f"{dice.choice(senders)}{n:02}.csv": table(dice.sample(range(1000), dice.randint(1, 9)))
        for n in range(UPLOADS)
    }


def messages(cloud: Cloud, dice: random.Random, names: list[str]) -> list[list[str]]:
    """Return what comes into the queue after each upload: a fifth of the events never does."""
    events: list[tuple[float, str]] = []
    for n, key in enumerate(names):
        if dice.random() < 0.2:
            continue
        for _ in range(dice.choice((1, 1, 2, 3))):
            one = dice.choice((blob_created, cloud_event))(cloud.container, f"in/{key}")
            events.append((n + dice.random() * 5, encoded(one)))
        if dice.random() < 0.3:
            events.append((n, cloud.event(f"in/false/{n}.csv")))
    events += [(dice.uniform(0, UPLOADS), text) for text in JUNK * 3]
    found: list[list[str]] = [[] for _ in names]
    for at, text in sorted(events):
        found[min(int(at), UPLOADS - 1)].append(text)
    return found


def stream(
    cloud: Cloud, queue: AzureTestQueue, tables: dict[str, bytes], dice: random.Random
) -> None:
    """Upload everything, some of it in a burst, with the messages of each."""
    store = cloud.media.open("in")
    for (key, data), texts in zip(tables.items(), messages(cloud, dice, [*tables]), strict=True):
        store.put(key, data)
        queue.put(*texts)
        time.sleep(dice.choice((0.0, 0.2, 1.0)))


def kill_at_random(cloud: Cloud, stack: ExitStack, dice: random.Random) -> list[Watching]:
    """Kill one of two watchers again and again, and replace it; returns the last two."""
    running = [stack.enter_context(Watching(cloud.folder)) for _ in range(2)]
    for _ in range(KILLS):
        time.sleep(dice.uniform(SHORTEST, LONGEST))
        n = dice.randrange(2)
        assert running[n].alive, running[n].output
        running[n].kill()
        running[n] = stack.enter_context(Watching(cloud.folder))
    return running


def test_fifty_uploads_become_fifty_jobs_though_watchers_are_killed_thirty_times(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    azurite: Azurite,
    azurite_queues: AzuriteQueues,
) -> None:
    cloud, queue = Cloud.azure(tmp_path, monkeypatch, azurite), azurite_queues.make()
    cloud.write_rules({"rows": {"queue": queue.url, "interval": INTERVAL}}, beat=2)
    tables = inputs(random.Random(SEED))
    sender = threading.Thread(
        target=stream, args=(cloud, queue, tables, random.Random(SEED + 1)), daemon=True
    )
    with ExitStack() as stack:
        sender.start()
        running = kill_at_random(cloud, stack, random.Random(SEED + 2))
        sender.join()
        until = time.monotonic() + DEADLINE
        while len(cloud.records("done")) < UPLOADS or cloud.records("open") or queue.left():
            assert all(each.alive for each in running)
            stuck = [*cloud.records("open"), *cloud.records("_claims"), queue.left()]
            assert time.monotonic() < until, "\n".join([str(stuck), *(e.output for e in running)])
            time.sleep(0.5)
        for each in running:
            each.signal(signal.SIGTERM)
        assert [each.ended() for each in running] == [0, 0]
    assert len(cloud.jobs()) == UPLOADS
    assert len(cloud.records("seen")) == UPLOADS
    assert len(cloud.records("poison")) == len(JUNK)
    for kind in ("open", "failed", "superseded", "tries"):
        assert not cloud.records(kind), kind
    # Only the killed leave claims, of tickets that had ended then; these are swept later.
    killed, left = cloud.records("_watchers"), cloud.records("_claims")
    assert len(killed) <= KILLS
    held = claimed(cloud.control.open("home"), killed)
    assert {*held} == {name.rpartition("-")[0] for name in left}
    check_outputs(cloud, tables)


def check_outputs(cloud: Cloud, tables: dict[str, bytes]) -> None:
    """Check that there is an output for each table, as `impasto run` makes it, and no other."""
    outputs = cloud.media.open("out")
    expected = {key.replace(".csv", ".jsonl"): data for key, data in tables.items()}
    assert keys(outputs) == sorted(expected)
    scorer = f"python:{cloud.folder / 'squares.py'}:Squares"
    for name, data in expected.items():
        source, made = cloud.folder / "own.csv", cloud.folder / "own.jsonl"
        source.write_bytes(data)
        words = ["--scorer", scorer, "-o", made, "--home", cloud.folder / "own", "--overwrite"]
        done = call("run", source, *words)
        assert done.returncode == 0, done.stderr
        assert outputs.read(name) == made.read_bytes(), json.dumps(name)
