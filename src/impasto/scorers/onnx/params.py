"""Parameters of an ONNX model."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from impasto.schema.base import Frozen
from impasto.scorers.params import (
    ArrayValues,
    BehindColon,
    Beside,
    ColumnNames,
    Newer,
    Range,
    TrustedFile,
)

_SIZE = re.compile(r"([1-9]\d{0,4}x([1-9]\d{0,4})?|x[1-9]\d{0,4})?")


def _size(text: str) -> str:
    if not _SIZE.fullmatch(text):
        raise ValueError("must be a size such as 640x480, or x48 for a height alone")
    return text


SizeText = Annotated[str, AfterValidator(_size)]
"""``640x480``; ``640x`` and ``x48`` leave the other side to the picture."""


class OnnxParams(Frozen):
    """Parameters of an ONNX model.

    Attributes:
        model: URL or path of the model.
        layout: order of the picture's dimensions: auto, nchw or nhwc.
        range: range of the model's input values: unit (0 to 1), signed (-1 to 1), byte (0 to 255),
            imagenet (unit less ImageNet's mean, over its deviation); auto is what the file says,
            or unit.
        output_range: range of an output picture's values; choices as for range.
        channels: order of the colours: rgb or bgr.
        fit: how pictures become the size that the model takes: pad, letterbox, crop, resize or
            tile; auto resizes to a fixed size, and pads to a multiple.
        size: size of the model's input, such as 640x480; x48 is its height alone. Otherwise found.
        multiple: number of which its sides must be multiples. Otherwise found.
        input: a further input's value, NAME=VALUE: a number, JSON, a .npy file, or zeros.
        output_name: the output to use of several; otherwise all.
        task: what the model finds: detect, segment, pose or classify; auto reads it from the file;
            none leaves its numbers as they are.
        threshold: least score of what counts as found, from 0 to 1.
        iou: share of their union that two boxes of one class may have in common, from 0 to 1.
        draw: paint boxes, masks, keypoints and labels into the pictures.
        data: file of the model's weights, where they are not in the model; one beside it, such as
            model.onnx.data or model.onnx_data, is found.
        columns: columns to use as features of rows, separated by commas; otherwise all.
    """

    model: Annotated[TrustedFile, BehindColon]
    layout: Literal["auto", "nchw", "nhwc"] = "auto"
    range: Range = "auto"
    output_range: Range = "auto"
    channels: Literal["rgb", "bgr"] = "rgb"
    fit: Annotated[
        Literal["auto", "pad", "letterbox", "crop", "resize", "tile"], Newer("resize")
    ] = "auto"
    size: Annotated[SizeText, Newer()] = ""
    multiple: Annotated[int | None, Newer(), Field(ge=1, le=1024)] = None
    input: Annotated[ArrayValues, Newer()] = Field(default_factory=dict)
    output_name: Annotated[str, Newer()] = ""
    task: Annotated[Literal["auto", "detect", "segment", "pose", "classify", "none"], Newer()] = (
        "auto"
    )
    threshold: Annotated[float, Newer(), Field(gt=0, le=1)] = 0.25
    iou: Annotated[float, Newer(), Field(ge=0, le=1)] = 0.7
    draw: Annotated[bool, Newer()] = False
    data: Annotated[TrustedFile | None, Newer(), Beside((".data", "_data"))] = None
    columns: ColumnNames = ""

    def fixed(self) -> tuple[int | None, int | None]:
        """Return the height and width of `size`; None is any."""
        width, _, height = self.size.partition("x")
        return int(height or 0) or None, int(width or 0) or None
