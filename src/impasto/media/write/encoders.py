"""The setup of each encoder, so that its bytes depend on nothing but the pictures.

A segment must join any other one of its job, and a retry must give the same bytes on any
machine: thread counts are pinned, nothing is chosen by processor, and no group of pictures
refers to the one before it.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from impasto.media.write.target import Codec, Target
    from impasto.schema.job import Preset
    from impasto.schema.plan import Encoding
    from impasto.schema.source import Mastering

REORDER: dict[Codec, int] = {
    "libx264": 2,
    "libx265": 2,
    "libvpx-vp9": 0,
    "libsvtav1": 0,
    "prores_ks": 0,
    "ffv1": 0,
}
"""The most places by which a packet comes earlier than its frame is shown."""

FASTEST, SLOWEST = Fraction(240), Fraction(1)

OTHER_SCALE = Fraction(63, 51)
"""From H.264's constant rate factors to those of VP9 and AV1."""

SLICES = 4
"""The parts of a picture that FFV1 codes apart; the number must not follow from a machine's."""

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


SVT_PRESETS: dict[Preset, int] = {
    "ultrafast": 12,
    "superfast": 10,
    "veryfast": 9,
    "faster": 8,
    "fast": 7,
    "medium": 6,
    "slow": 5,
    "slower": 4,
    "veryslow": 3,
}


def add_encoder(out: OutputContainer, target: Target, encoding: Encoding) -> VideoStream:
    """Add the target's picture stream to a container; its pts count frames: 0, 1, 2, ...

    Encoders see frame numbers at the nominal rate, never the source's timestamps: uneven and very
    fine clocks upset their rate control, and some are refused.
    """
    if target.codec == "libsvtav1":
        # It has no option for this, and tells of each encoder that it opens.
        os.environ["SVT_LOG"] = "1"
    rate = encoder_rate(target.rate)
    options = OPTIONS[target.codec](encoding, target)
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


def _x264(encoding: Encoding, target: Target) -> dict[str, str]:
    params = "log=-1:open-gop=0:sliced-threads=0:cpu-independent=1"
    if target.mastering:
        params += f":mastering-display={_display(target.mastering)}"
    if target.light:
        params += f":cll={target.light.brightest},{target.light.average}"
    quality = {"qp": "0"} if encoding.level is None else {"crf": _number(encoding.level)}
    return {**quality, "preset": encoding.preset, "x264-params": params}


def _x265(encoding: Encoding, target: Target) -> dict[str, str]:
    params = f"log-level=none:open-gop=0:info=0:frame-threads=1:pools={encoding.threads}"
    if target.mastering:
        params += f":master-display={_display(target.mastering)}"
    if target.light:
        params += f":max-cll={target.light.brightest},{target.light.average}"
    if not encoding.weighted:
        # Its bytes depend on where buffers lie in memory: now and then they come out differently.
        params += ":weightp=0"
    if encoding.level is None:
        return {"preset": encoding.preset, "x265-params": f"{params}:lossless=1"}
    return {"crf": _number(encoding.level), "preset": encoding.preset, "x265-params": params}


def _vp9(encoding: Encoding, target: Target) -> dict[str, str]:
    """Return VP9's options; its quality scale ends at 63 where the others' end at 51."""
    lossless = encoding.level is None
    return {
        **({"lossless": "1"} if lossless else {"crf": str(_other_scale(encoding))}),
        # It cannot keep transparency with pictures that are only referred to.
        **({"auto-alt-ref": "0"} if target.alpha else {}),
        "b": "0",
        "deadline": "good",
        "cpu-used": str(CPU_USED[encoding.preset]),
        "row-mt": "0",
    }


def _av1(encoding: Encoding, target: Target) -> dict[str, str]:
    params = f"lp={encoding.threads}"
    if target.mastering:
        params += f":mastering-display={_display(target.mastering, real=True)}"
    if target.light:
        params += f":content-light={target.light.brightest},{target.light.average}"
    if encoding.level is None:
        params += ":lossless=1"
    return {
        # It takes 0 for no wish.
        "crf": str(max(1, _other_scale(encoding))),
        "preset": str(SVT_PRESETS[encoding.preset]),
        "svtav1-params": params,
    }


def _prores(encoding: Encoding, target: Target) -> dict[str, str]:
    """Return ProRes' options: its quality is one of six profiles."""
    level = encoding.level or 0
    if target.layout.chroma == (0, 0):
        profile = "4444xq" if level <= 6 else "4444"
    else:
        profile = next(name for most, name in _PROFILES if level <= most)
    return {"profile": profile, "vendor": "apl0"}


_PROFILES = ((21, "hq"), (28, "standard"), (36, "lt"), (51, "proxy"))


def _ffv1(_: Encoding, __: Target) -> dict[str, str]:
    """Return FFV1's options: version 3, of keyframes alone, with checksums (RFC 9043)."""
    return {"level": "3", "g": "1", "slices": str(SLICES), "slicecrc": "1"}


OPTIONS: dict[Codec, Callable[[Encoding, Target], dict[str, str]]] = {
    "libx264": _x264,
    "libx265": _x265,
    "libvpx-vp9": _vp9,
    "libsvtav1": _av1,
    "prores_ks": _prores,
    "ffv1": _ffv1,
}


def _number(level: Fraction) -> str:
    return f"{float(level):g}"


def _other_scale(encoding: Encoding) -> int:
    return round((encoding.level or Fraction(0)) * OTHER_SCALE)


def _display(mastering: Mastering, *, real: bool = False) -> str:
    """Write a display as encoders take it, with numbers in the units of messages, or real ones."""
    points = {
        name: tuple(mastering.primaries[2 * place : 2 * place + 2])
        for place, name in enumerate(("R", "G", "B", "WP"))
    }
    lights = (mastering.brightest, mastering.darkest)
    named = [(name, points[name], 50_000) for name in ("G", "B", "R", "WP")]
    return "".join(
        f"{name}({','.join(f'{n / unit:.5f}' if real else str(n) for n in numbers)})"
        for name, numbers, unit in [*named, ("L", lights, 10_000)]
    )
