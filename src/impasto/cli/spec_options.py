"""The options that describe a job, for every command that takes a new job."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_type_hints

import typer

from impasto.cli import blends
from impasto.cli.labels import LABEL, parse_labels
from impasto.cli.options import ItemKind, MaxFailedBatches, Stream, Timeout, changes, takes
from impasto.cli.scorer_commands import PARAMS, SCORER, STYLES, WORDS
from impasto.cli.scorer_flags import spec_params
from impasto.cli.surplus import refuse_missing
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.schema.job import JobSpec

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Videos, images, tables or files; folders, patterns or manifests of many. Each video "
        "becomes a job of its own; the images of a folder become one.",
    ),
]


Mask = Annotated[
    str | None,
    typer.Option(
        help="Change pictures only where this is white: an image, or a video with a frame for "
        "each.",
        metavar="FILE",
    ),
]
MaskSide = Annotated[
    Literal["inside", "outside"], typer.Option(help="The side of the mask that changes.")
]
MaskFeather = Annotated[
    float, typer.Option(help="Soften the mask's edges: a blur's deviation, in pixels.")
]


class Asked(NamedTuple):
    """The jobs that a command names.

    Attributes:
        spec: what they have in common, with the first source and the first style.
        sources: all sources.
        param: the parameter that takes a style, where several are given; else "".
        styles: these.
        words: the words after the command.
    """

    spec: JobSpec
    sources: list[str]
    param: str
    styles: list[str]
    words: list[str]


def _spec(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="A video, image, table or file; a folder, pattern or manifest of many."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="What to write: a video, image, folder or file of records. Video is H.264; H.265 "
            "with 10 bits if the source has more than 8, HDR included; VP9 in .webm; or --codec.",
            metavar="OUTPUT",
        ),
    ],
    scorer: Annotated[
        str,
        typer.Option(
            help="The model: see 'impasto scorers'. Its parameters are options too, and "
            "'--scorer NAME --help' shows them.",
            metavar="NAME",
        ),
    ] = "style",
    items: ItemKind = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help="Columns of a table to write beside the results, or all.", metavar="NAME,...|all"
        ),
    ] = None,
    temporal: Annotated[
        float,
        typer.Option(
            help="Let paint stay on things in a video: 1 for all that can be followed, 0 to score "
            "each frame alone."
        ),
    ] = 0.0,
    temporal_speed: Annotated[
        bool,
        typer.Option("--temporal-speed", help="Score fewer frames for --temporal; flickers more."),
    ] = False,
    max_size: Annotated[
        int | None, typer.Option(help="Scale pictures down to this longer side, in pixels.")
    ] = None,
    frames: Annotated[
        Literal["png", "jpg", "npy", "npz"] | None,
        typer.Option(help="Write images, or arrays of numpy, into a folder."),
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(help="Frame rate of a video made from images. [default: 25]", metavar="RATE"),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Where to start: seconds, or [[hh:]mm:]ss.", metavar="TIME"),
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Where to stop, in the same formats.", metavar="TIME")
    ] = None,
    stream: Stream = None,
    deinterlace: Annotated[
        Literal["auto", "no"],
        typer.Option(help="Turn the frames of an interlaced video into whole pictures."),
    ] = "auto",
    audio: Annotated[
        Literal["copy", "auto", "none", "aac", "opus", "flac"],
        typer.Option(
            help="Sound: copy it; auto encodes what the output cannot carry; none leaves it out; "
            "or encode it all."
        ),
    ] = "copy",
    codec: Annotated[
        str,
        typer.Option(
            help="How video is encoded: h264, hevc, av1, vp9, prores or ffv1; auto lets the "
            "output's name and the source decide.",
            metavar="NAME",
        ),
    ] = "auto",
    pix_fmt: Annotated[
        str | None,
        typer.Option(
            help="Samples of a video, such as yuv422p10le. [default: as codec and source suggest]",
            metavar="NAME",
        ),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(
            help="Video quality, from 0 to 100 (best), or lossless. [default: 66]",
            metavar="N|lossless",
        ),
    ] = None,
    crf: Annotated[int, typer.Option(help="The same as a rate factor, from 0 (best) to 51.")] = 18,
    preset: Annotated[
        str, typer.Option(help="Encoder speed, from ultrafast to veryslow.", metavar="NAME")
    ] = "veryfast",
    shard_frames: Annotated[
        str | None,
        typer.Option(
            help="Approximate items per shard; 'auto' picks a size (see 'impasto plan'). "
            "[default: auto]",
            metavar="N|auto",
        ),
    ] = None,
    mini_batch: Annotated[
        int | None, typer.Option(help="Items per mini-batch. [default: found by probing]")
    ] = None,
    timeout: Timeout = None,
    max_failed: Annotated[
        str | None,
        typer.Option(
            help="Items that may fail: a number, 5% or all. [default: 0]", metavar="N|%|all"
        ),
    ] = None,
    max_failed_batches: MaxFailedBatches = None,
    mask: Mask = None,
    mask_side: MaskSide = "inside",
    mask_feather: MaskFeather = 0.0,
    requirements: Annotated[
        str | None,
        typer.Option(
            help="Packages that cluster workers install: a requirements file of pip.",
            metavar="FILE",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.")
    ] = False,
    label: LABEL = None,
) -> JobSpec:
    from impasto.cli.times import fraction, seconds
    from impasto.schema.base import parse
    from impasto.schema.job import JobSpec

    fields: dict[str, Any] = {
        "source": source,
        "output": output,
        "scorer": scorer,
        "params": spec_params(scorer, ctx.meta[PARAMS]),
        "items": items,
        "keep": keep or (),
        "frames": frames,
        "fps": fraction(fps, "--fps") if fps else None,
        "temporal": temporal,
        "temporal_speed": temporal_speed,
        "max_size": max_size,
        "start": seconds(start, "--start") if start else None,
        "end": seconds(end, "--end") if end else None,
        "stream": stream,
        "deinterlace": deinterlace,
        "audio": audio,
        "codec": codec,
        "pix_fmt": pix_fmt,
        "quality": int(quality) if quality and quality.isdecimal() else quality,
        "crf": crf,
        "preset": preset,
        "shard_frames": _shard_frames(shard_frames),
        "mask": mask,
        "mask_side": mask_side,
        "mask_feather": mask_feather,
        "mini_batch": mini_batch,
        "requirements": requirements,
        "overwrite": overwrite,
        "labels": parse_labels(label),
    }
    fields |= changes(max_failed, max_failed_batches, timeout)
    return parse(JobSpec, fields, f"see '{ctx.command_path} --help'")


def _shard_frames(given: str | None) -> int | str | None:
    if given is None or given == "auto":
        return given
    if not given.isdecimal():
        raise BadInput(
            f"--shard-frames {given}: is neither a number nor 'auto'", "write 250 or auto"
        )
    return int(given)


takes_spec = takes("spec", _spec)
"""Adds the options of a job to a `ScorerCommand`, and calls it with ``spec: JobSpec``."""


def _asked() -> Callable[..., Asked]:
    """Return a function with the options of `_spec`, but with several sources."""

    def asked(source: list[str], **options: Any) -> Asked:
        meta = options["ctx"].meta
        refuse_missing(options["ctx"].command_path, meta[WORDS], source)
        meta[PARAMS], (param, styles) = blends.blend(
            meta[SCORER], meta[PARAMS], meta.get(STYLES, ("", []))
        )
        spec = _spec(source=source[0], **options)
        return Asked(spec, source, param, styles, meta[WORDS])

    lazy = dict.fromkeys(("JobSpec",), object)
    hints = get_type_hints(_spec, localns=lazy, include_extras=True) | {"source": Sources}
    own = inspect.signature(_spec).parameters.values()
    asked.__annotations__ = hints
    asked.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(annotation=hints[each.name]) for each in own]
    )
    return asked


takes_jobs = takes("asked", _asked())
"""Adds the options of jobs to a `SetCommand`, and calls it with ``asked: Asked``."""
