"""What a job shall do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from impasto.schema.signatures import Signed

FrameFormat = Literal["png", "jpg"]
Items = Literal["pictures", "files", "rows"]
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

_OLD_PINS = {
    "weights_sha256": "weights",
    "script_sha256": "script",
    "module_sha256": "module",
    "model_sha256": "model",
    "model_digest": "model",
}
"""Digests among the parameters of specs before `JobSpec.pins`, with the names they have there."""


_MODEL = re.compile(r"(\w+:)(https?://.*?)(:[^\W\d]\w*)?", re.IGNORECASE)
"""A scorer with its model's URL, and the class in that."""


class JobSpec(Signed):
    """What a job shall do: the one config object, built alike by every face of Impasto.

    Signatures in URLs are kept beside its fields, in memory alone.

    Attributes:
        source: URL or path of a video, an image, a table or any file; of a folder, a pattern with
            ``*``, ``?`` and ``**``, or a manifest that names many.
        output: URL or path of the video, image, folder or file of records to make.
        scorer: a name from the table of scorers, for some with the file of the model behind a
            colon: ``onnx:model.onnx``.
        params: the scorer's own parameters.
        items: what the source is taken for; None lets the source and the scorer decide.
        frames: write images of this format instead of a video.
        fps: frames per second of a video made from images.
        max_size: the longer side of the output, in pixels, at most; None keeps the source's.
        start: first moment taken, in seconds from the first frame; None is the beginning.
        end: moment just past the last one taken, likewise; None is the end.
        crf: constant rate factor, 0 (lossless) to 51.
        preset: the encoder's speed, from ``ultrafast`` to ``veryslow``.
        shard_frames: items of a shard, about: a video's cuts move to a near keyframe. None is 250,
            and 10,000 for rows; ``auto`` is chosen when the job is planned
            (`impasto.planning.forecast`).
        mini_batch: items of a mini-batch; None lets the scorer decide, or a probe.
        timeout: seconds that a mini-batch may take before its worker is replaced; None is no limit.
        max_failed: items that may be set aside before the job counts as incomplete; -1 is any.
        max_failed_percent: the same as a share of all items, from 0 to 100; goes before
            ``max_failed``.
        max_failed_batches: mini-batches that may have items set aside; -1 is any.
        requirements: URL or path of a file in pip's format: packages that a cluster's workers need.
        pins: what the job was submitted with: the digest of each file and folder that must stay as
            it was, by the parameter that names it and for ``requirements``; and as ``scorer`` the
            name and version of the package that offers the scorer, unless it is Impasto's own.
        overwrite: whether a file already at ``output`` may be replaced.
    """

    URLS: ClassVar[tuple[str, ...]] = ("source", "output", "scorer", "params", "requirements")

    source: str
    output: str
    scorer: str = "style"
    params: dict[str, Any] = Field(default_factory=dict)
    items: Items | None = None
    frames: FrameFormat | None = None
    fps: Fraction | None = Field(default=None, gt=0, le=1000)
    max_size: int | None = Field(default=None, ge=16)
    start: Fraction | None = Field(default=None, ge=0)
    end: Fraction | None = Field(default=None, gt=0)
    crf: int = Field(default=18, ge=0, le=51)
    preset: Preset = "veryfast"
    shard_frames: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    mini_batch: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0)
    max_failed: int = Field(default=0, ge=-1)
    max_failed_percent: float | None = Field(default=None, ge=0, le=100)
    max_failed_batches: int = Field(default=-1, ge=-1)
    requirements: str | None = None
    pins: dict[str, str] = Field(default_factory=dict)
    overwrite: bool = False

    @model_validator(mode="before")
    @classmethod
    def _with_pins_apart(cls, fields: Any) -> Any:
        """Read a spec of the time before `pins`, whose digests stood among its parameters."""
        if not isinstance(fields, Mapping) or "pins" in fields:
            return fields
        fields, params = dict(fields), fields.get("params")
        old = [key for key in _OLD_PINS if key in params] if isinstance(params, Mapping) else []
        digests = {_OLD_PINS[key]: params[key] for key in old}
        digests["requirements"] = fields.pop("requirements_sha256", None)
        if old:
            fields["params"] = {name: params[name] for name in params if name not in old}
        return fields | {"pins": {name: it for name, it in digests.items() if it is not None}}

    @classmethod
    def _around_url(cls, field: str, text: str) -> tuple[str, str, str]:
        if field != "scorer":
            return super()._around_url(field, text)
        match = _MODEL.fullmatch(text)
        return (match[1], match[2], match[3] or "") if match else (text, "", "")
