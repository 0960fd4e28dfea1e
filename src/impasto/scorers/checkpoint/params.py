"""Parameters of a PyTorch model in a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from impasto.schema.base import Frozen
from impasto.scorers.params import BehindColon, Newer, Range, TrustedFile
from impasto.scorers.sizes import OutputSize


class CheckpointParams(Frozen):
    """Parameters of a PyTorch model in a file.

    Attributes:
        model: URL or path of a checkpoint, a TorchScript or torch.export file.
        range: range of the model's input values: unit (0 to 1), signed (-1 to 1), byte (0 to 255),
            imagenet (unit less ImageNet's mean, over its deviation); auto is what the file says,
            or unit.
        output_range: range of an output picture's values; choices as for range.
        tile: side in pixels of the tiles that large pictures are cut into, auto (what memory
            allows) or no.
        output_size: size of the pictures: 1920x1080 (into which they fit, in their own shape), or
            2x, a multiple of the source's; otherwise the model's own.
        blend: share of the model's picture in the result; the rest is the source, only resized.
    """

    model: Annotated[TrustedFile, BehindColon]
    range: Range = "auto"
    output_range: Range = "auto"
    tile: Annotated[str, Newer(), Field(max_length=8, coerce_numbers_to_str=True)] = "auto"
    output_size: Annotated[str, Newer(), Field(max_length=16)] = ""
    blend: Annotated[float, Newer(), Field(ge=0, le=1)] = 1.0

    @field_validator("tile")
    @classmethod
    def _tile(cls, tile: str) -> str:
        if tile not in ("auto", "no") and not (tile.isascii() and tile.isdigit() and int(tile)):
            raise ValueError("must be auto, no or a number of pixels")
        return tile

    @field_validator("output_size")
    @classmethod
    def _size(cls, size: str) -> str:
        if size:
            OutputSize.parse(size)
        return size
