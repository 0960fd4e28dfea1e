"""Parameters of an ONNX model."""

from __future__ import annotations

from typing import Annotated, Literal

from impasto.schema.base import Frozen
from impasto.scorers.params import BehindColon, Range, TrustedFile


class OnnxParams(Frozen):
    """Parameters of an ONNX model.

    Attributes:
        model: URL or path of the model.
        layout: order of the picture's dimensions: auto, nchw or nhwc.
        range: range of the model's input values: auto, unit, signed, byte or imagenet.
        output_range: range of an output picture's values; choices as for range.
        channels: order of the colours: rgb or bgr.
        fit: how to fit pictures to a model of a fixed size: resize or tile.
        columns: columns to use as features of rows, separated by commas; otherwise all.
    """

    model: Annotated[TrustedFile, BehindColon]
    layout: Literal["auto", "nchw", "nhwc"] = "auto"
    range: Range = "auto"
    output_range: Range = "auto"
    channels: Literal["rgb", "bgr"] = "rgb"
    fit: Literal["resize", "tile"] = "resize"
    columns: str = ""
