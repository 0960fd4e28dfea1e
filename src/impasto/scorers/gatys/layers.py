"""The convolutions of VGG16 and VGG19, by number and by name.

Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014
(arXiv:1409.1556), configurations D and E. Kept apart from the networks themselves, since the driver
checks a job's parameters and must not import a model library.
"""

from __future__ import annotations

from typing import Literal

Network = Literal["vgg16", "vgg19"]

BLOCKS: dict[str, tuple[int, ...]] = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""How many convolutions each of the five blocks has; a pooling separates the blocks."""


def layer_names(network: str) -> list[str]:
    """Name a network's convolutions, ``conv1_1`` and so on, in order."""
    return [f"conv{b}_{i}" for b, n in enumerate(BLOCKS[network], 1) for i in range(1, n + 1)]


def parse_layers(network: str, text: str) -> tuple[int, ...]:
    """Read a list of convolutions, by number from 1 or by name, such as ``1,2,conv3_1``.

    Returns:
        Their numbers, ascending, without repeats.

    Raises:
        ValueError: one of them is not in the network, or there is none.
    """
    names = layer_names(network)
    known = {name: number for number, name in enumerate(names, 1)}
    known |= {str(number): number for number in known.values()}
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in known:
            raise ValueError(
                f"{word!r} is not a convolution of {network}; give numbers from 1 to {len(names)}, "
                f"or names such as conv3_1, separated by commas"
            )
    return tuple(sorted({known[word] for word in words}))
