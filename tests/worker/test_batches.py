"""Mini-batches: how items are grouped, how large they are, and what halves them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from impasto.media.frame import Frame, Layout
from impasto.schema.outcome import Attempt, Done, ItemError
from impasto.schema.plan import Shard
from impasto.schema.source import Colour
from impasto.sources.item import Blob, Rows
from impasto.worker.batch_size import best_size
from impasto.worker.batches import Batches, MiniBatch, SetAside
from impasto.worker.scoring import divide

SHARD = Shard(index=0, start=0, stop=12)
CPU = "cpu"


def frames(*widths: int) -> list[Frame]:
    return [
        Frame(n, (np.zeros((4, width, 3), np.uint8),), Layout(width, 4, 8, None, Colour()))
        for n, width in enumerate(widths)
    ]


def grouped(items: list[Any], size: int, **known: Any) -> list[tuple[int, ...] | int]:
    """Indices of each mini-batch; a bare index is what was set aside."""
    attempt = Attempt(shard=SHARD, **known)
    found = list(Batches(iter(items), attempt, lambda _: size))
    return [each.indices if isinstance(each, MiniBatch) else each.error.item for each in found]


def test_frames_of_one_layout_share_a_mini_batch() -> None:
    assert grouped(frames(8, 8, 8, 6, 6, 8), 2) == [(0, 1), (2,), (3, 4), (5,)]


def test_what_cannot_be_read_is_passed_on_in_its_place() -> None:
    items = [*frames(8, 8), ItemError(item=2, error="torn"), *frames(*[8] * 4)[3:]]
    assert grouped(items, 4) == [(0, 1), 2, (3,)]


@pytest.mark.parametrize("kind", ["frames", "rows"])
def test_suspects_are_scored_alone_and_what_is_aside_is_not_scored(kind: str) -> None:
    items: list[Any] = frames(*[8] * 8)
    if kind == "rows":
        items = [Rows(0, pd.DataFrame({"x": range(5)})), Rows(5, pd.DataFrame({"x": range(3)}))]
    aside = (ItemError(item=6, error="hung"),)
    middle = [(3, 4, 5)] if kind == "frames" else [(3, 4), (5,)]
    assert grouped(items, 3, suspects=(2,), aside=aside) == [(0, 1), (2,), *middle, 6, (7,)]


def test_suspects_are_marked_so_that_nothing_runs_beside_them() -> None:
    found = list(Batches(iter(frames(8, 8)), Attempt(shard=SHARD, suspects=(1,)), lambda _: 4))
    assert [each.alone for each in found if isinstance(each, MiniBatch)] == [False, True]


def test_what_is_set_aside_keeps_what_was_read_of_it() -> None:
    attempt = Attempt(shard=SHARD, aside=(ItemError(item=1, error="hung"),))
    found = list(Batches(iter(frames(8, 8)), attempt, lambda _: 4))
    (aside,) = [each for each in found if isinstance(each, SetAside)]
    assert isinstance(aside.item, Frame)


def test_a_retry_scores_nothing_but_what_was_set_aside(tmp_path: Path) -> None:
    failed = (ItemError(item=1, error="no"), ItemError(item=3, error="no"))
    base = Done(shard=0, segment="s", items=5, bytes=1, seconds=1, failed=failed)
    assert grouped(frames(*[8] * 5), 4, base=base) == [(1, 3)]
    assert grouped([Rows(0, pd.DataFrame({"x": range(5)}))], 4, base=base) == [(1,), (3,)]
    copies = [Blob(n, f"{n}", tmp_path / f"{n}", fetched=True) for n in range(2)]
    for each in copies:
        each.path.touch()
    assert grouped(copies, 4, base=base) == [(1,)]
    assert not copies[0].path.exists()


def halves(count: int, bad: set[int], error: type[Exception] = ValueError) -> tuple[Any, list[int]]:
    shrunk: list[int] = []
    calls: list[tuple[int, int]] = []

    def score(start: int, stop: int) -> str:
        calls.append((start, stop))
        if bad & set(range(start, stop)):
            raise error("no")
        return f"{start}-{stop}"

    found = [
        (a, b, scores if isinstance(scores, str) else type(scores).__name__)
        for a, b, scores in divide(score, 0, count, shrunk.append)
    ]
    return found, shrunk


def test_a_mini_batch_is_halved_until_the_bad_item_stands_alone() -> None:
    found, shrunk = halves(8, {5})
    assert found == [(0, 4, "0-4"), (4, 5, "4-5"), (5, 6, "ValueError"), (6, 8, "6-8")]
    assert shrunk == []


def test_what_does_not_fit_in_memory_is_halved_and_stays_smaller() -> None:
    shrunk: list[int] = []

    def score(start: int, stop: int) -> int:
        if stop - start > 2:
            raise torch.OutOfMemoryError("no room")
        return stop - start

    assert [n for _, _, n in divide(score, 0, 8, shrunk.append)] == [2, 2, 2, 2]
    assert min(shrunk) == 2


def test_a_single_item_that_does_not_fit_is_no_fault_of_the_scorer() -> None:
    with pytest.raises(MemoryError):
        halves(2, {1}, MemoryError)


class Clock:
    """The clock of the probe, on which only scoring takes time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        fake = SimpleNamespace(perf_counter=lambda: self.now)
        monkeypatch.setattr("impasto.worker.batch_size.time", fake)


def test_the_probe_finds_the_size_at_which_an_item_is_fastest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)

    def score(count: int) -> None:
        # A fixed cost that mini-batches share, and one an item that grows past eight.
        clock.now += 0.02 + 0.0001 * count + (0.02 * (count - 8) if count > 8 else 0)

    assert best_size(score, 64, CPU) == 8


def test_the_probe_stops_at_what_fails_and_at_the_largest_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)

    def score(count: int) -> None:
        clock.now += 0.01
        if count > 4:
            raise torch.OutOfMemoryError("no room")

    assert best_size(score, 64, CPU) == 4
    assert best_size(score, 2, CPU) == 2
