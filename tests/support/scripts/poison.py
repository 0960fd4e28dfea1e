"""Does what the name of an item says that begins with "poison-"; scores all others."""

import os
import sys
import time
from pathlib import Path
from typing import Any


def run(mini_batch: Any) -> list[str]:
    files = isinstance(mini_batch, list)
    names = [Path(path).name for path in mini_batch] if files else map(str, mini_batch["name"])
    scored = []
    for name in names:
        if name.startswith("poison-"):
            misbehave(name)
        if not name.startswith("poison-few"):
            scored.append(f"scored {name}")
    return scored


def misbehave(name: str) -> None:
    hoard = []
    match name.removeprefix("poison-").partition(".")[0]:
        case "raise":
            raise ValueError(f"cannot score {name}")
        case "exit":
            sys.exit(42)
        case "kill":
            os._exit(3)
        case "hang":
            time.sleep(1e6)
        case "leak":
            while True:
                hoard.append(b"x" * (64 << 20))
                time.sleep(0.01)
