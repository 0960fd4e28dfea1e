"""How far a job is, as anyone sees it who looks into its home while it runs."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from impasto.jobs import find, presence
from impasto.jobs.job import Job
from impasto.jobs.presence import present
from impasto.jobs.summary import details, summarize
from impasto.schema.driver import Driver
from impasto.schema.progress import Progress
from impasto.storage.counts import REQUESTS
from impasto.storage.stores import Stores
from support.command import COMMAND
from support.stores import azure

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from impasto.schema.live import Live
    from support.cloud import Azurite

DEADLINE = 90.0
SLOW = """\
import time

class Slow:
    def score(self, batch):
        time.sleep(0.05 * len(batch))
        return [{"n": int(n)} for n in batch["n"]]
"""


def test_a_running_job_shows_its_shards_its_speed_and_the_time_left(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "in.csv").write_text("n\n" + "1\n" * 200)
    words = ["run", "in.csv", "--scorer", "python:slow.py:Slow", "-o", "out.jsonl", "--quiet"]
    words += ["--workers", "2", "--mini-batch", "1", "--shard-frames", "100", "--home", "home"]
    home = Stores({}).open_home(str(tmp_path / "home"))
    seen: list[Live] = []

    def enough() -> bool:
        for job in find.jobs(home):
            summary = summarize(job)
            if summary.live and summary.live.seconds_left:
                assert summary.items_written >= summary.live.items > summary.items_done
                assert summary.percent == min(99, 100 * summary.items_written // 200)
                assert details(job).state == "running"
                seen.append(summary.live)
        return len({each.items for each in seen}) > 2

    with subprocess.Popen([*COMMAND, *words], cwd=tmp_path) as process:
        until = time.monotonic() + DEADLINE
        while not enough():
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.05)
        assert process.wait(DEADLINE) == 0
    last = seen[-1]
    assert (last.stage, last.noun, last.total, last.shards) == ("scoring", "rows", 200, 2)
    assert last.rate > 0
    assert {0, 1} >= {shard for shard, _ in last.running}
    assert sum(items for _, items in last.running) == last.items
    assert last.workers.running
    (job,) = find.jobs(home)
    assert summarize(job).live is None
    assert not job.listing().drivers


def test_in_a_store_the_object_is_written_now_and_then_and_only_when_there_is_news(
    monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    monkeypatch.setattr(presence, "OFTEN_IN_STORES", 0.05)
    job = Job(azure(monkeypatch, azurite).open(), "0123456789ab")
    puts: list[Driver] = []
    put = job.folder.put

    def counted(key: str, data: bytes) -> None:
        put(key, data)
        puts.append(Driver.model_validate_json(data))

    monkeypatch.setattr(job.folder, "put", counted)
    before = REQUESTS.totals()[0]
    with present(job.folder, "local") as here:
        done = 0
        while len(puts) < 5:
            done += 1
            here.tell(Progress("scoring", job.id, done=done))
            time.sleep(0.001)
        while puts[-1].live and puts[-1].live.items < done:
            time.sleep(0.001)
        written = len(puts)
        time.sleep(0.3)
        assert len(puts) == written < done
    assert puts[-1].live
    assert before < puts[-1].live.requests <= REQUESTS.totals()[0]
