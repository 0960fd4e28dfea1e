"""What a process says about its own work, as JSON Lines for programs that collect logs."""

from __future__ import annotations

import json
import os
import time
from typing import Literal

from impasto.secrecy import redact, redact_all

Grade = Literal["debug", "info", "warning", "error"]


def diagnostic(process: str, level: Grade, text: str, **facts: object) -> str:
    """Return a line, without secrets and without its end.

    Args:
        process: what the process is: driver, watch or serve.
        level: how much it matters.
        text: what happened.
        facts: what it concerns, such as ``job``, ``tenant``, ``rule``, ``key`` and ``worker``;
            what is empty is left out.
    """
    line = {
        "time": round(time.time(), 3),
        "level": level,
        "text": redact(text),
        "process": process,
        "host": os.uname().nodename,
        "pid": os.getpid(),
    }
    return json.dumps(line | redact_all({name: it for name, it in facts.items() if it}))
