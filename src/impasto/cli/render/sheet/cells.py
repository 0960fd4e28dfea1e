"""The rows and cells of a sheet."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageOps

from impasto.schema.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.driver.sheet import Preview
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


class Label(NamedTuple):
    """What a row of results is.

    Attributes:
        name: the name of its style.
        setting: what tells it from other rows of the same style; "" where there are none.
    """

    name: str
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a sheet.

    Attributes:
        label: what it is.
        painting: a picture of it; None if there is none, or if the row before has the same.
        cells: one for each column.
        motion: the row in motion, as MP4, or why there is none; b"" where none is shown.
    """

    label: Label
    painting: Image.Image | None
    cells: tuple[Cell, ...]
    motion: bytes | str = b""


def lines(made: Preview, labels: Sequence[Label], source: str) -> list[Line]:
    """Return the rows of a sheet, the source's first if it is pictures.

    Args:
        made: what the sheet shows.
        labels: those of the results' rows.
        source: the source's name.
    """
    motion = made.motion
    moved = motion.rows if motion else [b""] * len(made.rows)
    rows: list[Line] = []
    if any(picture is not None for picture in made.sources):
        cells = tuple(Cell(_image(picture, made)) for picture in made.sources)
        shown = motion.source if motion else b""
        rows.append(Line(Label(plain(source)), None, cells, shown))
    before: bytes | None = None
    for label, row, moving in zip(labels, made.rows, moved, strict=True):
        painting = row.params.get("style")
        told = Label(plain(label.name), plain(label.setting))
        cells = tuple(_cell(cell, made) for cell in row.cells)
        picture = _painting(painting) if painting and painting != before else None
        rows.append(Line(told, picture, cells, moving))
        before = painting
    return rows


def _painting(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (THUMBNAIL, THUMBNAIL))
        return ImageOps.exif_transpose(opened).convert("RGB")


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
