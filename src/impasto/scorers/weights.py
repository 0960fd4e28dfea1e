"""Find, verify and load weights: those that ship with the package, and users' own like them.

A file is read whole and its sha256 checked before a byte of it is parsed. Weights are stored as
int8 with a float32 step for each output channel (``name`` and ``name.step``) and are dequantised on
loading.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from impasto.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import torch

STEP = ".step"


def load(name: str, sha256: str, part: str) -> dict[str, torch.Tensor]:
    """Load one network from a file of weights, as float32.

    Args:
        name: the file's name in the package's data.
        sha256: what the file's bytes must hash to, in hexadecimal.
        part: the network; its tensors are those whose names start with ``part.``.

    Returns:
        The tensors by name, without the leading ``part.``, float32, each with its shape in the
        file.

    Raises:
        BadInput: the file is missing or is not the one that was shipped.
        Unavailable: the file could not be read.
    """
    return parse(_verified(_data() / name, sha256), part, name)


def parse(content: bytes, part: str, name: str) -> dict[str, torch.Tensor]:
    """Load one network from a file's verified bytes; returns what `load` does.

    Args:
        content: the file's bytes, in the safetensors format.
        part: the network.
        name: what to call the file in errors.

    Raises:
        BadInput: the bytes are not weights, or hold none for that network.
    """
    prefix = f"{part}."
    try:
        loaded = load_tensors(content)
    except SafetensorError:
        raise BadInput(f"{name}: is not a safetensors file", "convert the weights first") from None
    tensors = {
        key.removeprefix(prefix): tensor for key, tensor in loaded.items() if key.startswith(prefix)
    }
    if not tensors:
        raise BadInput(f"{name}: has no {part!r}", "give weights of the same networks")
    return {
        key: _dequantise(tensor, tensors.get(key + STEP))
        for key, tensor in tensors.items()
        if not key.endswith(STEP)
    }


def _data() -> Traversable:
    return files("impasto.scorers") / "data"


def _verified(path: Traversable, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"weights {path.name} are missing", "reinstall impasto") from None
    except OSError as error:
        raise Unavailable(f"weights {path.name}: {error.strerror}", "try again") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BadInput(
            f"weights {path.name}: sha256 is {found[:12]}, not {sha256[:12]}", "reinstall impasto"
        )
    return content


def _dequantise(tensor: torch.Tensor, step: torch.Tensor | None) -> torch.Tensor:
    """Multiply int8, (O, ...), by the step of each output channel, (O,); without one, keep it."""
    if step is None:
        return tensor
    return tensor.float() * step.view(-1, *[1] * (tensor.dim() - 1))
