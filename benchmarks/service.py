"""The service under load: many clients that list and follow the jobs of a large home.

Usage: ``python benchmarks/service.py [--quick] [--minutes N]``. Prints Markdown tables; two minutes
and a half, and N more for the memory.

A home in a folder has 1,000 jobs, which were recorded and not run; this process keeps four of them
alive and writes a line to one of their logs every 25 ms. `impasto serve --no-watch` is a process of
its own. 200 clients, each with a token of its own, follow one of the four jobs and list 50 jobs
once a second, for a minute. Clients, writer and service share the machine's cores.

- **Delay.** From the writing of a line to its arrival at a client, by the machine's clock.
- **Lost, doubled.** Lines that a client did not get, or got twice. In the second run the service is
  killed in the middle and started again; clients connect again as browsers do.
- **Memory** over minutes is measured with a line every 250 ms: what is known of a followed job
  grows with the objects of its log, and each line is one here.
- **Requests to the store** are those of the service, as its metrics tell. To poll instead, each
  client would make one for the list and one for the log at each look.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil

from common import print_table
from impasto.schema.events import Workers
from impasto.server.access.tokens import Tokens
from impasto.storage.stores import Stores
from machine import facts

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support import board

if TYPE_CHECKING:
    from impasto.jobs.job import Job
    from impasto.storage.store import Store

JOBS, ALIVE, CLIENTS, SECONDS = 1000, 4, 200, 60.0
EVERY, SELDOM, PAUSE = 0.025, 0.25, 1.0
PORT = 8719
LONGEST_LINE = 1 << 22
"""Bytes; the first message has all jobs."""
AGAIN = 1.0
"""Seconds after which a client connects again, as browsers do."""


@dataclass
class Seen:
    """What the clients saw.

    Attributes:
        listing: seconds of each listing.
        delays: seconds of each line of a log.
        lines: how often each client got each line.
        failures: requests that were not answered.
    """

    listing: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    lines: list[Counter[int]] = field(default_factory=list)
    failures: int = 0


class Writer:
    """Keeps some jobs alive, and writes lines to their logs."""

    def __init__(self, jobs: list[Job], every: float = EVERY) -> None:
        self._jobs, self._every, self._ended = jobs, every, threading.Event()
        self.written: Counter[int] = Counter()
        self._threads = [threading.Thread(target=each) for each in (self._write, self._beat)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        number = 0
        while not self._ended.wait(self._every):
            which = number % len(self._jobs)
            text = json.dumps([number, time.time()])
            self._jobs[which].journal.write(Workers(text=text))
            self.written[which] += 1
            number += 1

    def _beat(self) -> None:
        while not self._ended.wait(30.0):
            for job in self._jobs:
                board.drive(job)


class Served:
    """The service as a process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "impasto", "serve", "--no-watch", "--port", str(PORT)]
        self._process = subprocess.Popen(
            [*command, "--home", str(folder / "home")], cwd=folder, stdout=subprocess.DEVNULL
        )
        self.facts = psutil.Process(self._process.pid)

    @property
    def memory(self) -> float:
        """Megabytes that it holds."""
        return float(self.facts.memory_info().rss / 1e6)

    @property
    def cpu(self) -> float:
        """Seconds of a core that it has used."""
        used = self.facts.cpu_times()
        return float(used.user + used.system)

    def end(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for its end."""
        self._process.send_signal(number)
        self._process.wait()


async def client(number: int, token: str, job: str, seen: Seen, until: float) -> None:
    """List and follow until a time."""
    headers = {"Authorization": f"Bearer {token}"}
    base = f"http://127.0.0.1:{PORT}/v1"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(
        headers=headers, timeout=timeout, read_bufsize=LONGEST_LINE
    ) as session:
        following = asyncio.ensure_future(_follow(session, base, job, seen, seen.lines[number]))
        while time.time() < until:
            began = time.perf_counter()
            try:
                async with session.get(f"{base}/jobs?limit=50") as answer:
                    await answer.read()
                    if answer.status == 200:
                        seen.listing.append(time.perf_counter() - began)
                    else:
                        seen.failures += 1
            except aiohttp.ClientError:
                seen.failures += 1
            await asyncio.sleep(max(0.0, PAUSE - (time.perf_counter() - began)))
        # What was written last is still on its way.
        await asyncio.sleep(5.0)
        following.cancel()


async def _follow(
    session: aiohttp.ClientSession, base: str, job: str, seen: Seen, lines: Counter[int]
) -> None:
    last = ""
    while True:
        try:
            headers = {"Last-Event-ID": last} if last else {}
            async with session.get(f"{base}/events?job={job}", headers=headers) as answer:
                event: dict[str, str] = {}
                async for raw in answer.content:
                    name, _, value = raw.decode().rstrip("\n").partition(": ")
                    if name:
                        event[name] = value
                        continue
                    last = event.get("id", last)
                    if event.get("event") == "log":
                        _note(json.loads(event["data"]), seen, lines)
                    event = {}
        except (aiohttp.ClientError, ValueError):
            pass
        await asyncio.sleep(AGAIN)


def _note(data: dict[str, Any], seen: Seen, lines: Counter[int]) -> None:
    now = time.time()
    for line in data["lines"]:
        number, at = json.loads(line["fields"]["text"])
        lines[number] += 1
        seen.delays.append(now - at)


async def _load(tokens: list[str], jobs: list[Job], seen: Seen, seconds: float) -> None:
    until = time.time() + seconds
    seen.lines = [Counter() for _ in tokens]
    clients = (
        client(number, token, jobs[number % len(jobs)].id, seen, until)
        for number, token in enumerate(tokens)
    )
    await asyncio.gather(*clients)


async def _ready(token: str) -> dict[str, float]:
    """Wait until the service answers; returns its requests to the store by operation."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{PORT}/v1/jobs?limit=1") as answer:
                    if answer.status == 200:
                        break
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
        async with session.get(f"http://127.0.0.1:{PORT}/v1/metrics") as answer:
            text = await answer.text()
    rows = [line.rpartition(" ") for line in text.splitlines()]
    found = {name: float(value) for name, _, value in rows if "store_requests_total{" in name}
    return {name: value for name, value in found.items() if not name.startswith("#")}


