"""The parameters of every scorer: what its flags are called, what they may be, and defaults.

Here and not beside the models, since the driver checks them and must not import a model library.
The first line of an attribute's text is what ``impasto scorers`` and ``--help`` say of it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from impasto.schema import Frozen
from impasto.scorers.gatys.layers import parse_layers

Range = Literal["auto", "unit", "signed", "byte", "imagenet"]
"""What a picture's values are to a network: 0 to 1, -1 to 1, 0 to 255, or 0 to 1 less ImageNet's
mean over its deviation."""


class NoParams(Frozen):
    """A scorer without parameters."""


class StyleParams(Frozen):
    """Parameters of style transfer.

    Attributes:
        style: URL or path of the painting whose style is taken.
        strength: 0 keeps the source, 1 is the painting's full style.
        style_scale: size of the strokes; 2 doubles them, and is four times as fast.
        preserve_colour: keep the source's colours and take only the painting's light and strokes.
        weights: URL or path of other weights of the same networks (safetensors).
        weights_sha256: their digest, filled in when a job begins.
    """

    style: str
    strength: float = Field(default=1.0, ge=0.0, le=1.0)
    style_scale: float = Field(default=1.0, ge=0.25, le=8.0)
    preserve_colour: bool = False
    weights: str | None = None
    weights_sha256: str | None = None


class GatysParams(Frozen):
    """Parameters of style transfer by optimisation.

    Attributes:
        style: URL or path of the painting whose style is taken.
        style_weight: weight of the style loss.
        content_weight: weight of the content loss.
        num_steps: evaluations of the loss at most, a picture.
        tolerance: stop when the loss falls by less than this share over ten evaluations; 0 never.
        image_size: longer side, in pixels, at which pictures are optimised; 0 is their own.
        network: the features' network: vgg19 or vgg16.
        style_layers: the convolutions whose statistics are the style, separated by commas.
        content_layers: the convolutions whose values are the content, likewise.
        init: where to start: auto, content or feed-forward.
        weights: URL or path of the network's weights (pth, safetensors, h5); else torchvision's.
        weights_sha256: their digest, filled in when a job begins.
    """

    style: str
    style_weight: float = Field(default=1e8, ge=0.0)
    content_weight: float = Field(default=1.0, ge=0.0)
    num_steps: int = Field(default=80, ge=1, le=10_000)
    tolerance: float = Field(default=0.05, ge=0.0, lt=1.0)
    image_size: int = Field(default=512, ge=0)
    network: Literal["vgg19", "vgg16"] = "vgg19"
    style_layers: str = "1,2,3,4,5"
    content_layers: str = "4"
    init: Literal["auto", "content", "feed-forward"] = "auto"
    weights: str | None = None
    weights_sha256: str | None = None

    @field_validator("style_layers", "content_layers")
    @classmethod
    def _known(cls, layers: str, info: ValidationInfo) -> str:
        if "network" in info.data:
            parse_layers(info.data["network"], layers)
        return layers


class OnnxParams(Frozen):
    """Parameters of an ONNX model.

    Attributes:
        model: URL or path of the model.
        model_sha256: its digest, filled in when a job begins.
        layout: order of the picture's dimensions: auto, nchw or nhwc.
        range: what the input's values are: auto, unit, signed, byte or imagenet.
        output_range: what a picture's values are that comes out, likewise.
        channels: order of the colours: rgb or bgr.
        fit: how a picture meets a model of one fixed size: resize or tile.
        columns: the columns that are the features of rows, separated by commas; else all.
    """

    model: str
    model_sha256: str | None = None
    layout: Literal["auto", "nchw", "nhwc"] = "auto"
    range: Range = "auto"
    output_range: Range = "auto"
    channels: Literal["rgb", "bgr"] = "rgb"
    fit: Literal["resize", "tile"] = "resize"
    columns: str = ""


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


class ScriptParams(Frozen):
    """Parameters of a scoring script with ``init()`` and ``run(mini_batch)``.

    Attributes:
        script: URL or path of the script.
        script_sha256: its digest, filled in when a job begins.
        args: the script's own command-line arguments, in one string.
        model: URL or path of the file or folder that AZUREML_MODEL_DIR shall hold.
        model_digest: digest of its names and contents, filled in when a job begins.
        retries: how often an item that fails is tried again before it is set aside.
    """

    script: str
    script_sha256: str | None = None
    args: str = ""
    model: str | None = None
    model_digest: str | None = None
    retries: int = Field(default=1, ge=0, le=100)


class PythonParams(Frozen):
    """Parameters of a scorer class of the user's.

    Attributes:
        module: URL or path of the file that holds the class, or an installed module.
        module_sha256: the file's digest, filled in when a job begins.
        name: the class.
        args: the class's own arguments.
    """

    module: str
    module_sha256: str | None = None
    name: str
    args: dict[str, Any] = Field(default_factory=dict)
