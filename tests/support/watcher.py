"""The watcher as a real process, in a folder with an `impasto.toml` of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from support.command import COMMAND, call
from support.stores import config_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from impasto.schema.profile import StoreProfile

DEADLINE = 90.0
"""Seconds within which anything that a test waits for must happen, on a busy machine too."""
SQUARES = """\
class Squares:
    def score(self, batch):
        return [{"n": int(n), "square": int(n) ** 2} for n in batch["n"]]
"""
"""A scorer of rows, which needs no torch."""

SLOW = """\
import time
from pathlib import Path

class Squares:
    def score(self, batch):
        while not Path(GATE).exists():
            time.sleep(0.05)
        return [{"n": int(n), "square": int(n) ** 2} for n in batch["n"]]
"""


def write_rules(
    folder: Path,
    rules: Mapping[str, Mapping[str, object]],
    *,
    home: str = "",
    stores: Mapping[str, StoreProfile] | None = None,
    **watch: object,
) -> None:
    """Write an `impasto.toml` whose rules square rows, unless they say otherwise."""
    (folder / "squares.py").write_text(SQUARES)
    lines = [f"home = {json.dumps(home or str(folder / 'home'))}", "", *config_lines(stores or {})]
    lines += ["", "[watch]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in {"beat": 1, **watch}.items()]
    for name, given in rules.items():
        keys = {
            "inbox": str(folder / "in"),
            "scorer": f"python:{folder / 'squares.py'}:Squares",
            "patterns": ["**/*.csv"],
            "output": f"{folder / 'out'}/{{path}}/{{name}}.jsonl",
            "settle": 0.2,
            "interval": 1,
            **given,
        }
        lines += ["", f"[rules.{name}]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value != ""]
    (folder / "impasto.toml").write_text("\n".join(lines) + "\n")
    (folder / "in").mkdir(exist_ok=True)


def slowly(folder: Path) -> Path:
    """Make the scorer wait until a file exists; returns its path."""
    gate = folder / "gate"
    (folder / "squares.py").write_text(SLOW.replace("GATE", repr(str(gate))))
    return gate


def drop(path: Path, numbers: Iterable[int]) -> Path:
    """Write a table into an inbox, as programs should: under another name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    draft.write_text("n\n" + "".join(f"{n}\n" for n in numbers))
    draft.rename(path)
    return path


def squares(path: Path) -> list[int]:
    """Return what the scorer made of a table."""
    return [json.loads(line)["square"] for line in path.read_text().splitlines()]


class Watching:
    """A running `impasto watch`; a context that ends it."""

    def __init__(
        self, folder: Path, *args: str, env: Mapping[str, str] | None = None, first: str = ""
    ) -> None:
        """Start it in a folder.

        Args:
            folder: has `impasto.toml`.
            args: further arguments.
            env: variables that this process lacks.
            first: code that its process runs first, such as to shorten what a test cannot wait for.
        """
        self.folder = folder
        self.lines: list[dict[str, Any]] = []
        self.other: list[str] = []
        started = f"{first}\nfrom impasto.cli.main import main\nmain()"
        command = [sys.executable, "-c", started] if first else COMMAND
        self._process = subprocess.Popen(
            [*command, "watch", "--json", *args],
            cwd=folder,
            env=os.environ | dict(env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        self._process.kill()
        self.ended()

    def ended(self, seconds: float = DEADLINE) -> int:
        """Wait for its end; returns its exit code."""
        code = self._process.wait(seconds)
        self._reader.join(10)
        return code

    def states(self, state: str) -> list[dict[str, Any]]:
        """Return the news with a state, such as ``done``."""
        return [line for line in self.lines if line.get("state") == state]

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so; fails with what was printed."""
        until = time.monotonic() + DEADLINE
        while not condition():
            assert self.alive, self.output
            assert time.monotonic() < until, self.output
            time.sleep(0.02)

    def until_told(self, words: str) -> None:
        """Wait until it has told something."""
        self.until(lambda: any(words in line["text"] for line in self.lines))

    @property
    def output(self) -> str:
        """All that it printed."""
        return "\n".join([*map(json.dumps, self.lines), *self.other])

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.other.append(line.rstrip())


def status(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what `impasto watch status` says of each rule."""
    done = call("watch", "status", "--config", folder / "impasto.toml", "--json")
    assert done.returncode == 0, done.stderr
    return {found["rule"]: found for found in map(json.loads, done.stdout.splitlines())}


def job_ids(folder: Path) -> list[str]:
    """Return the ids of the jobs of the home."""
    jobs = folder / "home" / "jobs"
    return sorted(path.name for path in jobs.iterdir()) if jobs.exists() else []
