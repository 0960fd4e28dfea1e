"""The watcher, as a real process, when people make mistakes around it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from support.command import call
from support.watcher import Watching, drop, slowly, squares, status, write_rules

if TYPE_CHECKING:
    from pathlib import Path


def test_a_config_file_that_is_wrong_or_gone_stops_no_job(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    file = tmp_path / "impasto.toml"
    with Watching(tmp_path) as watching:
        drop(tmp_path / "in/a.csv", [1])
        watching.until(lambda: watching.states("done"))
        file.write_text(f'home = "{tmp_path}/other"\n[unfinished\n')
        watching.signal(signal.SIGHUP)
        watching.until_told("stay as they were")
        drop(tmp_path / "in/b.csv", [2])
        watching.until(lambda: len(watching.states("done")) == 2)
        file.unlink()
        drop(tmp_path / "in/c.csv", [3])
        watching.until(lambda: len(watching.states("done")) == 3)
    assert squares(tmp_path / "out/c.jsonl") == [9]


def test_what_may_not_begin_yet_is_left_to_the_next_run(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"max_per_hour": 1, "max_bytes": 1000}})
    for n in range(5):
        drop(tmp_path / f"in/{n}.csv", range(1000) if n < 3 else [n])
    for _ in range(2):
        with Watching(tmp_path, "--once") as watching:
            assert watching.ended() == 0, watching.output
        known = status(tmp_path)["rows"]
        assert (known["done"], known["waiting"], known["poison"]) == (1, 1, 3)


def test_a_job_whose_source_is_gone_is_driven_once_more_and_then_left(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    table = drop(tmp_path / "table.csv", [1])
    words = ["--scorer", f"python:{tmp_path / 'squares.py'}:Squares", "-o", tmp_path / "o.jsonl"]
    done = call("submit", table, *words, "--home", tmp_path / "home", "--detach")
    assert done.returncode == 0, done.stderr
    table.unlink()
    codes = []
    for _ in range(2):
        with Watching(tmp_path, "--once") as watching:
            codes.append(watching.ended())
    assert codes == [3, 0], watching.output


def test_a_broken_scorer_is_no_objects_fault(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    config = ("--config", tmp_path / "impasto.toml")
    scorer = tmp_path / "squares.py"
    good = scorer.read_text()
    with Watching(tmp_path) as watching:
        drop(tmp_path / "in/a.csv", [1])
        watching.until(lambda: watching.states("done"))
        scorer.write_text("def broken(:\n")
        drop(tmp_path / "in/b.csv", [2])
        watching.until(lambda: len(watching.states("failed")) == 1)
        scorer.write_text(f"import nothing_of_this_name\n{good}")
        drop(tmp_path / "in/c.csv", [3])
        watching.until(lambda: len(watching.states("failed")) == 2)
        scorer.write_text(good)
        assert "2 items" in call("watch", "retry", "--failed", *config).stdout
        watching.until(lambda: len(watching.states("done")) == 3)


def test_a_corrected_object_replaces_what_was_made_of_the_wrong_one(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"tries": 1}})
    scorer = tmp_path / "squares.py"
    check = "if 13 in [*batch['n']]: raise ValueError\n        return"
    scorer.write_text(scorer.read_text().replace("return", check))
    for numbers, code in (([1, 13, 2], 3), ([1, 14, 2], 0)):
        drop(tmp_path / "in/a.csv", numbers)
        with Watching(tmp_path, "--once") as watching:
            assert watching.ended() == code, watching.output
    assert squares(tmp_path / "out/a.jsonl") == [1, 196, 4]


def test_an_object_that_comes_back_as_it_was_has_its_job(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}}, jobs=1)
    table, aside = tmp_path / "in/a.csv", tmp_path / "aside.csv"
    gate = slowly(tmp_path)
    with Watching(tmp_path) as watching:
        drop(table, [1, 2])
        watching.until(lambda: [*tmp_path.glob("home/jobs/*/plan.json")])
        table.rename(aside)
        gate.touch()
        watching.until(lambda: watching.states("superseded"))
        aside.rename(table)
        watching.until(lambda: watching.states("done"))
        assert status(tmp_path)["rows"]["superseded"] == 0
    assert squares(tmp_path / "out/a.jsonl") == [1, 4]


def test_a_flood_leaves_places_for_other_senders(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {"max_waiting": 10}}, jobs=1)
    for n in range(40):
        drop(tmp_path / f"in/flood/{n}.csv", [n])
    # Whatever the order of the listing is.
    for other in ("a", "m", "z"):
        drop(tmp_path / f"in/{other}/1.csv", [1])
    with Watching(tmp_path) as watching:
        watching.until(lambda: len(watching.states("done")) >= 25)
        first = [line["key"] for line in watching.states("done")[:25]]
    assert {"a/1.csv", "m/1.csv", "z/1.csv"} <= {*first}
