from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from impasto.cli.render import plot
from impasto.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def curve(start: float, length: int) -> list[float]:
    return [start * 0.9**n for n in range(length)]


def draw(path: Path, curves: dict[str, list[float]]) -> NDArray[np.uint8]:
    plot.losses(path, curves)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def colours(picture: NDArray[np.uint8]) -> int:
    """How many distinct saturated colours cover a fair number of pixels."""
    flat = picture.reshape(-1, 3).astype(int)
    vivid = flat[np.ptp(flat, axis=1) > 80]
    _, counts = np.unique(vivid, axis=0, return_counts=True)
    return int((counts > 200).sum())


def test_each_picture_has_a_line(tmp_path: Path) -> None:
    one = colours(draw(tmp_path / "1.png", {"0": curve(1e5, 80)}))
    three = colours(draw(tmp_path / "3.png", {str(n): curve(10.0**n, 80) for n in range(3, 6)}))
    assert (one, three) == (1, 3)


def test_many_pictures_are_drawn_as_median_and_range(tmp_path: Path) -> None:
    many = {str(n): curve(1e3 * (n + 1), 20 + n % 40) for n in range(250)}
    picture = draw(tmp_path / "250.png", many)
    # The range is a filled area of one pale colour, which no set of lines makes.
    pale, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    areas = sorted(zip(counts.tolist(), pale.tolist(), strict=True), reverse=True)
    assert areas[0][1] == [255, 255, 255]
    assert areas[1][0] > 0.05 * picture.shape[0] * picture.shape[1]
    assert colours(picture) == 1


@pytest.mark.parametrize("curves", [{"0": [0.0, 0.0]}, {"0": [5.0]}, {"0": [1.0], "1": []}])
def test_unusual_curves_are_drawn(tmp_path: Path, curves: dict[str, list[float]]) -> None:
    assert draw(tmp_path / "plot.png", curves).std() > 0


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no losses to draw"):
        plot.losses(tmp_path / "plot.png", {"0": []})
    assert not list(tmp_path.iterdir())


def test_missing_matplotlib_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BadInput, match=r"pip install 'impasto\[plot\]'"):
        plot.losses(tmp_path / "plot.png", {"0": [2.0, 1.0]})


def test_unwritable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="choose another place"):
        plot.losses(tmp_path / "missing" / "plot.png", {"0": [2.0, 1.0]})
