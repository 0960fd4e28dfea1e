"""Which jobs a watcher finishes: those that nobody drives, and that nobody has stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from impasto.jobs.job import Job
from impasto.jobs.presence import present
from impasto.jobs.waiting import SELDOM, SETTLE, Undriven, leave
from impasto.schema.driver import Driver
from impasto.schema.events import Detached, Finished, ShardFailed, Started, Stopped, Submitted
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Failed
from impasto.storage.store import Store
from impasto.storage.stores import Stores
from support.jobs import RESULT

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.events import Event


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return Stores({}).open_home(str(tmp_path / "home"))


class Clock:
    """A store's clock that runs as a test wants."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def undriven(home: Store, clock: Clock) -> Undriven:
    return Undriven(home, clock)


def add(home: Store, *said: Event, job_id: str = RESULT.job) -> Job:
    job = Job(home, job_id)
    job.record(JobSpec(source="in.csv", output="out.csv"))
    for event in said:
        job.journal.write(event)
    return job


def found(undriven: Undriven) -> list[str]:
    return [job.id for job in undriven.find()]


def leave_driver(job: Job) -> None:
    """Leave what a driver leaves that was killed."""
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    driver = Driver(host=os.uname().nodename, pid=int(ended.stdout))
    job.folder.put("drivers/01234567.json", driver.model_dump_json().encode())


def test_a_job_that_was_done_is_found_again_when_it_is_left_to_watchers(
    home: Store, undriven: Undriven
) -> None:
    job = add(home, Detached())
    job.record(RESULT)
    assert found(undriven) == []
    job.reopen()
    leave(job)
    assert found(undriven) == [job.id]
    assert found(undriven) == [job.id]
    job.record(RESULT)
    assert found(undriven) == []
    assert home.list_all("calls") == []


def test_what_failed_in_a_job_that_is_done_is_tried_again_when_asked(
    home: Store, undriven: Undriven
) -> None:
    job = add(home)
    job.record(RESULT)
    assert found(undriven) == []
    leave(job, retry=True)
    assert found(undriven) == [job.id]
    job.journal.write(Finished(record=RESULT))
    assert found(undriven) == []
    assert home.list_all("calls") == []


def test_a_call_for_a_job_that_is_gone_is_forgotten(home: Store, undriven: Undriven) -> None:
    job = add(home)
    leave(job)
    job.discard()
    assert found(undriven) == []
    assert home.list_all("calls") == []


STARTED = Started(host="vm", pid=1, resumed=0)


def test_a_job_that_was_left_to_watchers_is_found_at_once(home: Store, undriven: Undriven) -> None:
    assert found(undriven) == []
    job = add(home, Detached())
    assert found(undriven) == [job.id]
    with present(job.folder, "local"):
        assert found(undriven) == []
    assert found(undriven) == [job.id]
    job.record(RESULT)
    assert found(undriven) == []


def test_a_job_whose_driver_has_not_begun_has_time_for_it(
    home: Store, undriven: Undriven, clock: Clock
) -> None:
    job = add(home)
    assert found(undriven) == []
    clock.ahead = SETTLE + 1
    assert found(undriven) == [job.id]


def test_a_job_whose_driver_was_killed_is_found(home: Store, undriven: Undriven) -> None:
    job = add(home, STARTED)
    leave_driver(job)
    assert found(undriven) == [job.id]


def test_a_driver_that_ends_has_time_to_say_why(
    home: Store, undriven: Undriven, clock: Clock
) -> None:
    job = add(home, STARTED)
    assert found(undriven) == []
    clock.ahead = SETTLE - 1
    assert found(undriven) == []
    job.journal.write(ShardFailed(record=Failed(shard=0, error="e", kind="error", worker="w")))
    clock.ahead = SETTLE + 1
    assert found(undriven) == []
    clock.ahead = 2 * SETTLE + 2
    assert found(undriven) == [job.id]
    job.journal.write(Stopped(error="no memory", exit_code=3))
    assert found(undriven) == []


@pytest.mark.parametrize(
    "last",
    [Stopped(error="e", exit_code=code) for code in (1, 2, 3, 4, 130)] + [Submitted()],
    ids=lambda last: str(getattr(last, "exit_code", "submitted")),
)
def test_a_job_that_ended_with_a_word_is_left_to_people(
    home: Store, undriven: Undriven, clock: Clock, last: Event
) -> None:
    job = add(home, STARTED, last)
    leave_driver(job)
    clock.ahead = 10 * SETTLE
    assert found(undriven) == []
    # They go on with it, and that driver is killed, too.
    job.journal.write(STARTED)
    assert [job.id] in [found(undriven) for _ in range(SELDOM)]


def test_a_cancelled_job_is_left_alone(home: Store, undriven: Undriven) -> None:
    job = add(home, Detached())
    job.cancel()
    assert found(undriven) == []


def test_what_is_torn_or_foreign_is_passed_over(
    home: Store, undriven: Undriven, clock: Clock
) -> None:
    home.put("jobs/not-a-job/spec.json", b"{}")
    home.put("jobs/0123456789aa/spec.json", b'{"source": 1')
    home.put("jobs/0123456789ac/other", b"")
    job = add(home, Detached(), job_id="fedcba987654")
    clock.ahead = 10 * SETTLE
    assert found(undriven) == [job.id]


def test_jobs_that_are_done_cost_no_request(
    home: Store, undriven: Undriven, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        add(home, job_id=f"{n:012x}").folder.put("result.json", b"{}")
    add(home, Stopped(error="e", exit_code=3), job_id="f" * 12)
    undriven.find()
    for request in ("stat", "read", "list_ours"):
        monkeypatch.delattr(Store, request)
    assert undriven.find() == []
