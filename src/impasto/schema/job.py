"""The spec of a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from impasto.errors import BadInput
from impasto.schema.signatures import Signed

FrameFormat = Literal["png", "jpg", "npy", "npz"]
Items = Literal["pictures", "files", "rows"]
Deinterlace = Literal["auto", "no"]
Audio = Literal["copy", "auto", "none", "aac", "opus", "flac"]
Preset = Literal[
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
]

VideoCodec = Literal["auto", "h264", "hevc", "av1", "vp9", "prores", "ffv1"]
PixelFormat = Literal[
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuv420p10le",
    "yuv422p10le",
    "yuv444p10le",
    "yuv420p12le",
    "yuv422p12le",
    "yuv444p12le",
    "yuv420p16le",
    "yuv422p16le",
    "yuv444p16le",
    "yuva420p",
    "yuva422p",
    "yuva444p",
    "yuva420p10le",
    "yuva422p10le",
    "yuva444p10le",
    "yuva444p12le",
    "yuva444p16le",
]
"""FFmpeg's names of the layouts in which video is encoded; those with an ``a`` are transparent."""
Quality: TypeAlias = Annotated[int, Field(ge=0, le=100)] | Literal["lossless"]

_Label = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Labels: TypeAlias = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")], _Label],
    Field(max_length=32),
]
"""Names for a job, for people and programs."""

_OLD_PINS = {
    "checkpoint": {"model_sha256": "model"},
    "gatys": {"weights_sha256": "weights"},
    "onnx": {"model_sha256": "model"},
    "python": {"module_sha256": "module"},
    "script": {"script_sha256": "script", "model_digest": "model"},
    "style": {"weights_sha256": "weights"},
}
"""Digests among the parameters of specs older than `JobSpec.pins`, by scorer: their names there,
and in `JobSpec.pins`."""

_MODEL = re.compile(r"(\w+:)(https?://.*?)(:[^\W\d]\w*)?", re.IGNORECASE)
"""A scorer with its model's URL, and the class in its file."""


def allowance(text: str) -> dict[str, object]:
    """Return the fields of a spec that say how many items may fail.

    Args:
        text: a number, a percentage such as ``5%``, or ``all``.

    Raises:
        BadInput: it is something else.
    """
    if text == "all":
        return {"max_failed": -1, "max_failed_percent": None}
    match = re.fullmatch(r"(-?\d+)|(\d+(?:\.\d+)?)%", text)
    if match is None:
        raise BadInput(
            f"`max_failed={text}`: is not a number, a percentage or 'all'", "write 10, 5% or all"
        )
    if match[1]:
        return {"max_failed": int(match[1]), "max_failed_percent": None}
    return {"max_failed": 0, "max_failed_percent": float(match[2])}


