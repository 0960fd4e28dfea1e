"""Parameters of style transfer by optimisation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from impasto.schema.base import Frozen
from impasto.scorers.gatys.layers import parse_layers
from impasto.scorers.params import PictureFile, TrustedFile


class GatysParams(Frozen):
    """Parameters of style transfer by optimisation.

    Attributes:
        style: URL or path of the painting to take the style from.
        style_weight: weight of the style loss.
        content_weight: weight of the content loss.
        num_steps: maximum number of evaluations of the loss per picture.
        tolerance: stop when the loss falls by less than this share over ten evaluations; 0: never.
        image_size: longer side, in pixels, at which pictures are optimised; 0: their own.
        network: the network that computes features: vgg19 or vgg16.
        style_layers: convolutions whose statistics define the style, separated by commas.
        content_layers: convolutions whose values define the content, separated by commas.
        init: where to start: auto, content or feed-forward.
        weights: URL or path of weights to use instead of torchvision's (pth, safetensors, h5).
    """

    style: PictureFile
    style_weight: float = Field(default=1e8, ge=0.0)
    content_weight: float = Field(default=1.0, ge=0.0)
    num_steps: int = Field(default=80, ge=1, le=10_000)
    tolerance: float = Field(default=0.05, ge=0.0, lt=1.0)
    image_size: int = Field(default=512, ge=0)
    network: Literal["vgg19", "vgg16"] = "vgg19"
    style_layers: str = "1,2,3,4,5"
    content_layers: str = "4"
    init: Literal["auto", "content", "feed-forward"] = "auto"
    weights: TrustedFile | None = None

    @field_validator("style_layers", "content_layers")
    @classmethod
    def _known(cls, layers: str, info: ValidationInfo) -> str:
        if "network" in info.data:
            parse_layers(info.data["network"], layers)
        return layers
