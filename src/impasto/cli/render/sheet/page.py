"""Contact sheets as pages that need no other file, with a slider from source to result."""

from __future__ import annotations

import io
from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.cli.render.sheet.cells import Cell, Line

LARGEST = 960
"""Longer side of a picture, in pixels."""

_STYLE = """
:root { --cut: 0%; color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 16px; }
table { border-collapse: separate; border-spacing: 12px; }
th { text-align: left; vertical-align: top; font-weight: 600; overflow-wrap: anywhere; }
tbody th { width: 180px; min-width: 140px; font-weight: 400;
  position: sticky; left: 0; background: Canvas; }
tbody th img { display: block; width: 100%; margin-bottom: 4px; }
td { vertical-align: top; min-width: 240px; }
td img { display: block; width: 100%; }
.pair { background-size: 100% 100%; }
.pair img { clip-path: inset(0 0 0 var(--cut)); }
.failed { color: #b00020; }
label { position: sticky; left: 16px; }
input { vertical-align: middle; width: 320px; }
"""
_SLIDER = """<label>result <input type="range" min="0" max="100" value="0"
 oninput="document.documentElement.style.setProperty('--cut', this.value + '%')"> source</label>
"""


def page(heads: Sequence[str], rows: Sequence[Line]) -> str:
    """Return a sheet as HTML; the arguments are those of `drawing.draw`."""
    sources = [_data(cell.picture) if cell.picture else "" for cell in rows[0].cells]
    compared = any(cell.picture for row in rows[1:] for cell in row.cells)
    # The sources are there once, as backgrounds, however many rows are compared with them.
    named = "".join(f"--s{n}: url({data}); " for n, data in enumerate(sources) if compared and data)
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr><th>{_img(row.painting, 360) if row.painting else ''}{escape(row.label)}</th>"
        + "".join(
            f"<td>{_cell(cell, column if n and sources[column] else None)}</td>"
            for column, cell in enumerate(row.cells)
        )
        + "</tr>\n"
        for n, row in enumerate(rows)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{escape(rows[0].label)}</title>\n<style>:root {{ {named}}}{_STYLE}</style>\n"
        f"{_SLIDER if compared else ''}<table>\n<thead><tr><th></th>{head}</tr></thead>\n"
        f"<tbody>\n{body}</tbody>\n</table>\n</html>\n"
    )


def _cell(cell: Cell, column: int | None) -> str:
    """Return a cell, over the source's picture of its column if there is one."""
    if cell.picture and column is None:
        return _img(cell.picture)
    if cell.picture:
        style = f"background-image: var(--s{column})"
        return f'<div class="pair" style="{style}">{_img(cell.picture)}</div>'
    text = "<br>".join(map(escape, cell.text))
    return f'<div class="failed">{text}</div>' if cell.failed else text


def _img(picture: Image.Image, largest: int = LARGEST) -> str:
    return f'<img alt="" src="{_data(picture, largest)}">'


def _data(picture: Image.Image, largest: int = LARGEST) -> str:
    """Return a picture as a URL that holds it."""
    small = picture.copy()
    small.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    small.save(held, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{b64encode(held.getvalue()).decode()}"
