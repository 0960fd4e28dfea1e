"""One planner for every source: from what it is and what is made of it to its shards."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from impasto.errors import BadInput, ImpastoError
from impasto.machine import cuda_devices
from impasto.media.formats import WRITABLE
from impasto.media.frame import output_size
from impasto.planning.cuts import cut_points
from impasto.planning.forecast import UNKNOWN, Forecast, Size, Workload
from impasto.planning.history import speeds
from impasto.planning.output_names import frame_names, tree_names
from impasto.schema.job import JobSpec
from impasto.schema.plan import Encoding, Plan
from impasto.schema.words import first_few
from impasto.scorers import registry
from impasto.scorers.temporal import grid
from impasto.tables.kept import check_features, check_kept

if TYPE_CHECKING:
    from impasto.schema.job import Items
    from impasto.schema.kinds import SourceKind
    from impasto.schema.plan import OutputKind, Shard
    from impasto.schema.source import VideoFacts
    from impasto.schema.speed import Speed
    from impasto.schema.workers import Capacity
    from impasto.settings import Settings
    from impasto.sources.base import Source, Survey
    from impasto.storage.store import Store

DEFAULT_FPS = Fraction(25)
"""Frames per second of a video made from images."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A plan's terms for a kind of source.

    Attributes:
        source: the kind, where one image and many are the same.
        items: what the scorer is given.
        choose: how to take part of it, if not as a range of time.
    """

    source: Literal["video", "images", "files", "table"]
    items: Items
    choose: str


_KINDS: dict[SourceKind, _Kind] = {
    "video": _Kind("video", "pictures", ""),
    "image": _Kind("images", "pictures", "choose the images instead"),
    "folder": _Kind("images", "pictures", "choose the images instead"),
    "files": _Kind("files", "files", "choose the files instead"),
    "table": _Kind("table", "rows", "choose the rows instead"),
}


def plan(
    source: Source,
    spec: JobSpec,
    made: OutputKind,
    encoding: Encoding,
    expected: Forecast = UNKNOWN,
) -> Plan:
    """Cut a source into shards.

    Args:
        source: the job's source.
        spec: the job's spec.
        made: what is made of the source.
        encoding: how output video will be compressed.
        expected: what to expect of the workers, from which a size may be chosen.

    Raises:
        BadInput: the source cannot be read, or cannot become the output.
    """
    kind = _KINDS[source.kind]
    if source.kind != "video":
        _refuse_for_video(source, spec, kind)
    if spec.temporal and made not in {"video", "folder"}:
        raise BadInput(
            f"{spec.output}: `temporal` carries pictures along, and this holds none",
            "leave it out, or choose a video or a folder of images",
        )

    def size(count: int, width: int = 0, height: int = 0) -> Size:
        video = made == "video"
        noun = "frames" if video or source.kind == "video" else "images"
        noun = noun if kind.items == "pictures" else kind.items
        work = Workload(count, kind.items, noun, encoded=video, width=width, height=height)
        return expected.size(spec.shard_frames, work)

    # A fixed number is known before the items are counted, so no cuts need to be searched for.
    asked = spec.shard_frames
    chosen = asked if isinstance(asked, int) else lambda count: size(count).items
    survey = source.survey(spec, chosen)
    if spec.keep:
        check_kept(source.url, spec.keep, survey.table)
    if survey.table and (named := spec.params.get(registry.find(spec.scorer).roles.columns)):
        check_features(source.url, str(named), survey.table)
    facts, width, height = _pictures(survey, spec, made)
    warnings = survey.warnings
    if made == "video" and survey.rehearse:
        warnings += survey.rehearse(width, height)
    if made == "video" and source.kind != "video" and spec.fps is None:
        warnings += (f"the video is made with {DEFAULT_FPS} fps; `fps` sets another rate",)
    bare = made == "folder" and spec.frames is None and not PurePath(spec.output).suffix
    if bare and source.kind == "video" and not spec.output.endswith("/"):
        name = PurePath(spec.output).name
        warnings += (f"{name} is a folder of PNG images; for a video, write `output={name}.mp4`",)
    others = [name for name in survey.names if PurePath(name).suffix.lower() not in WRITABLE]
    if made == "folder" and spec.frames is None and others:
        counts = f"{len(others):,} ({first_few(others)})"
        warnings += (f"images that become PNG, since their kind is not written: {counts}",)
    wanted = size(survey.count, width, height)
    return Plan(
        source=kind.source,
        output=made,
        items=kind.items,
        base=survey.base,
        table=survey.table,
        facts=facts,
        width=width,
        height=height,
        encoding=encoding,
        shards=_shards(survey, spec, made, wanted),
        clip=survey.clip,
        warnings=warnings,
        reasons=survey.reasons or wanted.reasons,
        etag=survey.etag,
        zero=survey.zero,
    )


def _refuse_for_video(source: Source, spec: JobSpec, kind: _Kind) -> None:
    """Refuse what only a video has."""
    if spec.start is not None or spec.end is not None:
        raise BadInput(f"{source.url}: `start` and `end` need a video", kind.choose)
    for name in ("stream", "deinterlace", "audio", "temporal", "temporal_speed"):
        if getattr(spec, name) != JobSpec.model_fields[name].default:
            raise BadInput(f"{source.url}: `{name}` needs a video", "leave it out")


def _pictures(
    survey: Survey, spec: JobSpec, made: OutputKind
) -> tuple[VideoFacts | None, int, int]:
    """Return the picture stream, and the output's width and height; 0 where pictures differ."""
    facts = survey.facts
    if facts is None and made == "video" and survey.as_video:
        facts = survey.as_video(spec.fps or DEFAULT_FPS)
    if facts is None:
        return None, 0, 0
    return facts, *output_size(facts.width, facts.height, spec.max_size)


