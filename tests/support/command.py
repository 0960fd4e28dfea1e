"""The real command line: in a separate process, or in this one where a process is not the point."""

from __future__ import annotations

import io
import logging
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING
from unittest import mock

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "impasto"]
WORKER = "impasto-worker"
"""The name of a process that scores."""
JOBS = {"run", "resume", "retry"}
"""Commands that run a job."""


def impasto(*args: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    words = [*COMMAND, *map(str, args)]
    return subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)


def call(*args: object, inline: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this process.

    Args:
        args: its arguments.
        inline: whether this process also scores, if it runs a job; else it starts workers.

    Returns:
        Its exit code and output, without what libraries write to file descriptors.
    """
    from impasto.cli.main import main

    command, *rest = map(str, args)
    engine = ["--engine", "inline"] if inline and command in JOBS else []
    words = ["impasto", command, *engine, *rest]
    code: object = 0
    out, err, root = io.StringIO(), io.StringIO(), logging.getLogger()
    with ExitStack() as stack:
        # Hooks that it sets for the rest of its process.
        for thing in (sys, threading):
            stack.enter_context(mock.patch.object(thing, "excepthook", thing.excepthook))
        stack.enter_context(mock.patch.object(root, "handlers", root.handlers))
        stack.enter_context(mock.patch.object(sys, "argv", words))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def parsed(*words: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return a run's own options, and what it leaves to the scorer."""
    from typer.main import get_command

    from impasto.cli.main import app
    from impasto.cli.scorer_commands import PARAMS, ScorerCommand

    command = get_command(app).commands["run"]  # type: ignore[attr-defined]
    assert isinstance(command, ScorerCommand)
    context = command.make_context("run", list(words))
    return context.params, context.meta[PARAMS]


def start(*args: object) -> subprocess.Popen[str]:
    """Start a command."""
    words = [*COMMAND, *map(str, args)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Check repeatedly until something holds; fail the test if it never does."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


def found(folder: Path, pattern: str) -> int:
    """Return how many files match."""
    return len(list(folder.glob(pattern)))


def workers_of(driver: subprocess.Popen[str]) -> list[psutil.Process]:
    """List the processes that score for a driver on this machine, the oldest first."""
    children = psutil.Process(driver.pid).children(recursive=True)
    return [each for each in children if each.name() == WORKER]


def tree(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """List a driver and all that it has started, the driver first."""
    driver = psutil.Process(process.pid)
    return [driver, *driver.children(recursive=True)]


def kill_tree(process: subprocess.Popen[str]) -> None:
    """SIGKILL a driver and its workers, the driver first, as a power failure would."""
    processes = tree(process)
    for each in processes:
        each.kill()
    process.wait()
    psutil.wait_procs(processes, 10)


@contextmanager
def frozen(*processes: psutil.Process) -> Iterator[None]:
    """Stop processes for the length of a block, without ending them."""
    for each in processes:
        each.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGCONT)
