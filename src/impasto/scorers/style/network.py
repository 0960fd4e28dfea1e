"""Style transfer with any painting, in one forward pass: the scorer, and the network plainly.

Ghiasi, Lee, Kudlur, Dumoulin, Shlens, "Exploring the structure of a real-time, arbitrary neural
artistic stylization network", BMVC 2017 (arXiv:1705.06830). One network predicts a style vector of
100 numbers from the painting; another, whose norms that vector scales and shifts, repaints a
picture. `Transformer` is written to be read and to be compared with; `style_fast` computes the same
and is what runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from impasto.scorers import SCORERS, Scorer, weights
from impasto.scorers.style.fast import FastTransformer, fast_dtype, keep_freed_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from impasto.scorers import Inputs
    from impasto.scorers.params import StyleParams

STYLE_SIZE = 256
STYLE_LENGTH = 100


class InvertedResidual(nn.Module):
    """MobileNetV2's block (arXiv:1801.04381): widen, filter each channel, narrow linearly.

    Maps (N, inputs, H, W) to (N, outputs, H / stride, W / stride), H and W even. Batch norm is
    folded into the biases.
    """

    def __init__(self, inputs: int, outputs: int, widen: int, stride: int) -> None:
        super().__init__()
        wide = inputs * widen
        self.stride = stride
        self.expand = nn.Conv2d(inputs, wide, 1) if widen > 1 else None
        self.depthwise = nn.Conv2d(wide, wide, 3, stride, groups=wide)
        self.project = nn.Conv2d(wide, outputs, 1)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W)."""
        y: Tensor = F.relu6(self.expand(x)) if self.expand else x
        y = F.relu6(self.depthwise(same_pad(y, self.stride)))
        y = self.project(y)
        return x + y if self.skip else y


class Predictor(nn.Module):
    """The painting's style vector: MobileNetV2, then a linear bottleneck.

    Maps RGB in [0, 1], (N, 3, 256, 256), to (N, 100).
    """

    # (widening, channels, repeats, first stride), table 2 of arXiv:1801.04381.
    STAGES = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2)
        self.blocks = nn.Sequential()
        inputs = 32
        for widen, channels, repeats, stride in self.STAGES:
            for i in range(repeats):
                block = InvertedResidual(inputs, channels, widen, stride if i == 0 else 1)
                self.blocks.append(block)
                inputs = channels
        self.head = nn.Conv2d(inputs, 1280, 1)
        self.project = nn.Conv2d(1280, STYLE_LENGTH, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Predict the style vector of (N, 3, 256, 256)."""
        x = F.relu6(self.stem(same_pad(x, 2)))
        x = F.relu6(self.head(self.blocks(x)))
        style: Tensor = self.project(x.mean((2, 3), keepdim=True))
        return style.flatten(1)


def same_pad(x: Tensor, stride: int) -> Tensor:
    """Pad for a 3x3 convolution as TensorFlow's SAME does: right and bottom only for stride 2."""
    return F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))


class Styled(nn.Module):
    """A convolution and the instance norm whose scale and shift the style decides (section 3).

    Maps (N, inputs, H, W) and a style (N, 100) to (N, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, bias=False)
        self.scale = nn.Linear(STYLE_LENGTH, outputs)
        self.shift = nn.Linear(STYLE_LENGTH, outputs)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (N, inputs, H, W) for a style."""
        x = self.conv(reflect_pad(x, self.conv.kernel_size[0]))
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + 1e-5)
        scale: Tensor = self.scale(style)[..., None, None]
        shift: Tensor = self.shift(style)[..., None, None]
        return x * scale + shift


class Residual(nn.Module):
    """Two styled convolutions around an identity; (N, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Styled(channels, channels, 3)
        self.conv2 = Styled(channels, channels, 3)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (N, C, H, W) for a style."""
        y: Tensor = self.conv2(F.relu(self.conv1(x, style)), style)
        return x + y