class JobSpec(Signed):
    """The one config object of a job, built the same way by every face of Impasto.

    Signatures in URLs are kept beside its fields, in memory only.

    Attributes:
        source: URL or path of a video, an image, a table or any file; of a folder, a pattern with
            ``*``, ``?`` and ``**``, or a manifest that names many.
        output: URL or path of the video, image, folder or file of records to make.
        scorer: a name from the table of scorers, for some followed by a colon and the file of the
            model: ``onnx:model.onnx``.
        params: the scorer's own parameters.
        items: what the source is read as; None lets the source and the scorer decide.
        keep: columns of a table that the output has beside the results, or ``all`` alone.
        frames: write a folder of files of this format, one for each item: images; or what the
            scorer makes as arrays of numpy, ``npy`` for a single one, ``npz`` for several by name.
        fps: frames per second of a video made from images.
        temporal: how much of a video's frames is carried along with its motion instead of scored
            alone, from 0, which is nothing, to 1.
        temporal_speed: whether more is carried along, and less precisely, so that less is scored.
        max_size: maximum of the output's longer side, in pixels; None keeps the source's.
        start: beginning of the range taken, in seconds from the first frame; None is the source's.
        end: end of that range, exclusive, in seconds from the first frame; None is the source's.
        stream: which of a video's streams is scored, by its index in the file; None takes the one
            that players would.
        deinterlace: ``auto`` makes a whole picture of each frame of an interlaced video, to be
            scored; ``no`` takes its frames as they are.
        audio: ``copy`` carries a video's sound as it is, or refuses the job; ``auto`` encodes the
            tracks that the output cannot carry; ``none`` leaves sound out; ``aac``, ``opus`` and
            ``flac`` encode every track that is not in that codec already.
        codec: how a video's pictures are encoded; ``auto`` lets the output's name and the source
            decide.
        pix_fmt: the samples that are encoded; None lets the codec and the source decide.
        quality: 0 to 100 (best), the same for all codecs, or ``lossless``; None takes ``crf``.
        crf: the same as constant rate factor of H.264, 0 (best) to 51.
        preset: the encoder's speed, from ``ultrafast`` to ``veryslow``.
        mask: URL or path of a picture, or of a video with a frame for each of the source's: where
            it is white, the output is the scorer's, and where it is black, the source's.
        mask_side: ``outside`` swaps the two.
        mask_feather: how soft the mask's edges become: the standard deviation of a blur, in pixels.
        shard_frames: items per shard, approximately: a video's cuts move to a nearby keyframe. None
            and ``auto`` choose a number when the job is planned (`impasto.planning.forecast`).
        mini_batch: items per mini-batch; None leaves it to the scorer, or to a probe.
        timeout: seconds that a mini-batch may take before its worker is replaced; None is 600
            without a sign of life.
        max_failed: items that may be set aside before the job counts as incomplete: a number, a
            percentage such as ``"5%"``, or ``"all"``, which is stored as -1.
        max_failed_percent: the same as a percentage of all items, from 0 to 100; overrides
            ``max_failed``.
        max_failed_batches: mini-batches that may have items set aside; -1 or ``"all"`` is any.
        requirements: URL or path of a file in pip's format that lists the packages that a cluster's
            workers need.
        pins: what the job was submitted with: the digest of each file and folder that must not
            change, by the parameter that names it, or ``requirements``; and under ``scorer``, the
            name and version of the package that provides the scorer, unless that is Impasto itself.
        overwrite: whether a file already at ``output`` may be replaced.
        exact: whether the source is only what bears exactly this name: an object, or a folder of
            which links are left out; never a pattern or a manifest. For what others have put there.
        tenant: whose job it is; "" is nobody's. Jobs of two tenants are never the same job.
        rule: the watch rule that made it, or "".
        labels: what its submitter calls it, by name.
    """

    NOUN: ClassVar[str] = "field"
    URLS: ClassVar[tuple[str, ...]] = (
        "source",
        "output",
        "scorer",
        "params",
        "requirements",
        "mask",
    )

    source: str
    output: str
    scorer: str = "style"
    params: dict[str, Any] = Field(default_factory=dict)
    items: Items | None = None
    keep: tuple[str, ...] = ()
    frames: FrameFormat | None = None
    fps: Fraction | None = Field(default=None, gt=0, le=1000)
    temporal: float = Field(default=0.0, ge=0.0, le=1.0)
    temporal_speed: bool = False
    max_size: int | None = Field(default=None, ge=16)
    start: Fraction | None = Field(default=None, ge=0)
    end: Fraction | None = Field(default=None, gt=0)
    stream: int | None = Field(default=None, ge=0)
    deinterlace: Deinterlace = "auto"
    audio: Audio = "copy"
    codec: VideoCodec = "auto"
    pix_fmt: PixelFormat | None = None
    quality: Quality | None = None
    crf: int = Field(default=18, ge=0, le=51)
    preset: Preset = "veryfast"
    mask: str | None = None
    mask_side: Literal["inside", "outside"] = "inside"
    mask_feather: float = Field(default=0.0, ge=0, le=500)
    shard_frames: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    mini_batch: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0)
    max_failed: int = Field(default=0, ge=-1)
    max_failed_percent: float | None = Field(default=None, ge=0, le=100)
    max_failed_batches: int = Field(default=-1, ge=-1)
    requirements: str | None = None
    pins: dict[str, str] = Field(default_factory=dict)
    overwrite: bool = False
    exact: bool = False
    tenant: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9_-]{0,40})?$")] = ""
    rule: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9_-]{0,40})?$")] = ""
    labels: Labels = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _with_pins_apart(cls, fields: Any) -> Any:
        """Read a spec older than `pins`, whose digests are among its parameters."""
        if not isinstance(fields, Mapping) or "pins" in fields:
            return fields
        fields, params = dict(fields), fields.get("params")
        names = _OLD_PINS.get(str(fields.get("scorer", "style")).partition(":")[0], {})
        old = [key for key in names if key in params] if isinstance(params, Mapping) else []
        digests = {names[key]: params[key] for key in old}
        digests["requirements"] = fields.pop("requirements_sha256", None)
        if old:
            fields["params"] = {name: params[name] for name in params if name not in old}
        return fields | {"pins": {name: it for name, it in digests.items() if it is not None}}

    @model_validator(mode="before")
    @classmethod
    def _written(cls, fields: Any) -> Any:
        """Read how many items may fail, the codec of two names, and what is kept, as written."""
        if not isinstance(fields, Mapping):
            return fields
        fields = dict(fields)
        if isinstance(given := fields.get("max_failed"), str):
            fields |= allowance(given)
        if fields.get("max_failed_batches") == "all":
            fields["max_failed_batches"] = -1
        if fields.get("codec") == "h265":
            fields["codec"] = "hevc"
        if isinstance(given := fields.get("keep"), str):
            fields["keep"] = tuple(name.strip() for name in given.split(",") if name.strip())
        return fields

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            start, end = float(self.start), float(self.end)
            raise BadInput(f"`start={start:g}`: is not before `end={end:g}`", "correct one of them")
        return self

    @model_validator(mode="after")
    def _masked(self) -> Self:
        if self.mask is None and (self.mask_feather or self.mask_side != "inside"):
            name = "mask_feather" if self.mask_feather else "mask_side"
            raise BadInput(f"`{name}`: is about a mask", "add `mask`")
        return self

    @model_validator(mode="after")
    def _something_to_speed_up(self) -> Self:
        if self.temporal_speed and not self.temporal:
            raise BadInput("`temporal_speed`: nothing is carried along", "add `temporal=1`")
        return self

    @model_validator(mode="after")
    def _one_quality(self) -> Self:
        if self.quality is not None and self.crf != JobSpec.model_fields["crf"].default:
            raise BadInput(
                f"`crf={self.crf}` and `quality={self.quality}`: mean the same", "leave one out"
            )
        return self

    @classmethod
    def _around_url(cls, field: str, text: str) -> tuple[str, str, str]:
        if field != "scorer":
            return super()._around_url(field, text)
        match = _MODEL.fullmatch(text)
        return (match[1], match[2], match[3] or "") if match else (text, "", "")
