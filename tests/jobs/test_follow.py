from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from impasto.jobs.follow import LAST_LOOKS, Ended, follow
from impasto.jobs.job import Job
from impasto.jobs.presence import present
from impasto.schema.events import Cancelled, Finished, Printed, Started, Stopped, Submitted
from impasto.schema.job import JobSpec
from impasto.storage.stores import Stores
from support.jobs import RESULT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SUBMITTED = Submitted(time=1.0)
STARTED = Started(time=2.0, host="vm", pid=1, resumed=0)
STOPPED = Stopped(time=3.0, error="no weights", exit_code=2)
FINISHED = Finished(time=4.0, record=RESULT)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = Job(Stores({}).open_home(str(tmp_path)), RESULT.job)
    job.record(JobSpec(source="in.csv", output="out.csv"))
    return job


class Clock:
    """Stands for the time between two looks: something happens in each, and then nothing more."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        self.happens = list(happens)
        self.waits = 0

    def __call__(self) -> None:
        self.waits += 1
        assert self.waits <= 2 * LAST_LOOKS, "it follows for ever"
        if self.happens:
            self.happens.pop(0)()


def test_a_job_is_followed_until_its_output_stands(job: Job) -> None:
    job.journal.write(SUBMITTED)
    clock = Clock(
        lambda: job.journal.write(STARTED),
        lambda: job.record(RESULT),
        lambda: job.journal.write(FINISHED),
    )
    assert list(follow(job, clock)) == [SUBMITTED, STARTED, FINISHED, Ended("done")]
    assert clock.waits == 3


def test_a_finished_job_is_not_waited_for(job: Job) -> None:
    job.record(RESULT)
    job.journal.write(FINISHED)
    clock = Clock()
    assert list(follow(job, clock)) == [FINISHED, Ended("done")]
    assert clock.waits == 0


def test_a_done_job_that_never_says_so_ends_after_some_looks(job: Job) -> None:
    job.record(RESULT)
    job.journal.write(STARTED)
    clock = Clock(lambda: None, lambda: job.journal.write(Printed(time=3.0, text="late")))
    assert list(follow(job, clock))[-1] == Ended("done")
    assert clock.waits == 2 + LAST_LOOKS


def test_a_cancelled_job_ends_at_once(job: Job) -> None:
    job.journal.write(STARTED)
    events = list(follow(job, Clock(job.notes.cancel)))
    assert [type(event) for event in events] == [Started, Cancelled, Ended]
    assert events[-1] == Ended("cancelled")


def test_a_driver_that_gave_up_is_looked_at_twice_and_says_why(job: Job) -> None:
    job.journal.write(STARTED, STOPPED)
    clock = Clock()
    assert list(follow(job, clock)) == [STARTED, STOPPED, Ended("stopped", "no weights")]
    assert clock.waits == 1


def test_a_job_whose_driver_was_killed_is_not_followed_for_ever(job: Job) -> None:
    job.journal.write(STARTED)
    clock = Clock()
    killed = Ended("stopped", "its driver was killed", resumable=True)
    assert list(follow(job, clock)) == [STARTED, killed]
    assert clock.waits == LAST_LOOKS


def test_a_driver_that_says_nothing_is_waited_for(job: Job) -> None:
    with present(job.folder, "local"):
        job.journal.write(STARTED)
        silence = [lambda: None] * (LAST_LOOKS + 3)
        clock = Clock(*silence, lambda: job.journal.write(STOPPED))
        assert list(follow(job, clock))[-1] == Ended("stopped", "no weights")


def test_a_next_driver_is_waited_for(job: Job) -> None:
    job.journal.write(STOPPED, SUBMITTED)
    again = Stopped(time=6.0, error="no memory")
    clock = Clock(
        lambda: job.journal.write(STOPPED),
        lambda: job.journal.write(STARTED),
        lambda: None,
        lambda: job.journal.write(again),
    )
    events = list(follow(job, clock))
    assert events == [STOPPED, SUBMITTED, STOPPED, STARTED, again, Ended("stopped", "no memory")]


def test_a_driver_that_gives_up_as_another_does_has_the_last_word(job: Job) -> None:
    job.journal.write(STOPPED)
    again = Stopped(time=6.0, error="no memory")
    clock = Clock(lambda: job.journal.write(STARTED, again))
    assert list(follow(job, clock))[-1] == Ended("stopped", "no memory")
