"""The range of a picture's values for a network, and which of its outputs are pictures.

A `Range` is ``unit`` (0 to 1), ``signed`` (-1 to 1), ``byte`` (0 to 255) or ``imagenet`` (0 to 1,
less ImageNet's mean over its deviation, which most classifiers are trained on).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from impasto.scorers.params import Range

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""For ImageNet's pictures in [0, 1]: red, green and blue, as all of its classifiers use them."""
LUMA = (0.2126, 0.7152, 0.0722)
"""BT.709's weights of red, green and blue, for networks that take grey."""
WORDS = {
    "unit": "0 to 1",
    "signed": "-1 to 1",
    "byte": "0 to 255",
    "imagenet": "0 to 1, normalised with ImageNet's mean and deviation",
}
FAR = (-1.0, 2.0)
"""Values in [0, 1] may overshoot this far before the assumed range is doubted."""


@dataclass(frozen=True, slots=True)
class Values:
    """The ranges of a network's input and output.

    Attributes:
        input: the input's.
        output: the output's.
        stated: whether the input's is certain: the user says so, or the file does.
        checked: whether the output's is a guess, to be refuted by results that contradict it.
    """

    input: Range
    output: Range
    stated: bool
    checked: bool

    @classmethod
    def of(cls, given: Range, output: Range, known: Range | None) -> Self:
        """Decide what the user leaves open.

        Args:
            given: the input's range, or ``auto``: what is known of it, else 0 to 1.
            output: the output's, or ``auto``: the same as the input's.
            known: what the file says of the input's, or None.
        """
        taken = (known or "unit") if given == "auto" else given
        made = taken if output == "auto" else output
        return cls(taken, made, known is not None or given != "auto", output == "auto")

    def note(self) -> str:
        """Say what range the input's values have, and how to change that."""
        words = f"values {WORDS[self.input]}"
        return words if self.stated else f"{words} (assumed; set `range` to change that)"

    def encode(self, pictures: Tensor) -> Tensor:
        """Bring RGB or grey in [0, 1], (N, C, H, W), into the input's range."""
        match self.input:
            case "signed":
                return pictures * 2 - 1
            case "byte":
                return pictures * 255
            case "imagenet":
                return (pictures - _channels(pictures, MEAN)) / _channels(pictures, DEVIATION)
        return pictures

    def decode(self, result: Tensor) -> Tensor:
        """Bring an output's pictures back, float32, (N, 1 or 3, H, W), not yet clamped.

        Where the range is open, bytes are 0 to 255 whatever the input's range is, and grey is 0 to
        1 where the input is normalised as ImageNet's.
        """
        made = self.output
        if self.checked and result.dtype == torch.uint8:
            made = "byte"
        elif self.checked and result.shape[1] == 1 and made == "imagenet":
            made = "unit"
        result = result.float()
        match made:
            case "signed":
                return (result + 1) / 2
            case "byte":
                return result / 255
            case "imagenet":
                return result * _channels(result, DEVIATION) + _channels(result, MEAN)
        return result

    def settle(self, made: Tensor) -> Tensor:
        """Return decoded pictures as RGB in [0, 1], (N, 3, H, W), once their range is plausible.

        A picture of one value, such as the mask of an empty page, is as plausible as any.

        Args:
            made: what `decode` returned, (N, 1 or 3, H, W).

        Raises:
            ValueError: a value is not finite; or the output's range is a guess, and a value
                contradicts it, being outside -1 to 2.
        """
        low, high = (float(value) for value in torch.aminmax(made))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError("the model made values that are not finite")
        if self.checked and (low < FAR[0] or high > FAR[1]):
            raise ValueError(
                f"the output's values, read as {WORDS[self.output]}, make a picture of "
                f"{255 * low:.3g} to {255 * high:.3g} where black is 0 and white is 255; set "
                "`range` or `output_range` to what the model uses, such as byte or unit"
            )
        return made.clamp(0, 1).expand(-1, 3, -1, -1)


def as_pictures(result: object, height: int, width: int, *, last: bool = False) -> Tensor | None:
    """Take a network's output for pictures, if it looks like them.

    Args:
        result: the output.
        height: of the pictures that went in.
        width: of the pictures that went in.
        last: whether colours are the input's last dimension.

    Returns:
        (N, 1 or 3, H, W), where the output is floats or bytes of that shape or (N, H, W, 1 or 3),
        about as oblong as the input, and not pooled to a single pixel; else None.
    """
    if not isinstance(result, torch.Tensor) or result.dim() != 4:
        return None
    if not (result.is_floating_point() or result.dtype == torch.uint8):
        return None
    for channel in (3, 1) if last else (1, 3):
        if result.shape[channel] not in (1, 3):
            continue
        pictures = result.movedim(channel, 1)
        high, wide = pictures.shape[2:]
        pooled = (high, wide) == (1, 1) != (height, width)
        if not pooled and 2 / 3 < (high * width) / (wide * height) < 3 / 2:
            return pictures
    return None


def grey(pictures: Tensor) -> Tensor:
    """Return the luma, (N, 1, H, W), of RGB pictures, (N, 3, H, W)."""
    return (pictures * _channels(pictures, LUMA)).sum(1, keepdim=True)


def _channels(pictures: Tensor, values: tuple[float, float, float]) -> Tensor:
    """Return one value per channel of (N, C, H, W), (1, C, 1, 1); for grey, the luma of three."""
    each = pictures.new_tensor(values).view(1, 3, 1, 1)
    if pictures.shape[1] == 1:
        return (each * pictures.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return each
