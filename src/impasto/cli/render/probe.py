"""The properties of a source, in words for people."""

from __future__ import annotations

import textwrap
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from impasto.cli.render.text import WIDTH, json_line, say
from impasto.cli.render.wording import worded
from impasto.media import names
from impasto.schema.moments import clock
from impasto.schema.words import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    Fact = tuple[str, str | list[str]]

COLUMN = 14
"""Columns for the names of facts."""

DTYPES = {
    "Int64": "whole numbers, some missing",
    "bool": "true or false",
    "boolean": "true or false, some missing",
    "float64": "numbers",
    "int64": "whole numbers",
    "object": "mixed values",
    "str": "text",
}
"""What a table's columns hold, by pandas' names."""


def probe(facts: dict[str, Any], *, as_json: bool) -> None:
    """Print a source's properties in words, or exactly as a JSON line."""
    if as_json:
        json_line(facts)
        return
    describe = {"video": _video, "table": _table, "files": _files}.get(facts["kind"], _images)
    for name, value in [("source", facts["source"]), *describe(facts)]:
        _line(name, value)
    for warning in facts.get("warnings", ()):
        _line("note", worded(warning))


def _line(name: str, value: str | list[str]) -> None:
    """Print a fact, broken at a terminal's width where it can be."""
    for n, part in enumerate([value] if isinstance(value, str) else value):
        indent = " " * (COLUMN + 1)
        first = f"{'' if n else name:<{COLUMN}} "
        lines = textwrap.wrap(
            part,
            WIDTH,
            initial_indent=first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines:
            say(line)


def _video(facts: dict[str, Any]) -> Iterator[Fact]:
    from impasto.media.colour_names import named
    from impasto.schema.source import Colour

    suffix = PurePosixPath(facts["source"]).suffix.lower()
    container = names.SUFFIXES.get(suffix) or names.CONTAINERS.get(
        facts["container"], facts["container"]
    )
    yield "kind", f"video, {container}, {size(facts['bytes'])}"
    yield "duration", f"{clock(facts['duration'])}, {_many(facts['frames'], 'frame')}"
    yield "bit rate", _bit_rate(facts["bit_rate"])
    shape = [names.codec(facts["codec"]), f"{facts['width']}x{facts['height']}"]
    shape += [f"{facts['bit_depth']} bits", facts["sampling"]]
    if facts["alpha"]:
        shape += ["with transparency (kept by --codec prores, ffv1, and vp9 in .webm)"]
    yield "pictures", ", ".join(shape)
    if _shown(facts):
        yield "shown as", _shown(facts)
    yield "frame rate", _rate(facts)
    yield "colour", named(Colour(**facts["colour"]))
    if _hdr(facts):
        yield "HDR data", ", ".join(_hdr(facts))
    yield "interlaced", "yes" if facts["interlaced"] else "no"
    yield "can be split", _split(facts)
    yield "streams", [_stream(track) for track in facts["tracks"]]
    titles = facts["chapters"]
    if titles:
        told = [title for title in titles if title]
        spread = f", from “{told[0]}” to “{told[-1]}”" if len(told) > 1 else ""
        yield "chapters", f"{len(titles)}{spread}"


def _hdr(facts: dict[str, Any]) -> list[str]:
    """Say what a video tells HDR displays."""
    said = []
    if facts["mastering"]:
        said.append(f"graded on {facts['mastering']['brightest'] / 10_000:,.0f} cd/m²")
    if facts["light"]:
        said.append(f"up to {facts['light']['brightest']:,} cd/m²")
    return [*said, *([facts["dynamic"]] if facts["dynamic"] else [])]


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def _bit_rate(bits: int) -> str:
    return f"{bits / 1e6:.1f} Mb/s" if bits >= 1e6 else f"{bits / 1000:.0f} kb/s"


def _shown(facts: dict[str, Any]) -> str:
    """Say how players turn, mirror and stretch the pictures; "" where they do not."""
    width, height = facts["width"], facts["height"]
    aspect = Fraction(facts["sample_aspect"])
    wide = (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))
    turned = facts["rotation"] % 180 == 90
    wide = wide[::-1] if turned else wide
    how = [_turned(facts["rotation"])] if facts["rotation"] else []
    how += ["mirrored"] if facts["mirrored"] else []
    how += [f"pixels of {aspect.numerator}:{aspect.denominator}"] if aspect != 1 else []
    return f"{wide[0]}x{wide[1]} ({', '.join(how)})" if how else ""


