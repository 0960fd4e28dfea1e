"""Handling of Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.cli.render.wording import STOPPED
from impasto.errors import Interrupted

if TYPE_CHECKING:
    from types import FrameType


GRACE = 1.0
"""Seconds in which a process that is to stop at once may end by itself."""


@contextmanager
def interruptible(
    on_stop: Callable[[], None],
    at_once: Callable[[], bool] = lambda: False,
    words: Callable[[], str] = lambda: STOPPED,
) -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C (or SIGTERM) sets; the second one interrupts at once.

    Python handles a signal only between two of its own steps, and a request may wait for minutes on
    a dead network. So a thread watches for signals too, and ends the process a moment after the
    one that stops at once if nothing else did.

    Args:
        on_stop: called at the first one, from the signal handler.
        at_once: returns whether the first one interrupts at once, because nothing that runs now is
            worth finishing; called from the signal handler and from another thread.
        words: returns what is said where the process has to be ended; called from another thread.
    """
    stop = threading.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_set() or at_once():
            stop.set()
            raise KeyboardInterrupt
        stop.set()
        on_stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    woken = signal.set_wakeup_fd(ours.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_insist, args=(theirs, numbers, at_once, words), daemon=True).start()
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken)
        ours.close()


def _insist(
    heard: socket.socket,
    numbers: tuple[signal.Signals, ...],
    at_once: Callable[[], bool],
    words: Callable[[], str],
) -> None:
    """End the process after the signal that stops at once, unless the other end closes in time."""
    with heard:
        asked = 0
        while asked < 2:
            data = heard.recv(64)
            if not data:
                return
            asked += sum(number in numbers for number in data)
            if asked and at_once():
                break
        heard.settimeout(GRACE)
        try:
            while heard.recv(64):
                pass
        except TimeoutError:
            from impasto.cli.render.text import console, warn

            console(stderr=True).show_cursor()
            warn(f"impasto: {words()}")
            os._exit(Interrupted.exit_code)
