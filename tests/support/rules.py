"""Rules as a config file has them, and arrivals in their inboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from impasto.settings import load
from impasto.storage.stores import Stores
from impasto.watch.arrival import Arrival
from impasto.watch.rules import load_rules

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.watch.rule import Rule, WatchSettings

COPY = """
[rules.copy]
inbox = "in"
scorer = "identity"
output = "out/{path}/{name}.mp4"
"""
"""The plainest rule."""


def read(folder: Path, text: str) -> tuple[WatchSettings, tuple[Rule, ...]]:
    """Read rules from a config file in a folder, where the home of jobs is ``home``."""
    file = folder / "impasto.toml"
    file.write_text(f'home = "{folder / "home"}"\n{text}')
    settings = load(str(file))
    return load_rules(str(file), settings, Stores.of(settings))


def the_rule(folder: Path, text: str) -> Rule:
    """Read the only rule of a config file."""
    (rule,) = read(folder, text)[1]
    return rule


def styles(folder: Path, *names: str) -> None:
    """Make pictures in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (16, 16)).save(folder / name)


def arrival(key: str, size: int = 1000, version: str = "v1", modified: float = 1.0) -> Arrival:
    """An object in an inbox."""
    return Arrival(key, size, version, modified)
