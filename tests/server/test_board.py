from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from impasto.errors import Unavailable
from impasto.server.board import board as board_module
from impasto.server.board.board import Board
from impasto.server.board.rows import Shards
from impasto.storage.stores import Stores
from support import board as jobs
from support.stores import azure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from impasto.storage.store import Store
    from support.cloud import Azurite


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return Stores({}).open_home(str(tmp_path / "home"))


@pytest.fixture
def board(home: Store) -> Iterator[Board]:
    made = Board(home)
    yield made
    made.close()


def states(board: Board) -> dict[str, str]:
    return {row.job: row.state for row in board.now().rows}


def test_what_changes_elsewhere_is_found(home: Store, board: Board) -> None:
    first = jobs.record(home, 1)
    assert states(board) == {first.id: "stopped"}
    second = jobs.record(home, 2)
    jobs.eventually(lambda: second.id in states(board))
    jobs.drive(first)
    jobs.eventually(lambda: states(board)[first.id] == "running")
    jobs.shard_done(first, 1)
    jobs.eventually(lambda: board.now().by_id[first.id].items_done == 3)
    jobs.finish(second)
    jobs.eventually(lambda: states(board)[second.id] == "done")
    second.discard()
    jobs.eventually(lambda: states(board) == {first.id: "running"})


def test_a_job_that_was_changed_here_is_seen_at_once(home: Store, board: Board) -> None:
    job = jobs.record(home, 1)
    before = board.now().version
    job.cancel()
    row = board.look(job.id)
    assert row is not None
    assert row.state == "cancelled"
    assert board.peek().by_id[job.id] == row
    assert board.changed_since(before) == {job.id: ""}
    job.discard()
    assert board.look(job.id) is None
    assert board.peek().rows == ()


def test_a_damaged_job_is_shown_and_hides_no_other(home: Store, board: Board) -> None:
    damaged, well = jobs.record(home, 1), jobs.record(home, 2)
    damaged.folder.put("spec.json", b"{")
    home.put("jobs/not-a-job/spec.json", b"{}")
    rows = {row.job: row for row in board.now().rows}
    assert {*rows} == {damaged.id, well.id}
    assert not rows[damaged.id].readable
    assert "damaged" in rows[damaged.id].error
    assert rows[well.id].readable


@pytest.mark.parametrize("key", ["000000004-scored", "4-scored", "00000004-made"])
def test_pictures_by_other_names_hide_no_job(home: Store, board: Board, key: str) -> None:
    jobs.record(home, 1)
    odd = jobs.record(home, 2)
    odd.folder.create(f"previews/{key}.jpg", b"a picture")
    assert [row.preview for row in board.now().rows] == [None, None]


def test_the_newest_job_is_first_and_versions_tell_what_changed(home: Store, board: Board) -> None:
    for number in range(5):
        jobs.record(home, number, tenant="acme" if number == 4 else "")
    assert [row.job for row in board.now().rows] == [jobs.job_id(n) for n in (4, 3, 2, 1, 0)]
    version = board.peek().version
    for number in (1, 4):
        jobs.finish(jobs.record(home, number))
        board.look(jobs.job_id(number))
    assert board.changed_since(version) == {jobs.job_id(1): "", jobs.job_id(4): "acme"}
    assert board.changed_since(version + 100) is None
    assert board.changed_since(-1) is None


def test_a_store_that_does_not_answer_is_an_error(
    home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Store, prefix: str = "") -> None:
        raise Unavailable(f"{prefix}: does not answer", "try again")

    monkeypatch.setattr(type(home), "walk_ours", fail)
    monkeypatch.setattr(board_module, "FIRST", 5.0)
    board = Board(home)
    with pytest.raises(Unavailable):
        board.now()
    board.close()


def test_records_of_a_kept_job_are_read_once(home: Store, board: Board) -> None:
    job = jobs.record(home, 1)
    jobs.drive(job)
    jobs.shard_done(job, 0)
    kept = board.kept(job.id)
    kept.look()
    before = Shards.of(kept, {})
    assert [row.state for row in before.rows()] == ["done", "waiting"]
    jobs.shard_done(job, 1)
    kept.look()
    after = Shards.of(kept, {})
    assert after.changed(before) == {1}
    assert after.done[0] is before.done[0]
    job.drop([0])
    kept.look()
    assert Shards.of(kept, {}).changed(after) == {0}


@pytest.mark.parametrize("followed", [False, True])
def test_few_requests_keep_many_jobs_fresh(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, followed: bool
) -> None:
    home = azure(monkeypatch, azurite).open()
    for number in range(30):
        jobs.finish(jobs.record(home, number))
    running = jobs.record(home, 99)
    jobs.drive(running)
    board = Board(home)
    board.now()
    jobs.eventually(lambda: len(board.now().rows) == 31)
    requests: list[str] = []
    attempt = home._requests.attempt

    def counted(operation: Any, key: str, *args: Any, **named: Any) -> Any:
        requests.append(key)
        return attempt(operation, key, *args, **named)

    monkeypatch.setattr(home._requests, "attempt", counted)
    if followed:
        board.follow(running.id)
    looks = board.kept(running.id).looks
    jobs.eventually(lambda: board.now() and board.kept(running.id).looks >= looks + 3, 30)
    board.close()
    assert not any(jobs.job_id(n) in key for key in requests for n in range(30))
    assert len(requests) <= 3 * 4 + 6
