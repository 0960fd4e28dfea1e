"""The tool that shows the page at work."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

from support.guides import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_second_start_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    tool = runpy.run_path(str(ROOT / "tools/demo_serve.py"))
    assert not tool["is_kept"](tmp_path)
    tool["fill"](tmp_path)
    mine = ("impasto.toml", "made/mine.mp4", "media/bikes.mp4", "jobs/mine.json")
    (tmp_path / "jobs").mkdir()
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / "brightness.py").unlink()
    assert tool["is_kept"](tmp_path)
    tool["fill"](tmp_path)
    assert [(tmp_path / name).read_text() for name in mine] == ["mine"] * 4
    assert (tmp_path / "brightness.py").is_file()
