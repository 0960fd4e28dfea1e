"""The cost of the Ray engine: workers kept busy, dispatching, losing a machine, submitting, memory.

Usage: ``python benchmarks/ray_engine.py [--quick]``. Prints Markdown tables.

Except in the submitted job, workers sleep instead of scoring, since this measures everything but
the model; engine and Ray are real, on this one machine, whose cores all workers share. What a job's
driver records for each shard is not included. Efficiency is the time that shards slept, over
workers times the time from the first shard's dispatch to the last one's outcome.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from common import PAINTING, clip, impasto, print_table
from impasto.engines.base import Control
from impasto.engines.ray.environment import configure_ray
from impasto.schema.job import JobSpec
from impasto.schema.outcome import Attempt, Done
from impasto.schema.plan import Plan, Shard
from impasto.settings import Settings, WorkerRange
from impasto.storage.stores import Stores
from impasto.worker.task import Task
from machine import facts

# The tests are not a package, and nothing else can start a cluster.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
# Machines of a cluster find the command there, too.
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
configure_ray()

import ray  # noqa: E402 (it reads the environment when it is imported)

from impasto.engines.ray import engine as engine_module  # noqa: E402
from support.raycluster import Cluster, driving  # noqa: E402

SPEC = JobSpec(source="clip.mp4", output="out.mp4", scorer="identity")
SECONDS = 2.0
"""The seconds that a shard takes."""


class Sleeper:
    """Replaces a worker's actor: sleeps as many milliseconds as a shard has items."""

    def __init__(self, *_: object) -> None:
        pass

    def assign(self, *_: object) -> tuple[str, str]:
        """Return a host and Ray's id of it."""
        return str(os.getpid()), ray.get_runtime_context().get_node_id()

    def run(self, attempt: Attempt, _: int) -> Iterator[int | Done]:
        """Sleep, with a sign of life every half second."""
        left = len(attempt.shard) / 1000
        while left > 0:
            time.sleep(min(left, 0.5))
            left -= 0.5
            yield 1
        yield Done(
            shard=attempt.shard.index, segment="", items=len(attempt.shard), bytes=0, seconds=0
        )

    def close(self) -> None:
        """Do nothing."""


def shards(count: int, seconds: float) -> list[Attempt]:
    """Make shards that take this long."""
    size = max(1, round(seconds * 1000))
    return [
        Attempt(shard=Shard(index=n, start=n * size, stop=(n + 1) * size)) for n in range(count)
    ]


def task(attempts: list[Attempt]) -> Task:
    """Make a task; sleepers do not look at it."""
    plan = Plan(source="table", output="records", items="rows")
    return Task(home="", stores={}, job="", spec=SPEC, plan=plan, sample=attempts[0].shard)


@contextmanager
def engine(
    workers: int, address: str | None, notes: list[tuple[float, str]] | None = None
) -> Iterator[engine_module.RayEngine]:
    """Enter the engine with this many sleeping workers, all of them placed."""
    vars(engine_module)["WorkerActor"] = Sleeper
    settings = Settings(
        engine="ray",
        workers=WorkerRange(least=workers, most=workers),
        address=address,
        device="cpu",
    )
    told = notes if notes is not None else []
    control = Control(
        lambda *_: None, lambda: False, noted=lambda text: told.append((time.monotonic(), text))
    )
    with engine_module.RayEngine(settings, control, SPEC, Stores({})) as entered:
        first = shards(workers, 0.001)
        while len({worker.host for worker in entered._pool} - {""}) < workers:
            list(entered.run(task(first), first))
        yield entered


@contextmanager
def cluster(*machines: int) -> Iterator[Cluster]:
    """Start a head without cores, and machines with the given cores; this process may drive it."""
    with Cluster(dashboard=True) as started, driving(started):
        for cores in machines:
            started.add_machine(cpus=cores)
        yield started


