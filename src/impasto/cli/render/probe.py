"""The properties of a source."""

from __future__ import annotations

from typing import Any

from impasto.cli.render.text import fact_lines

UNSPECIFIED = 2
NAMES = {
    "matrix": {
        0: "RGB",
        1: "BT.709",
        4: "FCC",
        5: "BT.601 (625 lines)",
        6: "BT.601 (525 lines)",
        7: "SMPTE 240M",
        8: "YCgCo",
        9: "BT.2020",
        10: "BT.2020 constant luminance",
        14: "ICtCp",
    },
    "primaries": {
        1: "BT.709",
        4: "BT.470 M",
        5: "BT.601 (625 lines)",
        6: "BT.601 (525 lines)",
        7: "SMPTE 240M",
        8: "film",
        9: "BT.2020",
        11: "DCI-P3",
        12: "Display P3",
    },
    "transfer": {
        1: "BT.709",
        4: "gamma 2.2",
        5: "gamma 2.8",
        6: "BT.601",
        7: "SMPTE 240M",
        8: "linear",
        13: "sRGB",
        14: "BT.2020 (10 bits)",
        15: "BT.2020 (12 bits)",
        16: "PQ",
        18: "HLG",
    },
}
"""Names of the colour tags' code points. Source: ITU-T H.273."""


def probe(facts: dict[str, Any], *, as_json: bool) -> None:
    """Print a source's properties in words, or as a JSON line."""
    if not as_json:
        facts = {_label(name): _value(name, value) for name, value in facts.items()}
    fact_lines(facts, as_json=as_json)


def _label(name: str) -> str:
    return {"shardable": "can be split"}.get(name, name.replace("_", " "))


def _value(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _colour(value) if name == "colour" else value


def _colour(tags: dict[str, Any]) -> str:
    """Name the colour tags that a video has."""
    words = [
        f"{name} {names.get(tags[name], tags[name])}"
        for name, names in NAMES.items()
        if tags[name] != UNSPECIFIED
    ]
    if tags["full_range"] is not None:
        words.append("full range" if tags["full_range"] else "limited range")
    return ", ".join(words) or "untagged"
