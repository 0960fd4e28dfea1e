"""The watcher run by cron, beside jobs that others submit and cancel, on a home in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.command import call
from support.stores import config_lines
from support.watchcloud import Cloud
from support.watcher import SQUARES, Watching, drop, job_ids, squares, status, write_rules

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from support.cloud import Azurite


def test_rounds_of_cron_do_what_is_new_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    cloud = Cloud.azure(tmp_path, monkeypatch, azurite)
    cloud.write_rules({"rows": {}})
    done = []
    for keys in (["a", "b"], [], ["c"]):
        for key in keys:
            cloud.upload(f"in/{key}.csv", 5)
        with Watching(tmp_path, "--once") as watching:
            assert watching.ended() == 0, watching.output
        done.append(sorted(each["key"] for each in watching.states("done")))
    assert done == [["a.csv", "b.csv"], [], ["c.csv"]]
    assert not cloud.records("_claims") + cloud.records("_watchers") + cloud.records("open")


def test_a_job_submitted_to_a_store_is_finished_by_a_watcher_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, azurite: Azurite
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    cloud = Cloud.azure(there, monkeypatch, azurite)
    cloud.write_rules({"rows": {}})
    cloud.upload("elsewhere/table.csv", 4, 5)
    assert cloud.media.profile
    assert cloud.control.profile
    profiles = {"data": cloud.media.profile, "jobs": cloud.control.profile}
    lines = [f'home = "{cloud.home}"', *config_lines(profiles)]
    (here / "mine.toml").write_text("\n".join(lines) + "\n")
    cloud.control.open().put("scripts/squares.py", SQUARES.encode())
    words = ["--scorer", f"python:{cloud.control.url}/scripts/squares.py:Squares", "--detach"]
    words += ["-o", f"{cloud.media.url}/made.jsonl", "--config", str(here / "mine.toml")]
    sent = call("submit", f"{cloud.media.url}/elsewhere/table.csv", *words)
    assert sent.returncode == 0, sent.stderr
    with Watching(there, "--once") as watching:
        assert watching.ended() == 0, watching.output
    assert cloud.squares("made.jsonl") == [16, 25]
    assert len(cloud.jobs()) == 1


SLOW = """\
import time
from pathlib import Path

class Squares:
    def score(self, batch):
        if not Path(GATE).exists():
            time.sleep(0.5)
        return [{"n": int(n), "square": int(n) ** 2} for n in batch["n"]]
"""


def test_a_cancelled_job_fails_and_a_retry_runs_it_again(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"shard_frames": 2, "mini_batch": 1}})
    gate = tmp_path / "gate"
    (tmp_path / "squares.py").write_text(SLOW.replace("GATE", repr(str(gate))))
    config = ("--config", tmp_path / "impasto.toml")
    drop(tmp_path / "in/a.csv", range(100))
    with Watching(tmp_path) as watching:
        watching.until(lambda: [*tmp_path.glob("home/jobs/*/plan.json")])
        [job] = job_ids(tmp_path)
        cancelled = call("cancel", job, *config)
        assert cancelled.returncode == 0, cancelled.stderr
        watching.until(lambda: watching.states("failed"))
        gate.touch()
        assert status(tmp_path)["rows"]["failed"] == 1
        assert not (tmp_path / "out/a.jsonl").exists()
        again = call("watch", "retry", "a.csv", *config)
        assert again.returncode == 0, again.stderr
        watching.until(lambda: watching.states("done"))
    assert squares(tmp_path / "out/a.jsonl") == [n * n for n in range(100)]
    assert job_ids(tmp_path) == [job]
