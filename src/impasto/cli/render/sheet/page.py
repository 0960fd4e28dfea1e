"""Contact sheets as pages that need no other file, with an edge from source to result."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.cli.render.sheet.cells import Cell, Line

LARGEST = 960
"""Longer side of a picture, in pixels."""
PAINTING = 380
"""Longer side of a painting, in pixels."""
_HERE = Path(__file__).parent


def page(heads: Sequence[str], rows: Sequence[Line], motion: str = "") -> str:
    """Return a sheet as HTML.

    Args:
        heads: the columns' names.
        rows: the rows, the source's first.
        motion: the name of the column of videos; "" if there is none.
    """
    sources = [_data(cell.picture) if cell.picture else "" for cell in rows[0].cells]
    compared = any(cell.picture for row in rows[1:] for cell in row.cells)
    # The sources are there once, as backgrounds, however many rows are compared with them.
    named = "".join(f"--s{n}: url({data}); " for n, data in enumerate(sources) if compared and data)
    columns = [*heads, *([motion] if motion else [])]
    style = f":root {{ --columns: {len(columns)}; {named}}}\n{_text('page.css')}"
    head = "".join(f'<th scope="col" role="columnheader">{escape(name)}</th>' for name in columns)
    body = "".join(
        _row(row, columns, sources if n and compared else [""] * len(sources), n)
        for n, row in enumerate(rows)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(rows[0].label.name)}</title>\n<style>{style}</style>\n"
        f"{_header(rows, compared=compared, motion=motion)}"
        '<main><table role="table">\n<thead role="rowgroup"><tr role="row">'
        f'<td role="cell"></td>{head}</tr></thead>\n<tbody role="rowgroup">\n{body}</tbody>\n'
        f"</table></main>\n<script>\n{_text('page.js')}</script>\n</html>\n"
    )


def _header(rows: Sequence[Line], *, compared: bool, motion: str) -> str:
    tools = [
        '<label class="size">Size <input type="range" id="size" min="160" max="960"></label>',
    ]
    told = ""
    if compared:
        edge = '<input type="range" id="all" min="0" max="100" value="0">'
        tools.insert(0, f"<label>Result {edge} Source</label>")
        told = "<p>Drag across a picture, or press the arrow keys on it, to see its source.</p>"
    if motion:
        tools.append('<button type="button" id="play">Play</button>')
    return (
        f"<header><h1>{escape(rows[0].label.name)}</h1>{told}\n"
        f'<div class="tools">{"".join(tools)}</div></header>\n'
    )


def _row(row: Line, columns: Sequence[str], sources: Sequence[str], number: int) -> str:
    """Return a row; its pictures lie over the sources of their columns where there are any."""
    label = ", ".join(filter(None, row.label))
    setting = f"<span>{escape(row.label.setting)}</span>" if row.label.setting else ""
    painting = _img(row.painting, "", PAINTING) if row.painting else ""
    cells = [
        _cell(cell, f"{label}, {columns[n]}", n if sources[n] else None)
        for n, cell in enumerate(row.cells)
    ]
    if len(columns) > len(cells):
        cells.append(_motion(row.motion, f"{label}, {columns[-1]}", source=not number))
    body = "".join(
        f'<td role="cell" data-head="{escape(head)}">{cell}</td>'
        for head, cell in zip(columns, cells, strict=True)
    )
    return (
        f'<tr role="row"><th scope="row" role="rowheader">{painting}{_broken(row.label.name)}'
        f"{setting}</th>{body}</tr>\n"
    )


def _cell(cell: Cell, name: str, column: int | None) -> str:
    """Return a cell, over the source's picture of its column if there is one."""
    if cell.picture and column is None:
        return _img(cell.picture, name)
    if cell.picture:
        style = f"background-image: var(--s{column})"
        picture = _img(cell.picture, name, over=True)
        return f'<div class="pair" style="{style}">{picture}{_edge(name)}</div>'
    text = "<br>".join(map(escape, cell.text))
    return f'<div class="failed">{text}</div>' if cell.failed else text


def _motion(moving: bytes | str, name: str, *, source: bool) -> str:
    """Return a row in motion, over the source's video if it is not the source itself."""
    if not moving:
        return ""
    if isinstance(moving, str):
        return f'<div class="failed">{escape(moving)}</div>'
    data = f'muted playsinline aria-label="{escape(name)}" data-mp4="{b64encode(moving).decode()}"'
    if source:
        return f'<video class="source" {data}></video>'
    under = '<video class="under" muted playsinline aria-hidden="true"></video>'
    return f'<div class="pair">{under}<video class="over" {data}></video>{_edge(name)}</div>'


def _broken(name: str) -> str:
    """Return a name that may be wrapped where its words end."""
    return re.sub("([_-])", r"\1<wbr>", escape(name))


def _edge(name: str) -> str:
    label = f"Edge between source and result: {name}"
    return f'<input type="range" min="0" max="100" value="0" aria-label="{escape(label)}">'


def _img(picture: Image.Image, alt: str, largest: int = LARGEST, *, over: bool = False) -> str:
    kind = ' class="over"' if over else ""
    return f'<img{kind} alt="{escape(alt)}" src="{_data(picture, largest)}">'


def _data(picture: Image.Image, largest: int = LARGEST) -> str:
    """Return a picture as a URL that holds it."""
    small = picture.copy()
    small.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    small.save(held, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{b64encode(held.getvalue()).decode()}"


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
