"""The watcher: from an upload to its job, what a quiet pass costs, and small jobs an hour.

Usage: ``python benchmarks/watch.py [--quick]``. Needs Azurite, which ``make test`` installs. Prints
Markdown tables; about 15 minutes.

Clips are the first 24 frames of the Big Buck Bunny clip at 160x120, painted. Azurite (over HTTPS)
and moto run on the same cores as the watcher. Each store has a container for inbox and outputs and
another one for the home.

- **Delays.** From the end of an upload to the first line of its job's log and to the job's end, as
  that log has them, by `impasto watch` with warm workers; one upload at a time, the first left out.
  Where a queue has to be told, it is told right after the upload. Without a queue, uploads are
  spread evenly over the interval.
- **Quiet passes.** Over objects that have all been seen; the folder has 100 in each of its folders.
  A process with nothing but the watch of one rule learns what was seen, then looks at all objects
  11 times. CPU is that of this process, in all its threads. A proxy counts requests.
- **Jobs an hour.** Clips that are in the inbox already, by `impasto watch --once`, its own start
  included, against one `impasto run` after the other. The steps of a job are the times of its
  objects, medians of the second half of the jobs.
- **Rows.** The same with tables of 20 rows through a Python class that needs no PyTorch: what
  remains is the cost of the watcher and of a job's records.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory


@dataclass(frozen=True, slots=True)
class Scale:
    """The amounts that are measured.

    Attributes:
        rounds: uploads of each kind.
        files: objects in the folders of quiet passes.
        blobs: objects in the containers of quiet passes.
        clips: clips that the watcher paints.
        looped: clips that each loop paints.
        tables: tables of rows.
    """

    rounds: int = 7
    files: tuple[int, ...] = (1000, 10_000, 100_000)
    blobs: tuple[int, ...] = (1000, 10_000)
    clips: int = 60
    looped: int = 20
    tables: int = 200


QUICK = Scale(3, (1000,), (1000,), 20, 4, 20)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a little of everything")
    scale = QUICK if parser.parse_args().quick else Scale()
    # Otherwise watchers and servers would outlive this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # Here and not above: child processes import this file too, and must stay small.
    from common import print_table
    from machine import facts
    from watching import delays, jobs, passes

    print(f"{facts()}; load {os.getloadavg()[0]:.1f} at the start\n")
    with TemporaryDirectory() as name:
        folder = Path(name)
        title = "From the end of an upload; the goal is a first line within 2 s by a wake-up."
        print_table(title, delays.HEAD, delays.table(folder, scale.rounds))
        title = "A pass in which nothing is new."
        print_table(title, passes.HEAD, passes.table(folder, scale.files, scale.blobs))
        rates, steps = jobs.rates(folder, scale.clips, scale.looped)
        title = f"Tiny clips, {jobs.AT_ONCE} at once; the goal is 5 times the rate of a loop."
        print_table(title, jobs.RATE_HEAD, rates)
        print_table("A job among them; medians.", jobs.STEP_HEAD, steps)
        title = f"Tables of {jobs.ROWS} rows, {jobs.AT_ONCE} at once."
        print_table(title, jobs.COST_HEAD, jobs.costs(folder, scale.tables))
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
