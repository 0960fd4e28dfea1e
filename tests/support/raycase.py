"""A job on a real Ray cluster, for the tests: its rows say what happens to their worker."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import SCRIPTS
from support.command import wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from support.raycluster import Cluster

SCORER = f"python:{SCRIPTS / 'obedient.py'}:Obedient"
ROWS = 16
SHARDS = 8


@dataclass
class Case:
    """A job on a cluster, whose rows say what happens to the worker that scores them."""

    folder: Path
    cluster: Cluster

    def words(self, orders: dict[int, str], *more: object) -> list[object]:
        rows = self.folder / "rows.csv"
        lines = [f"{number},{orders.get(number, 'fine')}\n" for number in range(ROWS)]
        text = "number,order\n" + "".join(lines)
        if not rows.exists() or rows.read_text() != text:
            # Rewriting it would make another version, and another job.
            rows.write_text(text)
        words: list[object] = ["run", rows, "--scorer", SCORER, "--folder", self.folder]
        words += ["-o", self.folder / "out.jsonl", "--shard-frames", ROWS // SHARDS]
        return [*words, "--home", self.folder / "home", "--device", "cpu", *more]

    def ray(self, orders: dict[int, str], *more: object) -> list[object]:
        return self.words(orders, *on(self.cluster), *more)

    @contextmanager
    def held(self, rows: int, *more: object) -> Iterator[subprocess.Popen[str]]:
        """Start a job whose rows from the fifth on wait until this many do; then release them."""
        orders = dict.fromkeys(range(4, ROWS), "wait")
        process = self.cluster.start(*self.ray(orders, *more))
        try:
            wait_for(lambda: len(self.waiting()) >= rows or process.poll() is not None)
            assert process.poll() is None, process.communicate()
            yield process
            self.go()
        finally:
            if process.poll() is None and not (self.folder / "go").exists():
                process.kill()

    def waiting(self) -> dict[int, int]:
        """Return the processes that score waiting rows, by row."""
        paths = self.folder.glob("begun-*")
        begun = {int(path.name[6:]): int(path.read_text()) for path in paths}
        return {row: pid for row, pid in begun.items() if row >= 4}

    def go(self) -> None:
        (self.folder / "go").touch()

    def records(self, kind: str) -> list[dict[str, Any]]:
        paths = sorted((self.folder / "home").glob(f"jobs/*/{kind}/*.json"))
        return [json.loads(path.read_bytes()) for path in paths]

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines that the job has logged."""
        paths = (self.folder / "home").glob("jobs/*/logs/*.jsonl")
        return [json.loads(line) for path in paths for line in path.open()]

    def notes(self) -> str:
        """Return the notes on what happened to the workers."""
        lines = self.logged()
        return "\n".join(line["text"] for line in lines if line["event"] == "workers")

    def made(self) -> bytes:
        return (self.folder / "out.jsonl").read_bytes()


def on(cluster: Cluster) -> list[object]:
    return ["--engine", "ray", "--address", cluster.address]


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for a command that must succeed; returns its standard output."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out