def _turned(degrees: int) -> str:
    """Say how far players turn the pictures, the short way round."""
    if degrees > 180:
        return f"turned {360 - degrees} degrees counter-clockwise"
    return f"turned {degrees} degrees" + (" clockwise" if degrees < 180 else "")


def _rate(facts: dict[str, Any]) -> str:
    """Say how fast frames follow; timestamps that are only rounded do not vary."""
    shortest, longest = facts["shortest_frame"], facts["longest_frame"]
    tick = float(Fraction(facts["time_base"]))
    if longest - shortest <= 1.5 * tick or facts["frames"] < 3:
        return names.rate(Fraction(facts["rate"]))
    usual = Fraction(facts["frames"]) / Fraction(facts["duration"])
    slow, fast = (names.rate(1 / Fraction(each)) for each in (longest, shortest))
    return f"variable: {slow.removesuffix(' fps')} to {fast}, {float(usual):.1f} on average"


def _split(facts: dict[str, Any]) -> str:
    if not facts["shardable"]:
        return f"no: {facts['sequential']}" if facts["sequential"] else "no"
    if facts["keyframes"] < 2:
        return "yes (but each part is decoded from the only keyframe on)"
    return f"yes (keyframes every {facts['duration'] / facts['keyframes']:.1f} s on average)"


def _stream(track: dict[str, Any]) -> str:
    """Describe a stream in one line."""
    kind = {"audio": "sound", "subtitle": "subtitles"}.get(track["kind"], track["kind"])
    parts = [f"{track['index']}: {kind}"]
    if track["kind"] in {"video", "audio", "subtitle", "cover"}:
        parts.append(names.codec(track["codec"]) or "unknown codec")
    if "width" in track:
        parts.append(f"{track['width']}x{track['height']}")
    if "sample_rate" in track:
        parts.append(names.speakers(track["layout"], track["channels"]))
        parts.append(f"{track['sample_rate'] / 1000:g} kHz")
        parts += [_bit_rate(track["bit_rate"])] if track["bit_rate"] else []
    parts += [name] if (name := names.language(track["language"])) else []
    parts += [f"“{track['title']}”"] if track["title"] else []
    parts += [flag.replace("_", " ") for flag in track["flags"] if flag in _TOLD]
    return ", ".join(parts) + (" [scored]" if track["scored"] else "")


_TOLD = {"forced", "hearing_impaired", "visual_impaired", "comment", "dub", "original"}


def _images(facts: dict[str, Any]) -> Iterator[Fact]:
    shape = f"{facts['width']}x{facts['height']}"
    if facts["kind"] == "image":
        form = PurePosixPath(facts["first"]).suffix.lstrip(".").upper()
        yield "kind", f"image, {form.replace('JPG', 'JPEG')}, {size(facts['bytes'])}"
        yield "picture", shape
        return
    yield "kind", _many(facts["frames"], "image")
    yield "from", facts["first"]
    yield "to", facts["last"]
    yield "first picture", shape
    yield "can be split", "yes (anywhere)"


def _files(facts: dict[str, Any]) -> Iterator[Fact]:
    yield "kind", _many(facts["files"], "file")
    yield "from", facts["first"]
    yield "to", facts["last"]
    yield "can be split", "yes (anywhere)"


def _table(facts: dict[str, Any]) -> Iterator[Fact]:
    form = {"csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet"}[facts["format"]]
    yield "kind", f"table, {form}, {size(facts['bytes'])}"
    yield "rows", f"{facts['rows']:,}"
    columns = facts["columns"].items()
    yield "columns", [f"{name}: {DTYPES.get(dtype, dtype)}" for name, dtype in columns]
    yield "can be split", "yes (at any row)"