def busy(workers: int, rounds: int, address: str) -> tuple[float, float, float]:
    """Return the efficiency with this many workers, shards per second, driver CPU ms per shard."""
    with engine(workers, address) as entered:
        long = shards(workers * rounds, SECONDS)
        start = time.monotonic()
        done = len(list(entered.run(task(long), long)))
        efficiency = done * SECONDS / (workers * (time.monotonic() - start))
        short = shards(2000, 0)
        start, cpu = time.monotonic(), _cpu()
        done = len(list(entered.run(task(short), short)))
        seconds = time.monotonic() - start
        return efficiency, done / seconds, (_cpu() - cpu) / done * 1000


def lost() -> tuple[float, float]:
    """Kill one of two machines; return seconds until it was noticed, and all was done again.

    Eight of sixteen shards are done and four half done when it happens. The remaining machine has
    two workers, which finish theirs and then do six: three and a half times what one takes.
    """
    notes: list[tuple[float, str]] = []
    killed: list[float] = []

    def kill() -> None:
        killed.append(time.monotonic())
        started.remove_machine(started.machines[1])

    with cluster(2, 2) as started, engine(4, started.address, notes) as entered:
        attempts = shards(16, SECONDS)
        for n, _ in enumerate(entered.run(task(attempts), attempts), 1):
            if n == 8:
                threading.Timer(SECONDS / 2, kill).start()
        if not notes:
            sys.exit("the loss was not noticed")
        return notes[0][0] - killed[0], time.monotonic() - killed[0] - 3.5 * SECONDS


def submitted() -> tuple[float, float]:
    """Submit a job; return seconds until the command returned, and until its first frames."""
    # The folder outlives the cluster, whose job is still at work in it.
    with TemporaryDirectory() as name, cluster(2) as started:
        home = Path(name, "home")
        words = impasto("submit", clip(), "--style", PAINTING, "-o", Path(name, "out.mp4"))
        words += ["--shard-frames", "4", "--end", "0:01"]
        words += ["--home", str(home), "--address", started.url]
        start = time.monotonic()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        handed = time.monotonic() - start
        while not list(home.glob("jobs/*/done/*.json")):
            if time.monotonic() - start > 120:
                sys.exit("no frame came in two minutes")
            time.sleep(0.05)
        return handed, time.monotonic() - start


def memory(count: int) -> tuple[float, float]:
    """Return the driver's MB before a job of this many shards, and the peak."""
    # Ray on this machine alone has room for as many as there are cores.
    with engine(len(os.sched_getaffinity(0)), None) as entered:
        before = psutil.Process().memory_info().rss
        attempts = shards(count, 0)
        done = {outcome.shard: outcome for outcome in entered.run(task(attempts), attempts)}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if len(done) != count:
            sys.exit("shards were lost")
        return before / 1e6, peak / 1e6


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer workers and shards")
    quick = parser.parse_args().quick
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    print(f"{facts()}; Ray {ray.__version__}\n")
    rows = []
    with cluster(64) as started:
        for workers in (8,) if quick else (8, 32, 64):
            efficiency, rate, cpu = busy(workers, 3 if quick else 10, started.address)
            rows.append([str(workers), f"{efficiency:.3f}", f"{rate:.0f}", f"{cpu:.2f}"])
    head = ["workers", "efficiency", "empty shards a second", "driver's CPU, ms a shard"]
    print_table("Workers that sleep 2 s a shard", head, rows)
    noticed, extra = lost()
    rows = [
        ["until the engine knew that the machine was gone", f"{noticed:.1f}"],
        ["beyond what the rest takes on the machine that is left", f"{extra:.1f}"],
    ]
    print_table("One of two machines killed", ["", "seconds"], rows)
    handed, first = submitted()
    rows = [
        ["until the command returned", f"{handed:.1f}"],
        ["until the first 4 frames were stored", f"{first:.1f}"],
    ]
    print_table("impasto submit to a warm cluster, 720p style", ["", "seconds"], rows)
    count = 10_000 if quick else 100_000
    before, after = memory(count)
    rows = [["at first", f"{before:.0f}"], ["at most", f"{after:.0f}"]]
    print_table(f"The driver's memory, {count} shards", ["", "MB"], rows)


if __name__ == "__main__":
    main()
