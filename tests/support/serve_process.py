"""`impasto serve` as a real process, in a folder with an `impasto.toml` of its own."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from typing import TYPE_CHECKING

from support.board import eventually
from support.command import COMMAND

if TYPE_CHECKING:
    from pathlib import Path


class ServeProcess:
    """A running `impasto serve`; a context that ends it.

    Attributes:
        lines: what it has printed.
        url: where it listens.
    """

    def __init__(self, folder: Path, *args: str, port: int = 0) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [*COMMAND, "serve", "--port", str(port), *args],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        eventually(lambda: self._find() or self._process.poll() is not None, 60)
        self.url = self._find()
        assert self.url, self.lines

    def __enter__(self) -> ServeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self._process.pid, number)

    def wait(self) -> int:
        """Wait until it has ended; returns its exit code."""
        return self._process.wait(40)

    def _find(self) -> str:
        urls = (re.match(r"serving at (http\S+)", line) for line in self.lines)
        return next((match[1] for match in urls if match), "")

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
