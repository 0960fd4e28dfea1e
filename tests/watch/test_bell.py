"""A bell wakes who waits for it, and does no harm once nobody does."""

from __future__ import annotations

import os
from multiprocessing.connection import wait

from impasto.watch.bell import Bell


def test_a_bell_wakes_until_it_is_cleared_and_is_silent_once_closed() -> None:
    bell = Bell()
    bell.ring()
    assert wait([bell.fileno()], 0)
    bell.clear()
    assert not wait([bell.fileno()], 0)
    bell.close()
    heard, rung = os.pipe2(os.O_NONBLOCK)
    # Its numbers may be those of other files by now.
    bell.ring()
    assert not wait([heard], 0)
    os.close(heard)
    os.close(rung)
