"""What every engine owes its caller, with real processes, on this machine and on a cluster."""

from __future__ import annotations

import shutil
import threading
from contextlib import closing
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from impasto.driver.open_job import open_job
from impasto.driver.submit import submit
from impasto.engines.base import Control, Engine
from impasto.engines.open import open_engine
from impasto.errors import BadInput, Unavailable
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Attempt, Done, Failed
from impasto.schema.workers import WorkerCounts
from impasto.settings import Settings, WorkerRange
from impasto.storage.stores import Stores
from impasto.worker.task import Task
from support import SCRIPTS
from support.command import wait_for
from support.planned import planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.raycluster import Cluster

SCORER = f"python:{SCRIPTS / 'obedient.py'}:Obedient"
GOODBYE = """
from pathlib import Path

def run(mini_batch):
    return [1] * len(mini_batch)

def shutdown():
    Path({marker!r}).write_text("in order")
"""


@dataclass
class Bench:
    """A job whose shards have two rows each, and an engine that may run it.

    Attributes:
        folder: where the scorer leaves its notes.
        settings: which engine.
        told: what the engine told of progress.
        counts: how many workers it had, at every change.
    """

    folder: Path
    settings: Settings
    told: list[tuple[int, int]] = field(default_factory=list)
    counts: list[WorkerCounts] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def job(
        self, *orders: str, scorer: str = SCORER, **fields: object
    ) -> tuple[Task, list[Attempt]]:
        """Record a job whose rows are these orders, and its plan."""
        rows = self.folder / "rows.csv"
        lines = [f"{number},{order}\n" for number, order in enumerate(orders)]
        rows.write_text("number,order\n" + "".join(lines))
        given = {"params": {"args": {"folder": str(self.folder)}}} | fields
        spec = JobSpec(
            source=str(rows),
            output=str(self.folder / "out.jsonl"),
            scorer=scorer,
            shard_frames=2,
            **given,  # type: ignore[arg-type]
        )
        opened = open_job(spec, self.settings)
        job = submit(opened)
        spec = job.spec()
        plan = planned(opened.source, spec)
        job.record(plan)
        task = Task(
            home=self.settings.home,
            stores={},
            job=job.id,
            spec=spec,
            plan=plan.model_copy(update={"shards": ()}),
            sample=plan.shards[0],
            memory=self.settings.memory or 0,
        )
        return task, [Attempt(shard=shard) for shard in plan.shards]

    def engine(self, task: Task) -> Engine:
        control = Control(
            progress=lambda shard, items: self.told.append((shard, items)),
            stopping=self.stop.is_set,
            workers_changed=self.counts.append,
        )
        return open_engine(self.settings, task.spec, control, Stores({}))

    def run(self, task: Task, attempts: list[Attempt]) -> dict[int, Done | Failed]:
        """Run to the end; there is one outcome a shard."""
        with self.engine(task) as engine:
            outcomes = [*engine.run(task, attempts)]
        found = {outcome.shard: outcome for outcome in outcomes}
        assert len(found) == len(outcomes)
        return found

    def begun(self) -> dict[int, int]:
        """Return the process that began each row."""
        paths = self.folder.glob("begun-*")
        return {int(path.name[6:]): int(path.read_text()) for path in paths}

    def go(self) -> None:
        """Let the rows pass that wait."""
        (self.folder / "go").touch()


