"""What people call the colour tags of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.schema.source import Colour

MATRICES = {
    0: "RGB",
    1: "BT.709",
    4: "FCC",
    5: "BT.601",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "YCgCo",
    9: "BT.2020",
    10: "BT.2020 with constant luminance",
    14: "ICtCp",
}
PRIMARIES = {
    1: "BT.709",
    4: "BT.470 M",
    5: "BT.601",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "film",
    9: "BT.2020",
    11: "DCI-P3",
    12: "Display P3",
}
TRANSFERS = {
    1: "BT.709",
    4: "gamma 2.2",
    5: "gamma 2.8",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "linear",
    13: "sRGB",
    14: "BT.2020",
    15: "BT.2020",
    16: "HDR10 (PQ)",
    18: "HLG (HDR)",
}
"""Names of the colour tags' code points. Source: ITU-T H.273."""

_UNTAGGED = 2
_CURVES_ALIKE = {1, 6, 14, 15}
"""Transfer characteristics that are the same curve by several names."""


def named(colour: Colour) -> str:
    """Name a video's colour tags, with one name where they all say the same."""
    matrix, primaries, transfer = colour.matrix, colour.primaries, colour.transfer
    tagged = [
        (what, names.get(tag, str(tag)))
        for what, names, tag in (
            ("matrix", MATRICES, matrix),
            ("primaries", PRIMARIES, primaries),
            ("transfer", TRANSFERS, transfer),
        )
        if tag != _UNTAGGED
    ]
    alike = transfer in _CURVES_ALIKE
    one = {name for what, name in tagged if what != "transfer" or not alike}
    if transfer in {16, 18} and {matrix, primaries} == {9}:
        words = [f"{TRANSFERS[transfer]}, BT.2020"]
    elif len(tagged) == 3 and len(one) == 1:
        words = [*one]
    else:
        words = [f"{what} {name}" for what, name in tagged] or ["not tagged"]
    if colour.full_range is not None:
        words.append("full range" if colour.full_range else "limited range")
    return ", ".join(words)
