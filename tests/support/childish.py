"""Functions for child processes of the service: what a codec or a client may do to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import Missing

if TYPE_CHECKING:
    from impasto.settings import Settings


def echo(settings: Settings, **given: Any) -> bytes:
    """Answer with what was given, and the home; what is printed is no part of it."""
    print("said aloud")
    return f"{settings.home} {given}".encode()


def crash(_: Settings) -> bytes:
    """Die as a codec does."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return b""


def fail(_: Settings) -> bytes:
    """Fail by mistake."""
    raise ValueError("no such plane")


def refuse(_: Settings) -> bytes:
    """Refuse in Impasto's words."""
    raise Missing("a.mp4: no such file", "check the path")


def hang(_: Settings, told: str) -> bytes:
    """Start a process, tell both numbers, and never end."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(told).write_text(f"{os.getpid()} {other.pid}")
    time.sleep(600)
    return b""


def grow(_: Settings) -> bytes:
    """Hold more and more memory."""
    held = []
    while True:
        held.append(b"x" * (8 << 20))
        time.sleep(0.005)


def flood(_: Settings) -> bytes:
    """Answer far too much."""
    return b"x" * (64 << 20)
