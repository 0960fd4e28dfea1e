"""What a job's driver does now, for lists and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.cli.job_progress import speed
from impasto.cli.render.text import minutes
from impasto.schema.words import plain

if TYPE_CHECKING:
    from impasto.schema.live import Live


def in_full(live: Live) -> str:
    """Say what a job's driver does, how fast, for how long yet, and with how many workers."""
    words = [plain(live.stage), *_pace(live)]
    if count := len(live.running):
        words.append(f"{count} shard{'s' if count > 1 else ''} in work")
    named = {"requested": live.workers.asked, **live.workers.model_dump(exclude={"asked"})}
    workers = [f"{count} {what}" for what, count in named.items() if count]
    return ", ".join(words) + (f"; workers: {', '.join(workers)}" if workers else "")


def in_short(live: Live | None) -> str:
    """Say how fast a job is and for how long yet, or else what its driver does."""
    return (", ".join(_pace(live)) or plain(live.stage)) if live else ""


def _pace(live: Live) -> list[str]:
    """Say how fast a job is, and for how long there is more to do, as far as that is known."""
    if live.stage != "scoring":
        return []
    fast = [speed(live.rate, plain(live.noun), 0.0)] if live.rate else []
    left = live.seconds_left
    return fast + ([f"{minutes(left, up=True)} left"] if left is not None else [])
