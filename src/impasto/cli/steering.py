"""Signals for what runs until it is told to end."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Steered(Protocol):
    """Runs until it is told to end."""

    def stop(self) -> None:
        """Ask it to end in order; a second call, at once."""
        ...

    def reload(self) -> None:
        """Ask it to read the rules again."""
        ...


@contextmanager
def steered(running: Steered) -> Iterator[None]:
    """Let signals end something in order, then at once, and let SIGHUP read the rules again."""
    handlers = {
        signal.SIGINT: running.stop,
        signal.SIGTERM: running.stop,
        signal.SIGHUP: running.reload,
    }

    def on_signal(number: int, _: object) -> None:
        handlers[signal.Signals(number)]()

    before = {number: signal.signal(number, on_signal) for number in handlers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
