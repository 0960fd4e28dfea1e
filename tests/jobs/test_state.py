"""The one word that says how a job stands, and who runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from impasto.errors import BadInput, Unavailable
from impasto.jobs import presence
from impasto.jobs.job import Job
from impasto.jobs.presence import drivers, newest, present
from impasto.jobs.state import LOOKS, standing
from impasto.schema.driver import Driver
from impasto.schema.events import Item, Started, Stopped
from impasto.schema.job import JobSpec
from impasto.schema.live import Live
from impasto.schema.progress import Progress
from impasto.storage.stores import Stores
from support.jobs import RESULT

if TYPE_CHECKING:
    from impasto.jobs.state import State


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = Job(Stores({}).open_home(str(tmp_path)), RESULT.job)
    job.record(JobSpec(source="in.csv", output="out.csv"))
    return job


def state(job: Job) -> State:
    return standing(job, job.listing()).state


def test_a_new_job_is_stopped_and_a_finished_one_done(job: Job) -> None:
    assert state(job) == "stopped"
    job.record(RESULT)
    assert state(job) == "done"


def test_a_job_is_running_while_its_driver_lives(job: Job) -> None:
    with present(job.folder, "local"):
        (driver,) = standing(job, job.listing()).drivers
        assert (driver.pid, driver.host, driver.engine) == (
            os.getpid(),
            os.uname().nodename,
            "local",
        )
        job.cancel()
        assert state(job) == "running"
    assert state(job) == "cancelled"
    assert not job.listing().drivers


def test_a_driver_that_was_killed_runs_nothing(job: Job) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    here = Driver(host=os.uname().nodename, pid=int(ended.stdout))
    job.folder.put("drivers/01234567.json", here.model_dump_json().encode())
    assert drivers(job.folder, job.listing()) == []
    elsewhere = here.model_copy(update={"host": "another machine"})
    job.folder.put("drivers/01234567.json", elsewhere.model_dump_json().encode())
    assert drivers(job.folder, job.listing()) == [elsewhere]
    stale = job.listing()
    stale.times["drivers/01234567.json"] -= presence.STALE
    assert drivers(job.folder, stale) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_a_killed_driver_that_nobody_waits_for_runs_nothing(job: Job) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        driver = Driver(host=os.uname().nodename, pid=process.pid)
        job.folder.put("drivers/01234567.json", driver.model_dump_json().encode())
        assert state(job) == "running"
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert state(job) == "stopped"


@pytest.mark.parametrize("torn", [b"", b"{}", b'{"host": "vm", "pid": 0}'])
def test_a_torn_sign_of_life_is_none(job: Job, torn: bytes) -> None:
    job.folder.put("drivers/01234567.json", torn)
    assert state(job) == "stopped"


def test_a_driver_is_known_again_after_each_beat(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "BEAT", 0.001)
    with present(job.folder, "ray"):
        (key,) = job.listing().drivers
        job.folder.delete(key)
        while not drivers(job.folder, job.listing()):
            pass
    assert state(job) == "stopped"


def test_of_what_a_driver_tells_only_the_last_is_written_and_one_at_a_time(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "OFTEN", 0.005)
    going, gate = [0], threading.Event()
    told: list[Live | None] = []
    put = job.folder.put

    def slowly(key: str, data: bytes) -> None:
        going[0] += 1
        assert going[0] == 1
        told.append(Driver.model_validate_json(data).live)
        gate.wait(60 if len(told) == 2 else 0)
        put(key, data)
        going[0] -= 1

    monkeypatch.setattr(job.folder, "put", slowly)
    with present(job.folder, "local") as here:
        for done in range(2000):
            here.tell(Progress("scoring", job.id, done=done, running=((0, done),)))
            while done == 5 and len(told) < 2:
                time.sleep(0.001)
        assert len(told) == 2  # the store hangs
        gate.set()
        while newest(drivers(job.folder, job.listing())) in {None, *told[:2]}:
            time.sleep(0.001)
        assert [live and live.items for live in told][2:] == [1999]
    assert not job.listing().drivers


def test_a_driver_that_says_nonsense_of_its_progress_tells_nothing(job: Job) -> None:
    driver = Driver(host="elsewhere", pid=1, live=Live(stage="scoring")).model_dump_json()
    for nonsense in ('"items":-1', '"items":1e400', '"running":[[0]]', '"stage":"a\\nb"'):
        name = nonsense.partition(":")[0]
        torn = re.sub(rf"{name}:[^,]+", nonsense, driver)
        job.folder.put("drivers/01234567.json", torn.encode())
        assert drivers(job.folder, job.listing()) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [(3, "incomplete"), (130, "stopped"), (2, "failed"), (4, "failed"), (1, "failed")],
)
def test_the_last_driver_says_how_it_ended(job: Job, code: int, expected: State) -> None:
    job.journal.write(Started(host="vm", pid=1, resumed=0))
    assert state(job) == "stopped"
    job.journal.write(Stopped(error="no memory", exit_code=code))
    found = standing(job, job.listing())
    assert (found.state, found.error) == (expected, "no memory")
    # A worker may be the last to write.
    job.journal.write(Item(1.5, 0, 0, 0.1, {}))
    assert state(job) == expected
    job.journal.write(Started(host="vm", pid=2, resumed=0))
    assert state(job) == "stopped"


def test_only_the_end_of_a_log_is_read(job: Job) -> None:
    job.journal.write(Stopped(error="no memory", exit_code=3))
    for _ in range(LOOKS):
        job.journal.write(Item(1.5, 0, 0, 0.1, {}))
    assert state(job) == "stopped"


@pytest.mark.parametrize("error", [BadInput, Unavailable])
def test_a_driver_that_fails_runs_no_more(job: Job, error: type[Exception]) -> None:
    with pytest.raises(error), present(job.folder, "local"):
        raise error("no such thing")
    assert not job.listing().drivers
