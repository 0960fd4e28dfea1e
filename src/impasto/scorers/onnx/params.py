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
        range: what the input's values are: auto, unit, signed, byte or imagenet.
        output_range: what a picture's values are that comes out, likewise.
        channels: order of the colours: rgb or bgr.
        fit: how a picture meets a model of one fixed size: resize or tile.
        columns: the columns that are the features of rows, separated by commas; else all.
    """

    model: Annotated[TrustedFile, BehindColon]
    layout: Literal["auto", "nchw", "nhwc"] = "auto"
    range: Range = "auto"
    output_range: Range = "auto"
    channels: Literal["rgb", "bgr"] = "rgb"
    fit: Literal["resize", "tile"] = "resize"
    columns: str = ""
