"""Parameters of style transfer in one pass."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from impasto.errors import BadInput
from impasto.schema.base import Frozen
from impasto.scorers.params import (
    Newer,
    PictureFile,
    PictureShares,
    PictureTimes,
    TrustedFile,
)

WEIGHTS_SHA256 = "f93ebd66508913fdde881a01620a026510ebbdbe53a95b3b990d4b52d2516f2f"
"""Digest of the weights that come with Impasto."""


class StyleParams(Frozen):
    """Parameters of style transfer.

    Attributes:
        style: URL or path of the painting to take the style from.
        mix: another painting and its share of the style; the rest, which must not be nothing, is
            the first painting's.
        fade: a time in a video, in seconds, and the painting whose style it then has; between two
            times the style changes steadily.
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
    fade: Annotated[PictureTimes, Newer()] = Field(default_factory=dict)
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

    @field_validator("fade")
    @classmethod
    def _later(cls, fade: dict[str, str]) -> dict[str, str]:
        times = {float(at) for at in fade}
        if 0 in times or len(times) < len(fade):
            raise ValueError("must have times of more than 0, each once")
        return fade

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.mix and self.fade:
            raise BadInput("`mix` and `fade`: are not for one job", "leave one of them out")
        return self
