"""Calls sys.exit() when it meets an item whose name begins with "poison"."""

import sys
from pathlib import Path
from typing import Any


def names(mini_batch: Any) -> list[str]:
    if isinstance(mini_batch, list):
        return [Path(path).name for path in mini_batch]
    return [str(name) for name in mini_batch["name"]]


def run(mini_batch: Any) -> list[str]:
    for name in names(mini_batch):
        if name.startswith("poison"):
            sys.exit(42)
    return [f"scored {name}" for name in names(mini_batch)]
