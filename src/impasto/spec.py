"""The frozen values that travel between layers and rest in the store.

Nothing here reads a file, a store or the environment. Every class is a pydantic model, so that
what is written as JSON by one process is checked when another reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from impasto.errors import BadInput
from impasto.url import unsigned

FrameFormat = Literal["png", "jpg"]
OutputKind = Literal["video", "image", "folder"]
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


class Frozen(BaseModel):
    """An immutable value; unknown fields are refused and inputs never appear in errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


Model = TypeVar("Model", bound=Frozen)


def parse(model: type[Model], fields: Mapping[str, object], remedy: str) -> Model:
    """Build a value from unchecked fields.

    Raises:
        BadInput: a field is wrong; the message names the first that is, and the remedy.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or model.__name__
        fact = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{where}: {fact[0].lower()}{fact[1:]}; {remedy}") from None


class Encoding(Frozen):
    """How output video is compressed.

    Attributes:
        crf: constant rate factor, 0 (lossless) to 51; lower is better.
        preset: the x264/x265 preset, from ``ultrafast`` to ``veryslow``.
        threads: encoder threads; bytes are reproducible only for one thread count, so it is
            part of the plan and not of the machine.
    """

    crf: int = Field(default=18, ge=0, le=51)
    preset: Preset = "veryfast"
    threads: int = Field(default=1, ge=1)


class Colour(Frozen):
    """How code values map to light, as ITU-T H.273 code points (2 is unspecified).

    Attributes:
        matrix: matrix coefficients (1 BT.709, 5 and 6 BT.601, 9 BT.2020).
        full_range: whether luma uses all codes (0 to 255) instead of 16 to 235; None if untagged.
        primaries: colour primaries.
        transfer: transfer characteristics.
    """

    matrix: int = 2
    full_range: bool | None = None
    primaries: int = 2
    transfer: int = 2


class VideoFacts(Frozen):
    """What is known of a video's picture stream.

    Attributes:
        container: the demuxer's name, such as ``mov,mp4,m4a,3gp,3g2,mj2``.
        stream: index of the picture stream within the container.
        codec: the decoder's name.
        pixel_format: FFmpeg's name of the decoded layout, such as ``yuv420p``.
        width: coded width in pixels, before rotation.
        height: coded height in pixels, before rotation.
        time_base: seconds per timestamp unit.
        rate: nominal frames per second; a hint for encoders and displays, never a clock.
        sample_aspect: width over height of one pixel.
        display_matrix: the 3x3 display matrix in file order (row-major, 16.16 fixed point; the
            last column 2.30), or None.
        colour: the colour tags.
        interlaced: whether the stream is flagged as interlaced.
        sequential: why the stream cannot be cut into ranges, or "" when it can; if it cannot, the
            time base is 1 / rate and a timestamp is the frame's number.
    """

    container: str
    stream: int
    codec: str
    pixel_format: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    sample_aspect: Fraction = Fraction(1)
    display_matrix: tuple[int, ...] | None = None
    colour: Colour = Colour()
    interlaced: bool = False
    sequential: str = ""


class Key(Frozen):
    """A keyframe: where a decoder can start.

    Attributes:
        pts: presentation timestamp, in the stream's time base.
        dts: decoding timestamp, or None where the container has none.
        position: how many picture packets come before it in the file.
    """

    pts: int
    dts: int | None
    position: int


class VideoCut(Frozen):
    """All that a worker needs to read one range of frames exactly.

    Attributes:
        pts: the exact presentation timestamps wanted, ascending, in the stream's time base.
        keys: keyframes to start from, best first; empty means from the file's start.
        stop: position, in decode order, just past the last packet needed.
        reorder: how many packets decode order may lag behind presentation order.
        span: the half-open range of the file's bytes that holds those packets, or None where the
            container does not tell; for a reader that fetches over a network.
    """

    pts: tuple[int, ...]
    keys: tuple[Key, ...] = ()
    stop: int
    reorder: int = 0
    span: tuple[int, int] | None = None


class Shard(Frozen):
    """A half-open range of the source's frames: the unit of work, retry and resume.

    Attributes:
        index: place in the plan, from 0.
        start: first frame.
        stop: one past the last frame.
        cut: how to read the range when the source is a video.
        names: the image names to read, in order, when the source is images.
        outputs: the image names to write, in order, when the output is images.
    """

    index: int
    start: int
    stop: int
    cut: VideoCut | None = None
    names: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.stop - self.start


class FrameError(Frozen):
    """A frame that the scorer refused; its source frame stands in its place.

    Attributes:
        frame: index in the source.
        error: the scorer's own words, one line.
    """

    frame: int
    error: str


class JobSpec(Frozen):
    """What a job shall do: the one config object, built alike by every face of Impasto.

    Signatures in URLs are split off and kept in this process's memory (`impasto.secrecy`).

    Attributes:
        source: URL or path of a video, an image or a folder of images.
        output: URL or path of the video, image or folder to make.
        scorer: a name from the table of scorers.
        params: the scorer's own parameters.
        frames: write images of this format instead of a video.
        fps: frames per second of a video made from images.
        max_size: the longer side of the output, in pixels, at most; None keeps the source's.
        start: first moment taken, in seconds from the first frame; None is the beginning.
        end: moment just past the last one taken, likewise; None is the end.
        crf: constant rate factor, 0 (lossless) to 51.
        preset: the encoder's speed, from ``ultrafast`` to ``veryslow``.
        shard_frames: frames of a shard, about: cuts move to a near keyframe.
        max_failed: frames that may be set aside before the job counts as incomplete.
        overwrite: whether a file already at ``output`` may be replaced.
    """

    source: str
    output: str
    scorer: str = "style"
    params: dict[str, Any] = Field(default_factory=dict)
    frames: FrameFormat | None = None
    fps: Fraction | None = Field(default=None, gt=0, le=1000)
    max_size: int | None = Field(default=None, ge=16)
    start: Fraction | None = Field(default=None, ge=0)
    end: Fraction | None = Field(default=None, gt=0)
    crf: int = Field(default=18, ge=0, le=51)
    preset: Preset = "veryfast"
    shard_frames: int = Field(default=250, ge=1)
    max_failed: int = Field(default=0, ge=0)
    overwrite: bool = False

    @field_validator("source", "output")
    @classmethod
    def _without_signature(cls, url: str) -> str:
        return unsigned(url)

    @field_validator("params")
    @classmethod
    def _without_signatures(cls, params: dict[str, Any]) -> dict[str, Any]:
        return {k: unsigned(v) if isinstance(v, str) else v for k, v in params.items()}


class Plan(Frozen):
    """A source's facts and its shards, written once; on resume the stored plan rules.

    Attributes:
        source: what the source is.
        output: what is made: one video, one image, or a folder of images.
        facts: the picture stream, read from a video or made up for a video of images; None when
            images become images.
        width: output width in pixels, 0 when every image keeps its own.
        height: likewise.
        encoding: how output video is compressed.
        shards: every shard, in order.
        clip: the half-open range of time taken, in the source's time base, or None for all.
        warnings: what the user should know of the source, one line each.
        etag: the video's when it was planned; workers read no other version.
    """

    source: Literal["video", "images"]
    output: OutputKind
    facts: VideoFacts | None = None
    width: int = 0
    height: int = 0
    encoding: Encoding = Encoding()
    shards: tuple[Shard, ...] = ()
    clip: tuple[int, int] | None = None
    warnings: tuple[str, ...] = ()
    etag: str = ""

    @property
    def frames(self) -> int:
        """How many frames the plan covers."""
        return sum(len(shard) for shard in self.shards)


class Done(Frozen):
    """The record of a finished shard: the first one written wins.

    Attributes:
        shard: the shard's index.
        segment: key of the encoded segment, or the prefix of its images, within the job.
        frames: frames written.
        bytes: size of the segment, all of its images together.
        seconds: wall time from the first frame asked for to the segment stored.
        stages: busy seconds of ``read``, ``score`` and ``write``.
        worker: who ran it.
        concealed: frames that repeat the one before because they could not be decoded.
        failed: frames that the scorer refused.
        names: image names written, in order, when the output is images.
    """

    shard: int
    segment: str
    frames: int
    bytes: int
    seconds: float
    stages: dict[str, float] = Field(default_factory=dict)
    worker: str = ""
    concealed: tuple[int, ...] = ()
    failed: tuple[FrameError, ...] = ()
    names: tuple[str, ...] = ()


class Failed(Frozen):
    """The record of an attempt at a shard that came to nothing.

    Attributes:
        shard: the shard's index.
        error: one line.
        kind: who must act: the user, time or the operator, or nobody knows; ``denied`` (a store
            refuses access) and ``changed`` (the source is another) end the whole job at once.
        traceback: the worker's own, for the log.
        worker: who ran it.
    """

    shard: int
    error: str
    kind: Literal["bad_input", "unavailable", "error", "denied", "changed"] = "error"
    traceback: str = ""
    worker: str = ""


class Result(Frozen):
    """What a finished job gave.

    Attributes:
        job: the job's id.
        output: where the output is.
        frames: frames in it.
        failed: frames that the scorer refused, the source's standing in their place.
        concealed: frames that could not be decoded, the one before standing in their place.
        seconds: wall time of the run that finished it.
        fps: frames scored in that run over ``seconds``.
        bytes: size of the output.
        sha256: digest of the output file, or of the names and digests of its images.
        notes: what the output's container could not carry, one line each.
    """

    job: str
    output: str
    frames: int
    failed: int
    concealed: int
    seconds: float
    fps: float
    bytes: int
    sha256: str
    notes: tuple[str, ...] = ()
