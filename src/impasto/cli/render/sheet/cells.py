"""The rows and cells of a sheet."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from impasto.schema.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.driver.trial import Preview
    from impasto.worker.trial import Picture, Tried

THUMBNAIL = 400
"""Longer side of a painting, in pixels, below which it is not read."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture, or text, or neither.

    Attributes:
        picture: the picture.
        text: lines of text.
        failed: whether the text says why there is no result.
    """

    picture: Image.Image | None = None
    text: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a sheet.

    Attributes:
        label: what it is.
        painting: a picture of it, or None.
        cells: one for each column.
    """

    label: str
    painting: Image.Image | None
    cells: tuple[Cell, ...]


def lines(made: Preview, names: Sequence[str], source: str) -> list[Line]:
    """Return the rows of a sheet, the source's first if it is pictures.

    Args:
        made: what the sheet shows.
        names: the names of the results' rows.
        source: the source's name.
    """
    rows: list[Line] = []
    if any(picture is not None for picture in made.sources):
        cells = tuple(Cell(_image(picture, made)) for picture in made.sources)
        rows.append(Line(plain(source), None, cells))
    for name, row in zip(names, made.rows, strict=True):
        painting = row.params.get("style")
        shown = None
        if painting:
            with Image.open(io.BytesIO(painting)) as opened:
                opened.draft("RGB", (THUMBNAIL, THUMBNAIL))
                shown = ImageOps.exif_transpose(opened).convert("RGB")
        rows.append(Line(plain(name), shown, tuple(_cell(cell, made) for cell in row.cells)))
    return rows


def _cell(tried: Tried | str, made: Preview) -> Cell:
    if isinstance(tried, str):
        return Cell(text=(plain(tried),), failed=True)
    if tried.picture is not None:
        return Cell(_image(tried.picture, made))
    if len(tried.records) == 1:
        return Cell(text=tuple(_field(*each) for each in tried.records[0].items()))
    lines = (", ".join(_field(*each) for each in record.items()) for record in tried.records)
    return Cell(text=tuple(lines) or ("no records",))


def _field(name: object, value: object) -> str:
    if isinstance(value, float):
        value = float(f"{value:.4g}")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return plain(f"{name}: {text}")


def _image(picture: Picture | None, made: Preview) -> Image.Image | None:
    """Return a picture as players show it."""
    if picture is None:
        return None
    image = Image.fromarray(picture)
    if made.aspect != 1:
        image = image.resize((max(1, round(image.width * made.aspect)), image.height))
    return image.rotate(-made.turn, expand=True) if made.turn else image
