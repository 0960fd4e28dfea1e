"""The real command line in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMAND = [sys.executable, "-m", "impasto"]


def impasto(*args: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    words = [*COMMAND, *map(str, args)]
    return subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)


def start(*args: object) -> subprocess.Popen[str]:
    """Start a command."""
    words = [*COMMAND, *map(str, args)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Look again and again until something holds; fails the test when it never does."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


def found(folder: Path, pattern: str) -> int:
    """How many files match."""
    return len(list(folder.glob(pattern)))


def workers_of(driver: subprocess.Popen[str]) -> list[psutil.Process]:
    """List the processes that score for a driver on this machine, the oldest first."""
    children = psutil.Process(driver.pid).children()
    return [each for each in children if "impasto.engines.worker_main" in " ".join(each.cmdline())]


def kill_tree(process: subprocess.Popen[str]) -> None:
    """SIGKILL a driver and its workers, the driver first, as a power failure would."""
    tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for each in tree:
        each.kill()
    process.wait()
    psutil.wait_procs(tree, 10)
