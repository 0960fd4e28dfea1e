from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from impasto.server.problems import Refused
from impasto.server.turns import Turns


async def _stays() -> bool:
    return False


def test_one_party_can_neither_fill_the_queue_nor_run_everything() -> None:
    async def crowd() -> None:
        turns = Turns("previews", 2, 6, 1)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(turns.turn(_stays, "acme"))
            waiting = [asyncio.ensure_future(_wait(turns, "acme")) for _ in range(8)]
            await asyncio.sleep(0.2)
            refused = [each for each in waiting if each.done()]
            assert len(refused) == 3
            for each in refused:
                with pytest.raises(Refused, match="too many requests for previews"):
                    each.result()
            await asyncio.wait_for(_wait(turns, "other"), 10)
            assert not [each for each in waiting if each.done() and each not in refused]
        await asyncio.wait_for(
            asyncio.gather(*(each for each in waiting if each not in refused)), 10
        )

    asyncio.run(crowd())


def test_the_party_with_the_fewest_running_is_first_then_who_came_first() -> None:
    async def crowd() -> list[str]:
        turns, order = Turns("pictures", 2, 6, 2), list[str]()
        async with turns.turn(_stays, "acme"):
            hold = asyncio.Event()
            held = asyncio.ensure_future(_wait(turns, "acme", hold=hold))
            await asyncio.sleep(0.1)
            names = ("acme", "acme", "other")
            waiting = [
                asyncio.ensure_future(_wait(turns, name, order, f"{name} {n}"))
                for n, name in enumerate(names)
            ]
            await asyncio.sleep(0.1)
            hold.set()
            await asyncio.wait_for(asyncio.gather(held, *waiting), 10)
        return order

    assert asyncio.run(crowd()) == ["other 2", "acme 0", "acme 1"]


async def _wait(
    turns: Turns,
    whose: str,
    order: list[str] | None = None,
    name: str = "",
    hold: asyncio.Event | None = None,
) -> None:
    async with turns.turn(_stays, whose):
        if hold:
            await hold.wait()
        if order is not None:
            order.append(name)
