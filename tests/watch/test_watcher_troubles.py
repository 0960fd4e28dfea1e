"""The watcher, as a real process, when people make mistakes around it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from support.watcher import Watching, drop, squares, write_rules

if TYPE_CHECKING:
    from pathlib import Path


def test_a_config_file_that_is_wrong_or_gone_stops_no_job(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    file = tmp_path / "impasto.toml"
    with Watching(tmp_path) as watching:
        drop(tmp_path / "in/a.csv", [1])
        watching.until(lambda: watching.states("done"))
        file.write_text(f'home = "{tmp_path}/other"\n[unfinished\n')
        watching.signal(signal.SIGHUP)
        watching.until_told("stay as they were")
        drop(tmp_path / "in/b.csv", [2])
        watching.until(lambda: len(watching.states("done")) == 2)
        file.unlink()
        drop(tmp_path / "in/c.csv", [3])
        watching.until(lambda: len(watching.states("done")) == 3)
    assert squares(tmp_path / "out/c.jsonl") == [9]