@pytest.fixture(params=["local", "ray"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """An engine with worker processes."""
    return _bench(request, tmp_path)


@pytest.fixture(params=["local", "ray", "inline"])
def any_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Any engine."""
    return _bench(request, tmp_path)


def _bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    fields = {"engine": request.param, "device": "cpu", "workers": "2"}
    if request.param == "ray":
        fields["address"] = request.getfixturevalue("driven").address
    return Bench(tmp_path, Settings(home=str(tmp_path / "home"), **fields))


def meanwhile(action: Callable[[], None]) -> threading.Thread:
    """Start something beside the engine's loop."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def test_there_is_one_outcome_a_shard_and_progress_is_told_while_it_runs(
    any_bench: Bench,
) -> None:
    bench = any_bench
    task, attempts = bench.job("fine", "fine", "fine", "wait", "fine", "fine")
    # Beyond the table's end: nothing can be read there.
    lost = attempts[2].shard.model_copy(update={"span": (10**6, 10**6 + 10)})
    attempts[2] = Attempt(shard=lost)

    def release() -> None:
        wait_for(lambda: (1, 1) in bench.told)
        bench.go()

    helper = meanwhile(release)

    found = bench.run(task, attempts)

    helper.join()
    assert {n: type(outcome) for n, outcome in found.items()} == {0: Done, 1: Done, 2: Failed}
    assert [it.items for it in found.values() if isinstance(it, Done)] == [2, 2]
    assert (1, 1) in bench.told
    assert any(it.running for it in bench.counts)
    assert all(it.running <= 2 for it in bench.counts)


def test_given_no_shards_an_engine_does_nothing(any_bench: Bench) -> None:
    bench = any_bench
    task, _ = bench.job("fine", "fine")
    assert bench.run(task, []) == {}
    assert bench.begun() == {}


def test_a_scorer_that_cannot_be_loaded_is_bad_input_with_its_own_words(
    any_bench: Bench,
) -> None:
    bench = any_bench
    args = {"args": {"folder": str(bench.folder), "broken": True}}
    task, attempts = bench.job("fine", "fine", "fine", "fine", params=args)
    with pytest.raises(BadInput, match="no such weights"):
        bench.run(task, attempts)
    assert bench.begun() == {}


def test_a_machine_that_sees_another_home_or_no_source_is_refused_before_it_scores(
    any_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = any_bench
    task, attempts = bench.job("fine", "fine")
    monkeypatch.setattr("impasto.engines.ray.patience.RENEWAL", 0.0)
    monkeypatch.setattr("impasto.engines.ray.start_failures.TRIES", 1)
    elsewhere = task.model_copy(update={"home": str(bench.folder / "another")})
    with pytest.raises(Unavailable, match="name a home that every machine sees"):
        bench.run(elsewhere, attempts)
    (bench.folder / "rows.csv").unlink()
    with pytest.raises(Unavailable, match=r"rows.csv: is not on .*: `impasto cp`"):
        bench.run(task, attempts)
    assert bench.begun() == {}


@pytest.mark.parametrize(
    ("share", "gpus", "workers"), [(1, 2, 2), (0.5, 1, 2), (0.2, 1, 5), (0.1, 1, 10), (0.6, 2, 2)]
)
def test_parts_of_gpus_are_counted_as_ray_places_them(
    share: float, gpus: int, workers: int
) -> None:
    settings = Settings(engine="ray", gpus_per_worker=share)
    control = Control(lambda *_: None, lambda: False)
    engine = open_engine(settings, JobSpec(source="a.mp4", output="b.mp4"), control, Stores({}))
    assert engine._share.fitting(100, gpus) == workers  # type: ignore[attr-defined]


def test_once_asked_to_stop_what_runs_is_finished_and_nothing_starts(any_bench: Bench) -> None:
    bench = any_bench
    task, attempts = bench.job(*["wait"] * 12)

    def stop() -> None:
        wait_for(bench.begun)
        bench.stop.set()
        # Long enough for an engine that does not listen to give out shards.
        threading.Event().wait(1)
        bench.go()

    helper = meanwhile(stop)
    found = bench.run(task, attempts)
    helper.join()
    assert 1 <= len(found) <= 2
    assert all(isinstance(outcome, Done) for outcome in found.values())
    assert {row // 2 for row in bench.begun()} == found.keys()


def test_a_killed_worker_is_an_outcome_that_names_its_item(bench: Bench) -> None:
    task, attempts = bench.job("fine", "fine", "fine", "wait", "fine", "fine", "fine", "fine")

    def kill() -> None:
        wait_for(lambda: bench.begun().get(3))
        psutil.Process(bench.begun()[3]).kill()

    helper = meanwhile(kill)
    found = bench.run(task, attempts)
    helper.join()
    failed = found.pop(1)
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.items) == ("died", (3,))
    assert "signal 9" in failed.error
    assert {n: type(outcome) for n, outcome in found.items()} == {0: Done, 2: Done, 3: Done}


def test_a_frozen_worker_is_given_up_and_so_is_one_with_all_around_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, attempts = bench.job("fine", "fine", "fine", "wait", "fine", "wait", "fine", "fine")
    cluster = bench.settings.engine == "ray"
    # An actor says every 5 seconds that it lives.
    stall = 12.0 if cluster else 6.0
    task = task.model_copy(update={"stall": stall})
    frozen: list[psutil.Process] = []

    def freeze() -> None:
        wait_for(lambda: {3, 5} <= bench.begun().keys())
        one, other = (psutil.Process(bench.begun()[row]) for row in (3, 5))
        actor = other.parent()
        around = [actor] if cluster and actor else []
        frozen.extend([one, other, *around])
        for process in frozen:
            process.suspend()

    if cluster:
        monkeypatch.setattr("impasto.engines.ray.engine.SILENCE", stall)
    helper = meanwhile(freeze)
    found = bench.run(task, attempts)
    helper.join()
    assert {n: type(it) for n, it in found.items()} == {0: Done, 1: Failed, 2: Failed, 3: Done}
    for failed in (found[1], found[2]):
        assert isinstance(failed, Failed)
        assert failed.kind == "died"
        assert f"did not respond for {stall:.0f} s" in failed.error
    wait_for(lambda: not any(process.is_running() for process in frozen), 20)


def test_what_ends_a_worker_is_told_with_its_item_and_the_engine_goes_on(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"memory": 700 << 20})
    orders = ["fine", "hang", "exit", "fine", "fine", "leak", "fine", "fine"]
    task, attempts = bench.job(*orders, timeout=5)

    found = bench.run(task, attempts)

    failed = {n: it for n, it in found.items() if isinstance(it, Failed)}
    told = {n: (it.kind, it.items) for n, it in failed.items()}
    assert told == {0: ("timeout", (1,)), 1: ("died", (2,)), 2: ("died", (5,))}
    assert "`timeout`" in failed[0].error
    assert "exit code 7" in failed[1].error
    assert "`memory`" in failed[2].error
    assert isinstance(found[3], Done)


def test_workers_end_in_order_when_all_is_done(any_bench: Bench) -> None:
    bench = any_bench
    marker, script = bench.folder / "goodbye", bench.folder / "script.py"
    script.write_text(GOODBYE.format(marker=str(marker)))
    task, attempts = bench.job("fine", "fine", scorer=f"script:{script}", params={})
    assert isinstance(bench.run(task, attempts)[0], Done)
    assert marker.read_text() == "in order"


def test_a_worker_without_a_shard_leaves_while_another_one_scores(
    tmp_path: Path, driven: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.engines.ray.pool.IDLE", 1.0)
    fields = {"engine": "ray", "device": "cpu", "workers": "2", "address": driven.address}
    bench = Bench(tmp_path, Settings(home=str(tmp_path / "home"), **fields))  # type: ignore[arg-type]
    task, attempts = bench.job("wait", "fine", "fine", "fine")

    def look() -> None:
        # The first one hired is the one that is busy.
        wait_for(lambda: 3 in bench.begun() and sum(astuple(bench.counts[-1])) == 1)
        wait_for(lambda: len(driven.workers()) == 1)
        bench.go()

    helper = meanwhile(look)
    found = bench.run(task, attempts)
    helper.join()
    assert {type(it) for it in found.values()} == {Done}
    assert bench.counts[-1].running + bench.counts[-1].idle == 1


def test_an_idle_worker_stays_for_a_shard_that_may_turn_out_to_be_a_straggler(
    tmp_path: Path, driven: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.engines.ray.pool.IDLE", 0.5)
    monkeypatch.setattr("impasto.engines.ray.stragglers.SLOW", 8.0)
    fields = {"engine": "ray", "device": "cpu", "workers": "2", "address": driven.address}
    settings = Settings(home=str(tmp_path / "home"), speculate=True, **fields)  # type: ignore[arg-type]
    bench = Bench(tmp_path, settings)
    task, attempts = bench.job("straggle", "fine", *["slow", "fine"] * 3)
    # It would hang for ever, but for a second copy.
    assert {type(it) for it in bench.run(task, attempts).values()} == {Done}
    assert any(it.idle for it in bench.counts)


def test_a_worker_that_cannot_begin_is_told_of_and_not_waited_for(
    tmp_path: Path, driven: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not before the cluster is up: Ray reads its environment when it is imported.
    from impasto.engines.ray.actor import WorkerActor

    class Unable(WorkerActor):
        def __init__(self, *_: object) -> None:
            raise OSError("no process can be started here")

    monkeypatch.setattr("impasto.engines.ray.engine.WorkerActor", Unable)
    monkeypatch.setattr("impasto.engines.ray.patience.RENEWAL", 1.0)
    monkeypatch.setattr("impasto.engines.ray.start_failures.TRIES", 1)
    fields = {"engine": "ray", "device": "cpu", "workers": "1", "address": driven.address}
    bench = Bench(tmp_path, Settings(home=str(tmp_path / "home"), **fields))  # type: ignore[arg-type]
    task, attempts = bench.job("fine", "fine")
    with pytest.raises(Unavailable, match="no process can be started here"):
        bench.run(task, attempts)


def test_no_worker_is_left_when_the_engine_is_left_by_an_error(bench: Bench) -> None:
    task, attempts = bench.job("fine", "fine", "hang", "hang")

    def leave() -> None:
        with bench.engine(task) as engine, closing(engine.run(task, attempts)) as run:  # type: ignore[type-var]
            next(run)
            wait_for(lambda: 2 in bench.begun())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    workers = {*bench.begun().values()}
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in workers), 15)
    shutil.rmtree(bench.folder / "home")


def test_a_worker_begins_its_next_shard_while_the_caller_records_the_last(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"workers": WorkerRange(most=1)})
    task, attempts = bench.job("fine", "fine", "wait", "fine")
    with bench.engine(task) as engine, closing(engine.run(task, attempts)) as run:  # type: ignore[type-var]
        next(run)
        wait_for(lambda: 2 in bench.begun())
        bench.go()
        assert [type(outcome) for outcome in run] == [Done]
