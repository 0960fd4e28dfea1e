"""Jobs on a real Ray cluster end with the same bytes, whatever befalls workers and machines."""

from __future__ import annotations

import json

import psutil

from support.command import call, frozen, wait_for
from support.raycase import ROWS, SHARDS, Case, finished, on


def test_killed_workers_and_actors_cost_an_attempt_and_change_nothing(
    case: Case, expected: bytes
) -> None:
    with case.held(2) as process:
        (row, pid), (other, second) = [*case.waiting().items()]
        psutil.Process(pid).kill()
        wait_for(lambda: case.waiting()[row] != pid or case.records("failed"))
        # Its parent is the nursery, and that one's is the actor.
        psutil.Process(second).parents()[1].kill()
        wait_for(lambda: len(case.records("failed")) == 2)
    finished(process)
    assert case.made() == expected
    failed = case.records("failed")
    assert {it["shard"] for it in failed} == {row // 2, other // 2}
    assert {it["kind"] for it in failed} == {"died"}
    assert any("signal 9" in it["error"] for it in failed)
    wait_for(lambda: not case.cluster.workers(), 20)


def test_machines_that_go_away_cost_no_attempt(case: Case, expected: bytes) -> None:
    cluster = case.cluster
    cluster.add_machine()
    with case.held(3, "--workers", 3, "--json") as process:
        removed, preempted, silent = cluster.machines
        cluster.remove_machine(removed)
        with frozen(*silent.processes()):
            cluster.preempt(preempted)
            cluster.add_machine()
            wait_for(lambda: case.notes().count("is scored again") == 3)
            case.go()
            told = finished(process)
        # What thaws finds that others have done its shard.
        cluster.remove_machine(silent)
    assert json.loads(told)["items"] == ROWS
    assert case.made() == expected
    assert case.records("failed") == []
    assert len(case.records("done")) == SHARDS


def test_a_machine_on_which_no_worker_can_start_is_given_up_and_another_one_waited_for(
    case: Case, expected: bytes
) -> None:
    machines = [case.cluster.add_machine(gpus=1)]
    words = case.ray({}, "--not-on", machines[0].mark, "--gpus-per-worker", 1, "--workers", 1)
    process = case.cluster.start(*words)
    try:
        wait_for(lambda: "waiting 5 minutes for another one" in case.notes())
        machines.append(case.cluster.add_machine(gpus=1))
        finished(process)
    finally:
        for machine in machines:
            case.cluster.remove_machine(machine)
    assert case.made() == expected
    assert case.notes().count("could not start: ") == 3
    assert "exit code 9" in case.notes()
    assert case.records("failed") == []


def test_a_row_that_ends_workers_is_set_aside(case: Case, expected: bytes) -> None:
    done = case.cluster.impasto(*case.ray({9: "exit"}, "--workers", 1, "--max-failed", 1, "--json"))
    assert done.returncode == 0, done.stderr
    (aside,) = json.loads(done.stdout)["aside"]
    assert aside["item"] == 9
    assert "exit code 7" in aside["error"]
    kept = [line for n, line in enumerate(expected.splitlines()) if n != 9]
    assert case.made().splitlines() == kept


def test_a_scorer_that_cannot_be_loaded_is_told_in_one_line(case: Case) -> None:
    done = case.cluster.impasto(*case.ray({}, "--workers", 1, "--broken", "--quiet"))
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "no such weights" in line


def test_a_cancelled_job_finishes_what_runs_and_can_be_resumed(case: Case, expected: bytes) -> None:
    home = ("--home", case.folder / "home")
    with case.held(1, "--workers", 1) as process:
        (job,) = (path.name for path in (case.folder / "home" / "jobs").iterdir())
        assert call("cancel", job, *home).returncode == 0
        wait_for(lambda: "stopping" in [line["event"] for line in case.logged()])
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "impasto resume" in err
    assert len(case.records("done")) < SHARDS
    again = case.cluster.impasto(
        "resume", job, *home, "--device", "cpu", "--workers", 1, *on(case.cluster)
    )
    assert again.returncode == 0, again.stderr
    assert case.made() == expected
    assert case.records("failed") == []


def test_a_straggler_is_overtaken_by_a_second_copy(case: Case, expected: bytes) -> None:
    done = case.cluster.impasto(*case.ray({5: "straggle"}, "--speculate", "--workers", 2))
    assert done.returncode == 0, done.stderr
    assert case.made() == expected
    assert [it["shard"] for it in case.records("done")] == [*range(SHARDS)]
    assert case.records("failed") == []
    wait_for(lambda: not case.cluster.workers(), 30)
