"""The number of items in a mini-batch, found by trying."""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING

from impasto.machine import machine_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.media.frame import Layout

PIXELS = {"cpu": 16 << 20, "cuda": 256 << 20}
"""Pixels of the largest mini-batch that is tried."""
ROWS = 4096
"""Rows or files of the largest mini-batch that is tried."""
GAIN = 1.1
"""The speed-up per item that makes a mini-batch of twice the size worth it."""
SLOW = 2.0
"""Seconds after which a mini-batch is large enough."""
SPARE = 4
"""How many times the memory of a mini-batch must fit into the allowance before a larger one."""
ROOM = 0.4
"""Share of its memory that a worker may hold before a larger mini-batch would take too much: of the
CUDA device's, where two are scored at a time, or of the machine's, divided by its cores."""


def largest(item: object, device: str) -> int:
    """Return the size of the largest mini-batch that is tried, of items like this one."""
    layout: Layout | None = getattr(item, "layout", None)
    if layout is None:
        return ROWS
    pixels = PIXELS[device.partition(":")[0]]
    return max(1, pixels // (layout.width * layout.height))


def best_size(
    score: Callable[[int], object],
    most: int,
    device: str,
    *,
    memory: int = 0,
    timeout: float | None = None,
) -> int:
    """Find the size of mini-batch at which an item is scored fastest.

    Args:
        score: scores the given number of copies of one item.
        most: the largest size to try.
        device: where the scorer is, ``cpu`` or ``cuda:<n>``.
        memory: bytes that this process may hold, 0 for a share of the machine's.
        timeout: seconds that a mini-batch may take, or None.

    Returns:
        A power of two, 1 where even a single item cannot be scored.
    """
    best, fastest = 1, 0.0
    size = 1
    while size <= most:
        try:
            # The first call of a size includes one-time costs.
            score(size)
            since = time.perf_counter()
            score(size)
            seconds = time.perf_counter() - since
        except Exception:  # noqa: BLE001 (whatever fails is met again, and told, by the real items)
            break
        rate = size / max(seconds, 1e-9)
        if rate < fastest * GAIN:
            break
        best, fastest = size, rate
        if seconds > min(SLOW, (timeout or SLOW) / SPARE) or _full(device, memory):
            break
        size *= 2
    if device != "cpu":
        import torch

        torch.cuda.empty_cache()
    return best


def _full(device: str, memory: int) -> bool:
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if memory and held > ROOM * memory:
        return True
    if device == "cpu":
        return held > ROOM * machine_memory() / (os.cpu_count() or 1)
    import torch

    total = torch.cuda.get_device_properties(device).total_memory
    return torch.cuda.max_memory_allocated(device) > ROOM * total
