"""The file of a sheet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from impasto.cli.render.sheet.cells import lines
from impasto.cli.render.sheet.drawing import draw
from impasto.cli.render.sheet.page import page
from impasto.schema.words import plain
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from impasto.cli.render.sheet.cells import Label
    from impasto.driver.sheet import Preview


def write(made: Preview, labels: Sequence[Label], source: str, target: Path) -> None:
    """Write a sheet as a picture or a page, by the suffix of its name.

    Args:
        made: what it shows.
        labels: what its rows of results are.
        source: the source's name.
        target: where to.

    Raises:
        BadInput, Unavailable: the file cannot be written.
    """
    heads = [plain(each.name) for each in made.chosen]
    rows = lines(made, labels, source)
    if target.suffix.lower() == ".html":
        data = page(heads, rows, made.motion.name if made.motion else "").encode()
    else:
        held = io.BytesIO()
        kind = "PNG" if target.suffix.lower() == ".png" else "JPEG"
        draw(heads, rows).save(held, kind, quality=90)
        data = held.getvalue()
    with mapped(str(target)):
        target.write_bytes(data)
