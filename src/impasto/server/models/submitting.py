"""What is submitted, and what the API answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from impasto.schema.base import Frozen
from impasto.schema.bounds import PathText, Word
from impasto.schema.job import Labels

OPTIONS = {
    *("items", "frames", "fps", "max_size", "start", "end", "stream", "deinterlace", "audio"),
    *("codec", "pix_fmt", "quality", "crf", "preset", "keep", "temporal", "temporal_speed"),
    *("mini_batch", "timeout", "max_failed", "max_failed_percent", "max_failed_batches"),
}
"""Fields of a spec that a submitter may set besides those of a submission."""
OPERATORS = {"shard_frames", "requirements"}
"""Those that an operator may set too."""

DEEPEST = 20
"""Lists and tables that may be inside each other."""


def _shallow(given: dict[str, Any]) -> dict[str, Any]:
    """Return values as they are; raises ValueError if they are too deep to be written as JSON."""
    level: list[Any] = [given]
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for each in inner for value in each if isinstance(value, dict | list)]
        if not level:
            return given
    raise ValueError(f"has more than {DEEPEST} lists and tables inside each other")


Values = Annotated[dict[str, Any], AfterValidator(_shallow)]


class Submission(Frozen):
    """A job to submit: either by its spec, or by the name of a rule.

    Attributes:
        source: URL of the media; below a place that the caller may read.
        output: URL of what is made; a name without folders is below the first place that the caller
            may write, and "" is a name after that of the source.
        rule: name of a rule; the scorer, its parameters and the output are then the rule's, and
            ``params`` may only hold the name of one of its styles, as ``style``.
        scorer: as in a job's spec.
        params: the scorer's parameters; a painting is ``{"style": URL}``.
        options: further fields of a job's spec, such as ``max_size`` or ``audio``; those that say
            how it runs are for operators.
        labels: names for the job, for people and programs.
        overwrite: whether something that is at ``output`` may be replaced.
    """

    source: PathText
    output: PathText = ""
    rule: Word = ""
    scorer: PathText = "style"
    params: Values = Field(default_factory=dict)
    options: Values = Field(default_factory=dict)
    labels: Labels = Field(default_factory=dict)
    overwrite: bool = False


class Submitted(Frozen):
    """A submitted job.

    Attributes:
        job: its id; "" if a rule's watcher has yet to submit it.
        ticket: the rule's ticket; "" where there is no rule.
        state: submitted, already submitted, already running or done; of a ticket that has ended,
            how it ended.
        output: URL of what is made.
    """

    job: str
    ticket: str = ""
    state: str
    output: str


class Estimate(Frozen):
    """How a job would be cut, and how long it would take.

    Attributes:
        items: how many items it has.
        noun: what they are called.
        shards: how many shards it would have.
        workers: how many workers there would be, as far as is known.
        seconds: how long it would take; None if nothing tells.
        width: of the output's pictures, in pixels; 0 if there are none of one size.
        height: of the output's pictures, in pixels.
        output_kind: video, image, folder, arrays, records or files.
        reasons: why it would be cut that way.
        warnings: what its submitter should know about the source.
    """

    items: int
    noun: str
    shards: int
    workers: int
    seconds: float | None = None
    width: int = 0
    height: int = 0
    output_kind: str = ""
    reasons: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


class PreviewRequest(Submission):
    """A job of which one item is to be scored at once.

    Attributes:
        at: the moment of a video, in seconds; None is near its middle.
    """

    at: Annotated[float, Field(ge=0)] | None = None


class Preview(Frozen):
    """One item, before and after.

    Attributes:
        source: the picture, JPEG in base64.
        scored: what the scorer makes of it, JPEG in base64; "" if that is no picture.
        record: what the scorer makes of it, if that is no picture.
        at: the moment of the video, in seconds; None for other sources.
        estimate: how long the whole job would take.
    """

    source: str
    scored: str = ""
    record: list[dict[str, Any]] = Field(default_factory=list)
    at: float | None = None
    estimate: Estimate


class Moment(Frozen):
    """A frame of a video that may be previewed.

    Attributes:
        at: when it is shown, in seconds; as ``at`` of a preview it names this frame.
        picture: the frame, small, JPEG in base64.
    """

    at: float
    picture: str


class MomentList(Frozen):
    """Frames that show what is in a video: one a shot, the most different.

    Attributes:
        moments: up to four of them, in order; empty where the source is no video.
        main: the place among them, from 0, of the one that stands for most of the video.
    """

    moments: list[Moment] = Field(default_factory=list)
    main: int = 0


class UploadRequest(Frozen):
    """A file that the caller wants to upload.

    Attributes:
        name: its name, without folders.
        bytes: its size.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    bytes: Annotated[int, Field(ge=1)]


class Upload(Frozen):
    """Where to send a file.

    Attributes:
        method: the request's method.
        url: where to send the file as the body; either the store's own, or below this API.
        headers: headers that the request must have.
        source: the URL to submit once the file is there.
        expires: when ``url`` is refused.
    """

    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str] = Field(default_factory=dict)
    source: str
    expires: float


class ScorerRow(Frozen):
    """A scorer that jobs may name.

    Attributes:
        name: its name.
        summary: what it does, one line.
        takes: pictures, rows or files.
        gives: pictures, records or files.
        params: JSON Schema of its parameters.
        files: what the parameters that name files name: picture, file, code or folder. Only
            operators may give any but pictures.
        code: whether it runs the user's code or model, so that only operators may use it directly.
    """

    name: str
    summary: str
    takes: list[str]
    gives: list[str]
    params: dict[str, Any]
    files: dict[str, str] = Field(default_factory=dict)
    code: bool


class ScorerList(Frozen):
    """The scorers that jobs may name."""

    scorers: list[ScorerRow]
