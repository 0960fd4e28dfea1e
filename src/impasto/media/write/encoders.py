"""The setup of each encoder, so that its bytes depend on nothing but the pictures.

A segment must join any other one of its job, and a retry must give the same bytes on any
machine: thread counts are pinned, nothing is chosen by processor, and no group of pictures
refers to the one before it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from impasto.media.write.target import Codec, Target
    from impasto.schema.job import Preset
    from impasto.schema.plan import Encoding

REORDER: dict[Codec, int] = {"libx264": 2, "libx265": 2, "libvpx-vp9": 0}
"""The most places by which a packet comes earlier than its frame is shown."""

FASTEST, SLOWEST = Fraction(240), Fraction(1)

CPU_USED: dict[Preset, int] = {
    "ultrafast": 5,
    "superfast": 5,
    "veryfast": 5,
    "faster": 4,
    "fast": 3,
    "medium": 2,
    "slow": 1,
    "slower": 0,
    "veryslow": 0,
}


def add_encoder(out: OutputContainer, target: Target, encoding: Encoding) -> VideoStream:
    """Add the target's picture stream to a container; its pts count frames: 0, 1, 2, ...

    Encoders see frame numbers at the nominal rate, never the source's timestamps: uneven and very
    fine clocks upset their rate control, and some are refused.
    """
    rate = encoder_rate(target.rate)
    options = OPTIONS[target.codec](encoding)
    stream: VideoStream = out.add_stream(target.codec, rate=rate, options=options)
    context = stream.codec_context
    context.width, context.height = target.coded_width, target.coded_height
    context.pix_fmt = target.pixel_format
    context.time_base = 1 / rate
    context.thread_count = encoding.threads
    context.sample_aspect_ratio = target.sample_aspect
    context.colorspace = target.colour.matrix
    context.color_range = {None: 0, False: 1, True: 2}[target.colour.full_range]
    context.color_primaries = target.colour.primaries
    context.color_trc = target.colour.transfer
    if target.codec == "libx265":
        context.codec_tag = "hvc1"
    return stream


def encoder_rate(rate: Fraction) -> Fraction:
    """Convert a nominal rate, in frames per second, to one that every encoder accepts."""
    return min(max(rate, SLOWEST), FASTEST).limit_denominator(1001)


def _x264(encoding: Encoding) -> dict[str, str]:
    params = "log=-1:open-gop=0:sliced-threads=0:cpu-independent=1"
    return {"crf": str(encoding.crf), "preset": encoding.preset, "x264-params": params}


def _x265(encoding: Encoding) -> dict[str, str]:
    params = f"log-level=none:open-gop=0:info=0:frame-threads=1:pools={encoding.threads}"
    return {"crf": str(encoding.crf), "preset": encoding.preset, "x265-params": params}


def _vp9(encoding: Encoding) -> dict[str, str]:
    """Return VP9's options; its quality scale ends at 63 where the others' end at 51."""
    return {
        "crf": str(round(encoding.crf * 63 / 51)),
        "b": "0",
        "deadline": "good",
        "cpu-used": str(CPU_USED[encoding.preset]),
        "row-mt": "0",
    }


OPTIONS: dict[Codec, Callable[[Encoding], dict[str, str]]] = {
    "libx264": _x264,
    "libx265": _x265,
    "libvpx-vp9": _vp9,
}
