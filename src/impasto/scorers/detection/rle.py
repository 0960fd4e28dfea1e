"""COCO's compressed run-length encoding of masks, as pycocotools reads and writes it.

A mask is read column by column. The lengths of its runs, beginning with one of zeros, are numbers
of five bits a character, lowest first, with a bit that says whether more follow; from the fourth
on, each is the difference to the one two before (``rleToString`` in maskApi.c of the COCO API).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST = 48
"""The character of five zero bits."""


def encode(mask: NDArray[Any]) -> dict[str, Any]:
    """Return a mask, bool (H, W), as ``{"size": [H, W], "counts": "..."}``."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    ends = np.concatenate([[0] if flat[:1].any() else [], edges, [flat.size]]).astype(np.int64)
    runs = np.diff(ends, prepend=0)
    steps = runs.copy()
    steps[3:] -= runs[1:-2]
    return {"size": [*mask.shape], "counts": "".join(map(_characters, steps.tolist()))}


def _characters(number: int) -> str:
    text = ""
    more = True
    while more:
        bits = number & 31
        number >>= 5
        more = number != (-1 if bits & 16 else 0)
        text += chr((bits | 32 if more else bits) + _FIRST)
    return text


def decode(encoded: dict[str, Any]) -> NDArray[np.bool_]:
    """Return the mask, bool (H, W), that `encode` was given."""
    runs: list[int] = []
    number = shift = 0
    for character in encoded["counts"]:
        bits = ord(character) - _FIRST
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(encoded["size"], order="F")