class Transformer(nn.Module):
    """The picture repainted in a style: contract, five residual blocks, expand.

    Maps RGB in [0, 1], (N, 3, H, W) with H and W multiples of 4 from 8 up, and a style (N, 100) to
    RGB in [0, 1], (N, 3, H, W). This is the oracle that the fast form is held against.
    """

    def __init__(self) -> None:
        super().__init__()
        self.contract = nn.ModuleList(
            [nn.Conv2d(3, 8, 9), nn.Conv2d(8, 16, 3, 2), nn.Conv2d(16, 32, 3, 2)]
        )
        self.residual = nn.ModuleList([Residual(32) for _ in range(5)])
        self.expand = nn.ModuleList([Styled(32, 16, 3), Styled(16, 8, 3), Styled(8, 3, 9)])

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Repaint (N, 3, H, W) in a style."""
        for conv, size in zip(self.contract, (9, 3, 3), strict=True):
            x = F.relu(conv(reflect_pad(x, size)))
        for block in self.residual:
            x = block(x, style)
        for styled in self.expand[:2]:
            x = F.relu(styled(F.interpolate(x, scale_factor=2.0), style))
        return torch.sigmoid(self.expand[2](x, style))


def reflect_pad(x: Tensor, size: int) -> Tensor:
    """Mirror the borders so that a convolution of this size keeps the picture's."""
    return F.pad(x, (size // 2,) * 4, mode="reflect")


class StyleScorer(Scorer):
    """Repaint pictures of any size in the style of a painting.

    With strength s, the style vector is (1 - s) * own + s * painting, where own is that of the
    source's first picture, and the output is source + m * (repainted - source), m = s * (2 - s).
    The network repaints even with a picture's own vector, hence the mix: 0 is exactly the source
    and 1 exactly the repainted picture; m runs ahead of s, so that in between the style vector
    does most of the work and the source shows through little.

    Attributes:
        batch: the preferred mini-batch. Pictures are painted one at a time on every device, so that
            none depends on its neighbours; on CUDA a mini-batch saves transfers.
    """

    def __init__(
        self, params: StyleParams, prepared: dict[str, Any], inputs: Inputs, device: torch.device
    ) -> None:
        """Load the transformer for the prepared style; raises what `weights.load` does."""
        if device.type == "cpu":
            keep_freed_memory()
        self.params, self.device = params, device
        self.batch = 8 if device.type == "cuda" else 1
        style = torch.tensor(prepared["style"], dtype=torch.float32)
        tensors = _weights(params, inputs, "transformer")
        with torch.inference_mode():
            self.network = FastTransformer(tensors, style, device, fast_dtype(device))

    @classmethod
    def prepare(cls, params: StyleParams, inputs: Inputs) -> dict[str, Any]:
        """Predict the style vector: ``{"style": 100 floats}``, each exactly a float32.

        Raises:
            BadInput: the painting, the source's first picture or the weights cannot be read.
            Unavailable: a store did not answer.
        """
        with torch.device("meta"):
            predictor = Predictor()
        predictor.load_state_dict(_weights(params, inputs, "predictor"), assign=True)
        with torch.inference_mode():
            style = predictor(square(inputs.image(params.style)))
            if params.strength < 1:
                style = torch.lerp(predictor(square(inputs.sample())), style, params.strength)
        return {"style": style[0].tolist()}

    def score(self, batch: Tensor) -> Tensor:
        """Repaint RGB pictures: float32 in [0, 1], (N, 3, H, W), any size, to the same."""
        if self.params.strength == 0:
            return batch
        with torch.inference_mode():
            painted = [self._paint(picture[None]) for picture in batch]
            return painted[0] if len(painted) == 1 else torch.cat(painted)

    def _paint(self, source: Tensor) -> Tensor:
        picture = source.to(self.device)
        height, width = picture.shape[2:]
        scale = self.params.style_scale
        size = (max(1, round(height / scale)), max(1, round(width / scale)))
        result = resize(self._repaint(resize(picture, size)), (height, width))
        if self.params.preserve_colour:
            result = with_luma_of(result, picture)
        if (strength := self.params.strength) < 1:
            result = torch.lerp(picture, result, strength * (2 - strength))
        return result.to(source.device)

    def _repaint(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[2:]
        return self.network(pad_to_fit(picture))[:, :, :height, :width]


def square(picture: NDArray[np.uint8]) -> Tensor:
    """Crop a picture's centre to a square and shrink it for the predictor: (1, 3, 256, 256)."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(picture)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    image = image.resize((STYLE_SIZE, STYLE_SIZE), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (N, 3, H, W) in [0, 1] to a size, bicubic and without aliasing."""
    if picture.shape[2:] == size:
        return picture
    resized = F.interpolate(picture, size, mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp_(0, 1)


def pad_to_fit(picture: Tensor) -> Tensor:
    """Mirror the right and bottom so that H and W are multiples of 4, from 8 up.

    Where there is too little to mirror, the edge is repeated.
    """
    height, width = picture.shape[2:]
    right, bottom = (max(8, -(-size // 4) * 4) - size for size in (width, height))
    if right:
        picture = F.pad(picture, (0, right, 0, 0), "reflect" if right < width else "replicate")
    if bottom:
        picture = F.pad(picture, (0, 0, 0, bottom), "reflect" if bottom < height else "replicate")
    return picture


def with_luma_of(result: Tensor, source: Tensor) -> Tensor:
    """Move the source's colours to the result's luma (BT.709): differences of channels stay."""
    weights_709 = source.new_tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)
    change = ((result - source) * weights_709).sum(1, keepdim=True)
    return (source + change).clamp_(0, 1)


def load_weights(part: str) -> dict[str, Tensor]:
    """Load ``predictor`` or ``transformer``; raises what `weights.load` does."""
    return weights.load("style.safetensors", SCORERS["style"].weights, part)


def _weights(params: StyleParams, inputs: Inputs, part: str) -> dict[str, Tensor]:
    """Load the user's weights if there are any, else those that ship with the package."""
    if params.weights is None:
        return load_weights(part)
    content = inputs.trusted(params.weights, params.weights_sha256 or "")
    return weights.parse(content, part, params.weights)
