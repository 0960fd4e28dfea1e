"""Takes memory without end when it meets an item whose name begins with "poison"."""

import time
from pathlib import Path
from typing import Any


def names(mini_batch: Any) -> list[str]:
    if isinstance(mini_batch, list):
        return [Path(path).name for path in mini_batch]
    return [str(name) for name in mini_batch["name"]]


def run(mini_batch: Any) -> list[str]:
    hoard = []
    for name in names(mini_batch):
        if name.startswith("poison"):
            while True:
                hoard.append(b"x" * (64 << 20))
                time.sleep(0.01)
    return [f"scored {name}" for name in names(mini_batch)]
