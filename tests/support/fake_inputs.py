"""The inputs of a scorer in tests: nothing, unless a test says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from impasto.scorers.base import Wants


class Given:
    """A `scorers.Inputs` that has nothing, and counts the signs of life."""

    consecutive = False
    carried = False
    wants: Wants = "pictures"
    files = Path()

    def __init__(self) -> None:
        self.beats = 0

    def trusted(self, url: str) -> bytes:
        raise AssertionError(f"nobody asked for {url}")

    def folder(self, url: str) -> Path:
        raise AssertionError(f"nobody asked for {url}")

    def beside(self) -> Path | None:
        return None

    def image(self, url: str) -> NDArray[np.uint8]:
        raise AssertionError(f"nobody asked for {url}")

    def sample(self) -> NDArray[np.uint8]:
        raise AssertionError("nobody asked for a picture")

    def alive(self) -> None:
        self.beats += 1
