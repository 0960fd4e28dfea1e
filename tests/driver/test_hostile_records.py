"""Records that somebody else has written into a home harm nothing and nobody."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.command import call
from support.fuzz_records import KINDS, Prepared, attempt, prepare

SEEDS = 6
"""Attempts at each kind; `support.fuzz_records` as a command makes as many as there is time for."""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Prepared]:
    return {kind: prepare(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_record_holds_commands_end_with_a_line_and_write_nothing_elsewhere(
    jobs: dict[str, Prepared], kind: str, seed: int
) -> None:
    assert attempt(jobs[kind], seed) == ""


def test_a_name_that_leads_out_of_the_output_makes_its_shard_run_again(tmp_path: Path) -> None:
    made = prepare("images", tmp_path)
    place = made.root / "home" / "jobs" / made.job
    path = place / "done" / "00000.json"
    # A file, and beside it a folder whose name makes a way up of what follows the file's.
    (place / "segments" / "00000-0a").write_bytes(b"evil")
    (place / "segments" / "00000-0a..").mkdir()
    (place / "segments" / "00000-0a.." / "evil.png").write_bytes(b"evil")
    record = json.loads(path.read_text())
    record |= {"segment": "segments/00000-0a", "names": ["../evil.png"], "bytes": 4}
    path.write_text(json.dumps(record))

    ended = call("resume", made.job, "--home", made.root / "home")

    assert ended.returncode == 0, ended.stderr
    assert "done/00000.json: damaged, so its shard is scored again" in ended.stderr
    assert [child.name for child in (made.root / "made").iterdir()] == ["out"]
    output = made.root / "made" / "out"
    assert sorted(child.name for child in output.iterdir()) == [f"{n}.png" for n in range(4)]
    logged = call("logs", made.job, "--home", made.root / "home")
    assert "done/00000.json: damaged, so its shard is scored again" in logged.stdout


@pytest.mark.parametrize("base", ["file:///etc", "/etc", ""])
@pytest.mark.parametrize("kind", ["images", "files"])
def test_a_plan_that_names_what_is_not_in_the_source_is_not_followed(
    tmp_path: Path, kind: str, base: str
) -> None:
    made = prepare(kind, tmp_path)
    path = made.root / "home" / "jobs" / made.job / "plan.json"
    plan = json.loads(path.read_text()) | {"base": base}
    for shard in plan["shards"]:
        shard["names"] = [f"{'' if base else '/etc/'}host{n}" for n in range(len(shard["names"]))]
    path.write_text(json.dumps(plan))
    ended = call("resume", made.job, "--home", made.root / "home")
    assert ended.returncode == 2
    assert "plan.json: damaged" in ended.stderr


STRAYS = (b".DS_Store", b"desktop.ini", b"00000.json~", b".00000.json.swp", b"00000.json#1", b"#1#")
ODD = (b"not UTF-8 \xff", b"bell\x07", b"back\\slash", b"00000.json.tmp", b"x.jsonl")


@pytest.mark.parametrize("done", [False, True])
def test_files_that_others_leave_in_a_home_are_passed_over(tmp_path: Path, done: bool) -> None:
    made = prepare("images", tmp_path, done=done)
    home = ("--home", made.root / "home")
    before = [call(*words, *home).stdout for words in (("jobs",), ("logs", made.job))]
    for folder in [made.root / "home", *(made.root / "home").rglob("*")]:
        for name in (*STRAYS, *ODD) if folder.is_dir() else ():
            (Path(os.fsdecode(bytes(folder) + b"/" + name))).write_bytes(b"\xff\x00")
    (made.root / "home" / "jobs" / "a folder").mkdir()
    if done:
        (made.root / "made" / "out" / ".DS_Store").write_bytes(b"\0")
    after = [call(*words, *home) for words in (("jobs",), ("logs", made.job))]
    assert [it.returncode for it in after] == [0, 0], [it.stderr for it in after]
    assert after[1].stdout == before[1]
    assert len(after[0].stdout.splitlines()) == len(before[0].splitlines())
    assert call("show", made.job, *home).returncode == 0
    ended = call("resume", made.job[:3], *home)
    assert ended.returncode == 0, ended.stderr
    assert ("done already" in ended.stdout) is done


LINES = (
    b"\xff\xfe\x00",
    b"[1, 2]",
    b'{"time": 1e999, "event": "x"}',
    b'{"time": 1, "event": "half \\ud800 a letter"}',
    b'{"time": 1, "event": "x", "said": "\\u001b[2J\\u0007"}',
    b"[" * 100_000,
)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_log_is_printed_whatever_its_lines_are(tmp_path: Path, form: tuple[str, ...]) -> None:
    made = prepare("images", tmp_path)
    page = "20260101T000000.000000000-00000000.jsonl"
    (made.root / "home" / "jobs" / made.job / "logs" / page).write_bytes(b"\n".join(LINES))
    ended = call("logs", made.job, "--home", made.root / "home", *form)
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()[-len(LINES) :]) == len(LINES)
    assert "half" in ended.stdout
    assert not {"\x1b", "\x07"} & {*ended.stdout}
