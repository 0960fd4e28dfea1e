"""The watcher, as a real process on a folder: what arrives becomes a job, exactly once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from support.command import call, frozen, impasto
from support.watcher import Watching, drop, job_ids, slowly, squares, status, write_rules


def test_what_arrives_is_scored_once_whatever_is_restarted(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    drop(tmp_path / "in/before.csv", [1, 2])
    with Watching(tmp_path) as watching:
        watching.until(lambda: len(watching.states("done")) == 1)
        drop(tmp_path / "in/alice/after.csv", [3])
        watching.until(lambda: len(watching.states("done")) == 2)
        assert squares(tmp_path / "out/before.jsonl") == [1, 4]
        assert squares(tmp_path / "out/alice/after.jsonl") == [9]
        jobs = job_ids(tmp_path)
        assert [line["job"] for line in watching.states("done")].sort() == jobs.copy().sort()
        watching.signal(signal.SIGTERM)
        assert watching.ended() == 0
    with Watching(tmp_path, "--once") as again:
        assert again.ended() == 0, again.output
        assert again.lines == []
    assert job_ids(tmp_path) == jobs
    known = status(tmp_path)["rows"]
    assert (known["seen"], known["done"], known["waiting"], known["failed"]) == (2, 2, 0, 0)


def test_a_changed_object_is_a_new_job_whose_output_replaces_the_former_one(
    tmp_path: Path,
) -> None:
    write_rules(tmp_path, {"rows": {}})
    with Watching(tmp_path) as watching:
        drop(tmp_path / "in/a.csv", [1])
        watching.until(lambda: len(watching.states("done")) == 1)
        drop(tmp_path / "in/a.csv", [5])
        watching.until(lambda: len(watching.states("done")) == 2)
    assert squares(tmp_path / "out/a.jsonl") == [25]
    assert len(job_ids(tmp_path)) == 2


def test_the_jobs_of_a_rule_bear_its_name_its_labels_and_its_tenant(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"tenant": "ann"}})
    with (tmp_path / "impasto.toml").open("a") as file:
        file.write('labels = { show = "42" }\n')
    drop(tmp_path / "in/a.csv", [1])
    with Watching(tmp_path, "--once") as watching:
        assert watching.ended() == 0, watching.output
    found = call("jobs", "--rule", "rows", "--json", "--home", tmp_path / "home")
    (row,) = [json.loads(line) for line in found.stdout.splitlines()]
    assert (row["tenant"], row["rule"], row["labels"]) == ("ann", "rows", {"show": "42"})


def test_what_is_there_already_is_never_replaced(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.jsonl").write_text("precious\n")
    drop(tmp_path / "in/a.csv", [1])
    with Watching(tmp_path, "--once") as watching:
        assert watching.ended() == 3, watching.output
    assert (tmp_path / "out/a.jsonl").read_text() == "precious\n"
    assert status(tmp_path)["rows"]["failed"] == 1


def test_two_objects_never_share_an_output(tmp_path: Path) -> None:
    rule = {"patterns": ["**/*.csv", "**/*.tsv"]}
    write_rules(tmp_path, {"rows": rule}, jobs=1)
    drop(tmp_path / "in/a.csv", [2])
    time.sleep(0.01)
    drop(tmp_path / "in/a.tsv", [3])
    with Watching(tmp_path, "--once") as watching:
        assert watching.ended() == 3, watching.output
    assert squares(tmp_path / "out/a.jsonl") == [4]
    [failed] = watching.states("failed")
    assert "{ext}" in failed["text"]


def test_a_file_that_is_being_written_waits_until_it_is_whole(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"settle": 1.0}})
    with Watching(tmp_path) as watching:
        watching.until(lambda: status(tmp_path)["rows"]["seen"] == 0)
        with (tmp_path / "in/slow.csv").open("w") as file:
            file.write("n\n")
            for n in range(12):
                file.write(f"{n}\n")
                file.flush()
                time.sleep(0.25)
                assert not watching.states("began")
        watching.until(lambda: watching.states("done"))
    assert squares(tmp_path / "out/slow.jsonl") == [n * n for n in range(12)]
    assert len(job_ids(tmp_path)) == 1


def test_one_broken_file_stops_nothing_and_is_set_aside_once(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    for n in range(3):
        drop(tmp_path / f"in/{n}.csv", [n])
    (tmp_path / "in/1.csv").write_bytes(os.urandom(500))
    (tmp_path / "in/$(touch x);é.csv").write_bytes(b"\xff" * 100)
    for _ in range(2):
        with Watching(tmp_path, "--once") as watching:
            assert watching.ended() == 0, watching.output
    assert squares(tmp_path / "out/0.jsonl") == [0]
    assert squares(tmp_path / "out/2.jsonl") == [4]
    known = status(tmp_path)["rows"]
    assert (known["done"], known["poison"]) == (2, 2)
    assert not watching.lines


def test_several_styles_make_a_job_each(tmp_path: Path, clip) -> None:  # type: ignore[no-untyped-def]
    from PIL import Image

    for n, name in enumerate(("warm", "cold")):
        Image.new("RGB", (64, 64), (250 * (1 - n), 40, 250 * n)).save(tmp_path / f"{name}.png")
    rule = {
        "scorer": "",
        "patterns": "",
        "style": [str(tmp_path / "warm.png"), str(tmp_path / "cold.png")],
        "output": f"{tmp_path / 'out'}/{{name}}-{{style}}.mp4",
    }
    write_rules(tmp_path, {"paint": rule})
    source = clip(frames=6, size=(64, 48))
    shutil.copy(source, tmp_path / "in/a.mp4")
    with Watching(tmp_path, "--once") as watching:
        assert watching.ended() == 0, watching.output
    for name in ("warm", "cold"):
        style = tmp_path / f"{name}.png"
        made = impasto("run", source, "--style", style, "-o", tmp_path / f"{name}.mp4")
        assert made.returncode == 0, made.stderr
        ours = (tmp_path / f"out/a-{name}.mp4").read_bytes()
        assert ours == (tmp_path / f"{name}.mp4").read_bytes()


def test_an_output_inside_the_inbox_starts_nothing(tmp_path: Path) -> None:
    rule = {"output": f"{tmp_path / 'in'}/{{path}}/{{name}}-squared.csv"}
    write_rules(tmp_path, {"rows": rule})
    drop(tmp_path / "in/a.csv", [1, 2])
    with Watching(tmp_path) as watching:
        watching.until(lambda: watching.states("done"))
        drop(tmp_path / "in/b.csv", [1, 2])
        watching.until(lambda: len(watching.states("done")) == 2)
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == [
        "a-squared.csv",
        "a.csv",
        "b-squared.csv",
        "b.csv",
    ]
    assert len(job_ids(tmp_path)) == 2


def test_a_share_that_goes_away_and_comes_back_imports_nothing_again(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    drop(tmp_path / "in/a.csv", [1])
    with Watching(tmp_path) as watching:
        watching.until(lambda: watching.states("done"))
        shutil.copytree(tmp_path / "in", tmp_path / "elsewhere", copy_function=shutil.copy2)
        shutil.rmtree(tmp_path / "in")
        watching.until(lambda: any(line.get("warning") for line in watching.lines))
        # The same files under other numbers, as network file systems show them.
        (tmp_path / "elsewhere").rename(tmp_path / "in")
        watching.until_told("again")
        drop(tmp_path / "in/b.csv", [2])
        watching.until(lambda: len(watching.states("done")) == 2)
    assert [line["key"] for line in watching.states("done")] == ["a.csv", "b.csv"]


def test_wrong_rules_are_refused_and_a_running_watcher_keeps_its_old_ones(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    with Watching(tmp_path) as watching:
        drop(tmp_path / "in/a.csv", [1])
        watching.until(lambda: watching.states("done"))
        write_rules(tmp_path, {"rows": {"patern": "x"}, "other": {"inbox": ""}})
        watching.signal(signal.SIGHUP)
        watching.until_told("stay as they were")
        assert any("rows" in line["text"] and "patern" in line["text"] for line in watching.lines)
        drop(tmp_path / "in/b.csv", [2])
        watching.until(lambda: len(watching.states("done")) == 2)
        rule = {"output": f"{tmp_path / 'new'}/{{name}}.jsonl", "exclude": ["a.csv", "b.csv"]}
        write_rules(tmp_path, {"rows": rule})
        watching.signal(signal.SIGHUP)
        watching.until_told("rules were read again")
        drop(tmp_path / "in/c.csv", [3])
        watching.until(lambda: len(watching.states("done")) == 3)
    assert squares(tmp_path / "new/c.jsonl") == [9]


def test_another_watcher_takes_over_from_one_that_dies_in_the_middle(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    gate = slowly(tmp_path)
    drop(tmp_path / "in/a.csv", [7])
    with Watching(tmp_path) as first:
        first.until(lambda: first.states("began"))
        with Watching(tmp_path) as second:
            second.until(lambda: status(tmp_path)["rows"]["running"] == 1)
            family = psutil.Process(first.pid).children(recursive=True)
            first.kill()
            second.until(lambda: second.states("began"))
            gone, alive = psutil.wait_procs(family, timeout=30)
            assert gone
            assert not alive
            gate.touch()
            second.until(lambda: second.states("done"))
    assert squares(tmp_path / "out/a.jsonl") == [49]
    assert len(job_ids(tmp_path)) == 1


def test_what_it_stops_after_a_long_silence_is_driven_again(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}}, beat=0.3)
    gate = slowly(tmp_path)
    drop(tmp_path / "in/a.csv", [7])
    with Watching(tmp_path) as watching:
        watching.until(lambda: [*tmp_path.glob("home/jobs/*/plan.json")])
        with frozen(psutil.Process(watching.pid)):
            time.sleep(1.5)
        # Whether it stopped its job then depends on which of its threads woke first.
        gate.touch()
        watching.until(lambda: watching.states("done"))
    assert squares(tmp_path / "out/a.jsonl") == [49]


def test_asked_to_end_it_finishes_shards_and_gives_up_its_claims(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"shard_frames": 2, "mini_batch": 1}})
    gate = slowly(tmp_path)
    drop(tmp_path / "in/a.csv", range(100))
    with Watching(tmp_path) as watching:
        watching.until(lambda: [*tmp_path.glob("home/jobs/*/plan.json")])
        [job] = job_ids(tmp_path)
        watching.signal(signal.SIGTERM)
        gate.touch()
        assert watching.ended() == 0, watching.output
    assert not [*(tmp_path / "home/watch").rglob("*claims/**/*.json")]
    with Watching(tmp_path, "--once") as again:
        assert again.ended() == 0, again.output
    assert squares(tmp_path / "out/a.jsonl") == [n * n for n in range(100)]
    assert job_ids(tmp_path) == [job]


def test_a_driver_process_that_dies_costs_a_try_and_nothing_else(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}}, jobs=1)
    gate = slowly(tmp_path)
    drop(tmp_path / "in/a.csv", [7])
    with Watching(tmp_path) as watching:
        watching.until(lambda: [*tmp_path.glob("home/jobs/*/plan.json")])
        for child in psutil.Process(watching.pid).children():
            child.kill()
        watching.until(lambda: watching.states("tried"))
        gate.touch()
        watching.until(lambda: watching.states("done"))
    assert squares(tmp_path / "out/a.jsonl") == [49]


def test_a_job_submitted_detached_is_finished(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    table = drop(tmp_path / "table.csv", [4])
    scorer = f"python:{tmp_path / 'squares.py'}:Squares"
    words = ["--scorer", scorer, "-o", tmp_path / "o.jsonl", "--home", tmp_path / "home"]
    done = call("submit", table, *words, "--detach")
    assert done.returncode == 0, done.stderr
    with Watching(tmp_path, "--once") as watching:
        assert watching.ended() == 0, watching.output
    assert squares(tmp_path / "o.jsonl") == [16]


def test_a_job_that_fails_is_tried_again_and_then_left_to_people(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"tries": 2}})
    drop(tmp_path / "in/a.csv", [1])
    drop(tmp_path / "in/b.csv", [2])
    good = (tmp_path / "squares.py").read_text()
    bad = good.replace(
        "return", "if int(batch['n'].iloc[0]) == 1: raise ValueError('no ones')\n        return"
    )
    (tmp_path / "squares.py").write_text(bad)
    for failed in (0, 1):
        with Watching(tmp_path, "--once") as watching:
            assert watching.ended() == 3, watching.output
        assert status(tmp_path)["rows"]["failed"] == failed
    assert squares(tmp_path / "out/b.jsonl") == [4]
    with Watching(tmp_path, "--once") as watching:
        assert watching.ended() == 0, watching.output


def test_without_rules_it_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "impasto.toml").write_text("")
    done = call("watch", "--config", tmp_path / "impasto.toml")
    assert done.returncode == 2
    assert "[rules." in done.stderr


def test_a_dry_run_says_what_each_object_becomes_and_writes_nothing(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"max_bytes": 1000}})
    drop(tmp_path / "in/a b.csv", [1])
    drop(tmp_path / "in/large.csv", range(10_000))
    (tmp_path / "in/notes.doc").touch()
    (tmp_path / "in/c.csv.part").touch()
    before = {*tmp_path.rglob("*")}
    done = call("watch", "--dry-run", "--config", tmp_path / "impasto.toml")
    assert done.returncode == 0, done.stderr
    assert {*tmp_path.rglob("*")} == before
    lines = done.stdout.splitlines()
    assert any("a b.csv → " in line for line in lines)
    for name in ("large.csv", "notes.doc", "c.csv.part"):
        assert any(f"{name}: " in line for line in lines), done.stdout
    assert "1 job would begin" in lines[-1]


def test_a_dry_run_names_a_few_objects_for_each_reason_and_how_they_stand(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"tries": 1}})
    drop(tmp_path / "in/good.csv", [1])
    (tmp_path / "in/bad.csv").write_bytes(b"\xff\xfe\xff" * 10)
    with Watching(tmp_path, "--once") as watching:
        watching.ended()
    for n in range(12):
        (tmp_path / f"in/{n:02}.png").touch()
    done = call("watch", "--dry-run", "--config", tmp_path / "impasto.toml")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "good.csv: is done" in lines
    assert any(line.startswith("bad.csv: was set aside before") for line in lines)
    assert any(" and 9 more: " in line for line in lines), done.stdout
    assert len(lines) == 5


def test_a_cancelled_job_is_told_as_failed_and_can_be_retried(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"shard_frames": 1, "mini_batch": 1}})
    gate = slowly(tmp_path)
    drop(tmp_path / "in/a.csv", range(4))
    config = ("--config", str(tmp_path / "impasto.toml"))
    with Watching(tmp_path) as watching:
        watching.until(lambda: [*tmp_path.glob("home/jobs/*/plan.json")])
        [job] = job_ids(tmp_path)
        assert call("cancel", job, *config).returncode == 0
        time.sleep(3)
        gate.touch()
        watching.until(lambda: watching.states("failed"))
        assert "cancelled" in watching.states("failed")[0]["text"]
        assert call("watch", "retry", "a.csv", *config).returncode == 0
        watching.until(lambda: watching.states("done"))
    assert squares(tmp_path / "out/a.jsonl") == [0, 1, 4, 9]
    assert job_ids(tmp_path) == [job]


@pytest.mark.parametrize("state", ["failed", "poison"])
def test_retry_redo_and_forget_act_on_one_object(tmp_path: Path, state: str) -> None:
    write_rules(tmp_path, {"rows": {"tries": 1}})
    config = ("--config", str(tmp_path / "impasto.toml"))
    good = (tmp_path / "squares.py").read_text()
    if state == "failed":
        (tmp_path / "squares.py").write_text(
            good.replace("return", "raise ValueError\n        return")
        )
        drop(tmp_path / "in/a.csv", [3])
    else:
        (tmp_path / "in/a.csv").write_bytes(b"\xff\xfe\xff" * 10)
    with Watching(tmp_path, "--once") as watching:
        watching.ended()
    assert status(tmp_path)["rows"][state] == 1
    if state == "failed":
        (tmp_path / "squares.py").write_text(good)
    done = call("watch", "retry", "a.csv", *config)
    assert done.returncode == 0, done.stderr
    assert status(tmp_path)["rows"]["waiting"] == 1
    with Watching(tmp_path, "--once") as watching:
        watching.ended()
    if state == "poison":
        assert status(tmp_path)["rows"]["poison"] == 1
        return
    assert squares(tmp_path / "out/a.jsonl") == [9]
    assert call("watch", "redo", "a.csv", *config).returncode == 0
    with Watching(tmp_path, "--once") as watching:
        assert watching.ended() == 0, watching.output
    assert len(watching.states("done")) == 1
    assert call("watch", "forget", "a.csv", *config).returncode == 0
    assert status(tmp_path)["rows"]["seen"] == 0


def test_a_running_watcher_makes_again_what_people_ask_for(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    config = ("--config", str(tmp_path / "impasto.toml"))
    drop(tmp_path / "in/a.csv", [3])
    with Watching(tmp_path) as watching:
        watching.until(lambda: len(watching.states("done")) == 1)
        assert call("watch", "redo", "a.csv", *config).returncode == 0
        watching.until(lambda: len(watching.states("done")) == 2)
        assert call("watch", "forget", "a.csv", *config).returncode == 0
        watching.until(lambda: len(watching.states("done")) == 3)
        known = status(tmp_path)["rows"]
    assert (known["seen"], known["done"], known["watchers"]) == (1, 1, 1)
    assert squares(tmp_path / "out/a.jsonl") == [9]
