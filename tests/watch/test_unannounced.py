"""Objects for which no message came are counted."""

from __future__ import annotations

from impasto.watch.unannounced import PATIENCE, Unannounced


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_what_stays_without_a_message_counts() -> None:
    clock = Clock()
    watched = Unannounced(clock)
    watched.found("there before")
    assert watched.overdue() == 0
    watched.named(["early.mp4"])
    for key in ("early.mp4", "late.mp4", "never.mp4"):
        watched.found(key)
    assert watched.overdue() == 0
    clock.now += PATIENCE / 2
    watched.named(["late.mp4"])
    clock.now += PATIENCE
    assert watched.overdue() == 1
    assert watched.overdue() == 0
    assert watched.count == 1
