from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from impasto.errors import Unavailable
from impasto.schema.events import Workers
from impasto.server.streaming.follower import SHARED, Follower
from impasto.server.streaming.shared import KEPT, SharedMessages
from support import board as jobs
from support.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path


def test_readers_at_once_share_what_is_made_once() -> None:
    messages, made = SharedMessages(), list[int]()

    def make() -> bytes:
        made.append(1)
        return b"told"

    async def read() -> list[bytes]:
        some = await asyncio.gather(*(messages.get("key", make) for _ in range(50)))
        return [*some, await messages.get("key", make)]

    assert asyncio.run(read()) == [b"told"] * 51
    assert len(made) == 1


def test_a_failure_is_told_to_all_and_tried_again() -> None:
    messages, made = SharedMessages(), list[int]()

    def make() -> bytes:
        made.append(1)
        if len(made) == 1:
            raise Unavailable("the store: no answer", "wait")
        return b"told"

    async def read() -> bytes:
        both = (messages.get("key", make) for _ in range(2))
        found = await asyncio.gather(*both, return_exceptions=True)
        assert [type(each) for each in found] == [Unavailable, Unavailable]
        return await messages.get("key", make)

    assert asyncio.run(read()) == b"told"


@pytest.mark.parametrize("size", [KEPT // 100, KEPT // 3, 2 * KEPT])
def test_what_stays_in_memory_is_bounded(size: int) -> None:
    messages = SharedMessages()

    async def read() -> int:
        most = 0
        for number in range(150):
            data = await messages.get(number, lambda: bytes(size))
            assert len(data) == size
            most = max(most, messages.size)
        return most

    assert asyncio.run(read()) <= KEPT + size


def test_clients_that_begin_at_different_times_read_the_same_messages(tmp_path: Path) -> None:
    context = Serving(tmp_path).context
    job = jobs.record(context.home, 1)
    follower = Follower(context.board, job.id)

    def starts() -> list[int]:
        """Return where the messages begin of a client who reads all of the log."""
        found, read = [0], 0
        while read < len(follower.objects.found):
            read += len(follower.some(range(read, len(follower.objects.found))))
            found.append(read)
        return found

    before: list[int] = []
    for _ in range(2):
        for number in range(SHARED + SHARED // 2):
            job.journal.write(Workers(text=f"note {number}"))
        with context.board.kept(job.id).lock:
            context.board.kept(job.id).look()
        follower.take_in()
        now = starts()
        assert before[:-1] == now[: len(before)][:-1]
        before = now
    assert [stop - start for start, stop in pairwise(before)] == [SHARED] * 3
    follower.close()
    context.board.close()