def _shards(survey: Survey, spec: JobSpec, made: OutputKind, size: Size) -> tuple[Shard, ...]:
    """Cut at the borders that the source demands, or else evenly, and name the outputs."""
    start, names = survey.start, survey.names
    borders = survey.borders
    if not borders:
        cheap = [item - start for item in survey.cheap_cuts]
        if spec.temporal:
            # What two shards share is scored twice; at a keyframe that is one frame.
            cheap = [item - start for item in grid.inner(start, survey.stop, grid.step(spec))]
        borders = [start + cut for cut in cut_points(survey.count, size.items, cheap, size.least)]
    shards = [survey.shard(n, a, b) for n, (a, b) in enumerate(pairwise(borders))]
    if made not in {"image", "folder", "arrays"}:
        return tuple(shards)
    if made == "image":
        outputs: tuple[str, ...] = (PurePath(spec.output).name,)
    elif names:
        outputs = tree_names(spec.source, survey.base, names, spec.frames)
    else:
        outputs = frame_names(start, survey.stop, spec.frames)
    return tuple(
        each.model_copy(update={"outputs": outputs[each.start - start : each.stop - start]})
        for each in shards
    )


def forecast(
    scorer: str, settings: Settings, capacity: Capacity, home: Store | None, *, sequential: bool
) -> Forecast:
    """Return what is expected of the workers.

    Args:
        scorer: the scorer's key among the facts of earlier jobs.
        settings: how the job runs.
        capacity: how many workers there may be.
        home: where facts of earlier jobs are; None reads none.
        sequential: whether the scorer builds each frame of a video on the one before.
    """
    known: list[Speed] = []
    # Facts that cannot be read are ignored; they are no reason for a job to fail.
    with suppress(ImpastoError):
        known = speeds(home, scorer) if home else []
    return Forecast(
        workers=capacity.workers,
        staffing=str(capacity),
        scorer=scorer,
        device=_device(settings),
        speeds=known,
        sequential=sequential,
    )


def _device(settings: Settings) -> str:
    if settings.device != "auto":
        return settings.device
    if settings.engine != "ray":
        return "cuda" if cuda_devices() else "cpu"
    return ""
