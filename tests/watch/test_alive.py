"""`impasto watch --alive FILE`: the file is young for as long as the watcher's loop turns."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from impasto.settings import load
from impasto.storage.stores import Stores
from impasto.watch.given import Given
from impasto.watch.rules import load_rules
from impasto.watch.watcher import Watcher
from support.command import impasto
from support.watcher import Watching, drop, write_rules

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.watch.given import Rules


def test_a_running_watcher_touches_its_file_again_and_again(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    file = tmp_path / "alive"
    file.write_text("kept")
    with Watching(tmp_path, "--alive", str(file)) as watching:
        for _ in range(2):
            os.utime(file, (0, 0))
            watching.until(lambda: file.stat().st_mtime > 0)
    assert file.read_text() == "kept"


def test_the_loop_itself_gives_the_sign(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    drop(tmp_path / "in/a.csv", [1])
    config = str(tmp_path / "impasto.toml")
    settings = load(config)
    signs: set[threading.Thread] = set()

    def rules() -> Rules:
        return load_rules(config, settings, Stores(settings.stores))

    def sign() -> None:
        signs.add(threading.current_thread())

    given = Given(settings, rules, lambda news: None, sign)
    assert Watcher(given, once=True).run() is None
    assert signs == {threading.current_thread()}


def test_a_file_that_cannot_be_touched_is_said_at_once(tmp_path: Path) -> None:
    write_rules(tmp_path, {"rows": {}})
    file = tmp_path / "nowhere" / "alive"
    done = impasto("watch", "--alive", file, "--config", tmp_path / "impasto.toml")
    assert done.returncode == 2
    assert done.stderr == (
        f"impasto: --alive {file}: cannot be written: No such file or directory; "
        "name a file in another folder\n"
    )
