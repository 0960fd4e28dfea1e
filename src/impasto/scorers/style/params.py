"""Parameters of style transfer in one pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from impasto.schema.base import Frozen
from impasto.scorers.params import Newer, PictureFile, PictureShares, TrustedFile

WEIGHTS_SHA256 = "f93ebd66508913fdde881a01620a026510ebbdbe53a95b3b990d4b52d2516f2f"
"""Digest of the weights that come with Impasto."""


class StyleParams(Frozen):
    """Parameters of style transfer.

    Attributes:
        style: URL or path of the painting to take the style from.
        mix: another painting and its share of the style; the rest, which must not be nothing, is
            the first painting's.
        strength: 0 keeps the source, 1 is the painting's full style.
        style_scale: size of the strokes; 2 doubles it, and is four times as fast; auto suits it to
            the picture: 1 at 1280x720, 3 at 3840x2160.
        finish: fine paints each picture four times, moved a little, and takes the mean: clean paint
            without a weave, for four times the computation.
        preserve_colour: keep the source's colours; take only light and strokes from the painting.
        weights: URL or path of other weights for the same networks (safetensors).
    """

    style: PictureFile
    mix: Annotated[PictureShares, Newer()] = Field(default_factory=dict)
    strength: float = Field(default=1.0, ge=0.0, le=1.0)
    style_scale: Annotated[float, Field(ge=0.25, le=8.0)] | Literal["auto"] = 1.0
    finish: Annotated[Literal["fast", "fine"], Newer()] = "fast"
    preserve_colour: bool = False
    weights: TrustedFile | None = None

    @field_validator("mix")
    @classmethod
    def _leaves_some(cls, mix: dict[str, float]) -> dict[str, float]:
        if sum(mix.values()) >= 1:
            raise ValueError("must leave the style a share: all together are less than 1")
        return mix
