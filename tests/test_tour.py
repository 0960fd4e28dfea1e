"""The tour, and the tool that runs its commands again."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING, Any

import pytest

from support.guides import BLOCK, DOCS, ROOT, sessions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tools/refresh_tour.py"))


def test_a_bar_that_was_removed_does_not_stand_on_the_terminal(tool: dict[str, Any]) -> None:
    said = "\x1b[?25l⠋ starting\r\x1b[2K⠙ painting \x1b[38;5;237m━━\x1b[0m 1 of 2\r\n  below"
    said += "\r\x1b[2K\x1b[1A\x1b[2Kout.mp4: 2 frames\r\n\x1b[?25h"
    assert tool["screen_of"](said) == "out.mp4: 2 frames\n"


def test_jobs_of_the_page_become_those_of_now(tool: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    tour = tool["Tour"](tmp_path)
    part = "$ printf 'in %s (job 2222%s)\\n' $HOME 22222222\n(job 111111111111)\n"
    assert tour.command(part).splitlines()[1:] == ["in /home/ada (job 222222222222)"]
    assert tour.command("$ echo 111111\n") == "$ echo 222222\n222222\n"


def test_the_tour_shows_what_its_commands_print() -> None:
    blocks = [text for language, _, text in BLOCK.findall((DOCS / "tour.md").read_text())]
    shown = [part for text in blocks for part in sessions(text)]
    assert len(shown) > 10
    silent = [command for command, _, lines in shown if not lines]
    assert all(command.startswith("sed ") for command in silent)
