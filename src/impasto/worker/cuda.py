"""What a worker asks of CUDA, through torch."""

from __future__ import annotations

from impasto.errors import Unavailable


def check_cuda(device: str) -> None:
    """Raise Unavailable if torch cannot use a CUDA device."""
    import torch

    if not torch.cuda.is_available():
        raise Unavailable(f"device {device}: torch cannot use it", "try `device=cpu`")


def await_weights(device: str) -> None:
    """Wait until a loaded model is on its device: other threads' streams do not wait for it."""
    import torch

    torch.cuda.synchronize(device)
