"""Parameters of a PyTorch model in a file."""

from __future__ import annotations

from impasto.schema.base import Frozen
from impasto.scorers.params import Range


class CheckpointParams(Frozen):
    """Parameters of a PyTorch model in a file.

    Attributes:
        model: URL or path of a fast-neural-style checkpoint, a TorchScript or torch.export file.
        model_sha256: its digest, filled in when a job begins.
        range: what the input's values are: auto, unit, signed, byte or imagenet.
        output_range: what a picture's values are that comes out, likewise.
    """

    model: str
    model_sha256: str | None = None
    range: Range = "auto"
    output_range: Range = "auto"