def measure(
    folder: Path, tokens: list[str], jobs: list[Job], seconds: float, *, kill: bool
) -> list[str]:
    """Return a row of the table."""
    seen, service = Seen(), Served(folder)
    before = asyncio.run(_ready(tokens[0]))
    cpu, writer = service.cpu, Writer(jobs)
    restarted: list[Served] = []

    def again() -> None:
        service.end(signal.SIGKILL)
        restarted.append(Served(folder))

    timer = threading.Timer(seconds / 2, again)
    if kill:
        timer.start()
    stopping = threading.Timer(seconds, writer.stop)
    stopping.start()
    asyncio.run(_load(tokens, jobs, seen, seconds))
    stopping.join()
    service = restarted[0] if restarted else service
    used = service.cpu - (0.0 if kill else cpu)
    after = asyncio.run(_ready(tokens[0]))
    requests = sum(after.values()) - (0.0 if kill else sum(before.values()))
    memory = service.memory
    service.end(signal.SIGTERM)
    expected = [writer.written[number % len(jobs)] for number in range(len(tokens))]
    lost = sum(most - len(got) for most, got in zip(expected, seen.lines, strict=True))
    doubled = sum(sum(got.values()) - len(got) for got in seen.lines)
    return [
        "killed and restarted" if kill else "undisturbed",
        *_spread(seen.listing),
        *_spread(seen.delays),
        f"{len(seen.delays):,}",
        f"{lost}",
        f"{doubled}",
        f"{seen.failures}",
        f"{requests:,.0f}",
        f"{used:.1f}",
        f"{memory:.0f}",
    ]


def _spread(seconds: list[float]) -> tuple[str, str]:
    parts = quantiles(seconds, n=100)
    return f"{parts[49] * 1000:.0f}", f"{parts[98] * 1000:.0f}"


def steady(folder: Path, tokens: list[str], jobs: list[Job], minutes: int) -> list[tuple[str, str]]:
    """Return the memory of the service after each minute of a load."""
    service, rows = Served(folder), []
    asyncio.run(_ready(tokens[0]))
    writer = Writer(jobs, SELDOM)
    for minute in range(1, minutes + 1):
        asyncio.run(_load(tokens, jobs, Seen(), 55.0))
        rows.append((f"{minute}", f"{service.memory:.0f}"))
    writer.stop()
    service.end(signal.SIGTERM)
    return rows


def alive(home: Store, first: int) -> list[Job]:
    """Record jobs that this process drives, numbered from the first."""
    jobs = [board.record(home, first + number) for number in range(ALIVE)]
    for job in jobs:
        board.drive(job)
    return jobs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer jobs and clients, 10 seconds")
    parser.add_argument("--minutes", type=int, default=0, help="also measure memory for so long")
    given = parser.parse_args()
    many, clients, seconds = (100, 20, 10.0) if given.quick else (JOBS, CLIENTS, SECONDS)
    print(f"{facts()}; load {os.getloadavg()[0]:.1f} at the start\n")
    with TemporaryDirectory() as name:
        folder = Path(name)
        home = Stores({}).open_home(str(folder / "home"))
        tokens = [Tokens(home).create("viewer")[1] for _ in range(clients)]
        for number in range(many):
            board.finish(board.record(home, number))
        head = ["run", "list p50, ms", "p99", "event p50, ms", "p99", "events", "lost", "doubled"]
        head += ["unanswered", "store requests", "CPU, s", "memory, MB"]
        runs = []
        for first, kill in ((many, False), (many + ALIVE, True)):
            jobs = alive(home, first)
            runs.append(measure(folder, tokens, jobs, seconds, kill=kill))
            for job in jobs:
                job.folder.delete("drivers/00000000.json")
        print_table(f"{clients} clients, {many:,} jobs, {seconds:.0f} s.", head, runs)
        if given.minutes:
            rows = steady(folder, tokens, alive(home, many + 2 * ALIVE), given.minutes)
            print_table("Memory under the same load.", ("minute", "MB"), rows)


if __name__ == "__main__":
    main()
