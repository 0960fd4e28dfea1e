"""Doubles the amounts of a table; fails for the one that SPOILED names."""

import os
import time
from typing import Any


def run(mini_batch: Any) -> Any:
    time.sleep(float(os.environ.get("DELAY", "0")))
    if os.environ.get("SPOILED") in set(mini_batch["name"]):
        raise ValueError("this row is spoiled")
    pairs = zip(mini_batch["name"], mini_batch["amount"], strict=True)
    return [{"name": name, "twice": 2 * amount} for name, amount in pairs]
