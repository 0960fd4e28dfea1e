"""Parameters of a PyTorch model in a file."""

from __future__ import annotations

from typing import Annotated

from impasto.schema.base import Frozen
from impasto.scorers.params import BehindColon, Range, TrustedFile


class CheckpointParams(Frozen):
    """Parameters of a PyTorch model in a file.

    Attributes:
        model: URL or path of a fast-neural-style checkpoint, a TorchScript or torch.export file.
        range: range of the model's input values: auto, unit, signed, byte or imagenet.
        output_range: range of an output picture's values; choices as for range.
    """

    model: Annotated[TrustedFile, BehindColon]
    range: Range = "auto"
    output_range: Range = "auto"
