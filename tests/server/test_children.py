from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from impasto.errors import BadInput, Missing
from impasto.server.children import Children, Kind, decoding
from impasto.server.problems import Refused
from impasto.settings import Settings

TESTS = Path(__file__).parents[1]


async def _stays() -> bool:
    return False


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Children:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    return Children(Settings(home=str(tmp_path / "home")))


def _ask(children: Children, name: str, kind: Kind | None = None, **given: Any) -> bytes:
    kind = kind or children.decoding
    return asyncio.run(children.ask(kind, f"support.childish:{name}", _stays, "", **given))


def test_a_child_answers_with_what_its_function_returns(children: Children, tmp_path: Path) -> None:
    assert _ask(children, "echo", item=3) == f"{tmp_path / 'home'} {{'item': 3}}".encode()


@pytest.mark.parametrize(
    ("name", "told"), [("crash", "signal 11"), ("fail", "exit code 1: ValueError: no such plane")]
)
def test_a_crash_is_one_clear_error(children: Children, name: str, told: str) -> None:
    with pytest.raises(BadInput, match=f"the process for pictures ended by {told}"):
        _ask(children, name)


def test_an_error_of_impasto_comes_through(children: Children) -> None:
    with pytest.raises(Missing, match="no such file; check the path"):
        _ask(children, "refuse")


def _gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except OSError:
        return True


def _started(told: Path) -> list[int]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if told.exists() and len(told.read_text().split()) == 2:
            return [int(pid) for pid in told.read_text().split()]
        time.sleep(0.02)
    raise AssertionError("it did not start")


def _all_gone(pids: list[int]) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until and not all(map(_gone, pids)):
        time.sleep(0.02)
    return all(map(_gone, pids))


def test_what_takes_too_long_is_ended_with_all_it_started(
    children: Children, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    with pytest.raises(BadInput, match="took more than 5 seconds"):
        _ask(children, "hang", replace(decoding(), seconds=5.0), told=str(told))
    assert _all_gone(_started(told))


def test_memory_and_answers_are_bounded(children: Children) -> None:
    with pytest.raises(BadInput, match="needed more than 200 MiB of memory"):
        _ask(children, "grow", replace(decoding(), memory=200 << 20))
    with pytest.raises(BadInput, match="made too much"):
        _ask(children, "flood", replace(decoding(), answer=1 << 20))


def test_a_child_ends_when_its_client_leaves_or_its_request_is_cancelled(
    children: Children, tmp_path: Path
) -> None:
    async def leave(told: Path) -> None:
        async def left() -> bool:
            return told.exists() and len(told.read_text().split()) == 2

        with pytest.raises(Refused):
            await children.ask(children.decoding, "support.childish:hang", left, "", told=str(told))

    async def cancel(told: Path) -> None:
        asked = asyncio.ensure_future(
            children.ask(children.decoding, "support.childish:hang", _stays, "", told=str(told))
        )
        await asyncio.to_thread(_started, told)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    for n, ended in enumerate((leave, cancel)):
        told = tmp_path / f"told-{n}"
        asyncio.run(ended(told))
        assert _all_gone(_started(told))


def test_a_child_ends_when_the_service_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = (
        "import asyncio, sys\n"
        "from impasto.server.children import Children\n"
        "from impasto.settings import Settings\n"
        "async def stays(): return False\n"
        "children = Children(Settings(home=sys.argv[1]))\n"
        "kind, name = children.decoding, 'support.childish:hang'\n"
        "asyncio.run(children.ask(kind, name, stays, '', told=sys.argv[2]))\n"
    )
    service = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "home"), str(told)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    pids = _started(told)
    service.kill()
    service.wait()
    assert _all_gone(pids)


def test_a_few_run_at_once_some_wait_and_the_others_are_told_to_come_again(
    children: Children, tmp_path: Path
) -> None:
    kind = replace(decoding(), running=1, waiting=2)

    async def crowd() -> list[Any]:
        asked = [children.ask(kind, "support.childish:echo", _stays, "", item=n) for n in range(4)]
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(crowd())
    assert [type(each) for each in answers] == [bytes, bytes, Refused, Refused]
    assert answers[3].status_code == 503
    assert answers[3].headers == {"Retry-After": "5"}
