"""Parameters of style transfer in one pass."""

from __future__ import annotations

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.scorers.params import PictureFile, TrustedFile

WEIGHTS_SHA256 = "f93ebd66508913fdde881a01620a026510ebbdbe53a95b3b990d4b52d2516f2f"
"""Digest of the weights that come with Impasto."""


class StyleParams(Frozen):
    """Parameters of style transfer.

    Attributes:
        style: URL or path of the painting to take the style from.
        strength: 0 keeps the source, 1 is the painting's full style.
        style_scale: size of the strokes; 2 doubles it, and is four times as fast.
        preserve_colour: keep the source's colours; take only light and strokes from the painting.
        weights: URL or path of other weights for the same networks (safetensors).
    """

    style: PictureFile
    strength: float = Field(default=1.0, ge=0.0, le=1.0)
    style_scale: float = Field(default=1.0, ge=0.25, le=8.0)
    preserve_colour: bool = False
    weights: TrustedFile | None = None
