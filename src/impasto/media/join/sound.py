"""Sound that an output cannot carry as it is: decoded and encoded again, in step with the rest."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import av
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

    from impasto.media.formats import Family

RATE = 48_000
"""Samples per second where an encoder does not take the source's."""

MOST_CHANNELS = 8
"""Channels of the largest layout that a codec has."""

EXACT_IN_16_BITS = {"u8", "u8p", "s16", "s16p"}
"""Formats of decoded samples that 16 bits hold."""

USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
"""FFmpeg's names of speaker layouts, by channels, where a file does not name its own."""


class SoundCodec(NamedTuple):
    """How sound is encoded.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        priming: samples by which the first packet comes before the sound.
        sample: FFmpeg's name of the samples' format; "" is the least that holds what was decoded.
        bits: bits per second and channel; 0 where nothing is lost.
        layouts: FFmpeg's names of the speaker layouts that every decoder knows, smallest first;
            empty if any will do.
        fixed: whether all is encoded at ``RATE``.
    """

    encoder: str
    priming: int
    sample: str
    bits: int = 0
    layouts: tuple[str, ...] = ()
    fixed: bool = False


CODECS: dict[str, SoundCodec] = {
    "flac": SoundCodec("flac", 0, ""),
    "aac": SoundCodec(
        "aac", 1024, "fltp", 96_000, ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")
    ),
    "opus": SoundCodec(
        "libopus",
        312,
        "flt",
        80_000,
        ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"),
        fixed=True,
    ),
}
"""The codecs that sound is encoded in, by FFmpeg's names of them."""

BEST: dict[Family, str] = {"mkv": "flac", "mp4": "aac", "mov": "aac", "webm": "opus"}
"""The best codec that players of a container know."""


def usual_layout(channels: int, name: str) -> str:
    """Return the name of a speaker layout; AVI and WAV state only how many channels there are."""
    return USUAL_LAYOUTS.get(channels, name) if name == f"{channels} channels" else name


def fitting_layout(codec: SoundCodec, layout: AudioLayout) -> str:
    """Return the smallest layout of a codec that has all speakers of another.

    Speakers at the side and at the back count as the same where there is only one of the pairs.

    Raises:
        LookupError: the codec has none.
    """
    usual = usual_layout(layout.nb_channels, layout.name)
    few = layout.nb_channels <= MOST_CHANNELS
    if usual in codec.layouts or (few and not codec.layouts):
        return usual
    wanted = _speakers(usual)
    for each in codec.layouts:
        if wanted <= _speakers(each):
            return each
    raise LookupError(f"{codec.encoder.removeprefix('lib')} has no layout like '{layout.name}'")


def _speakers(layout: str) -> set[str]:
    found = {channel.name for channel in AudioLayout(layout).channels}
    return (
        found if "BL" in found else {name.replace("SL", "BL").replace("SR", "BR") for name in found}
    )


class SoundEncoder:
    """Decodes the packets of one sound track and encodes them for another.

    Attributes:
        target: the track of the output.
        early: seconds by which the first packet comes before the sound.
    """

    def __init__(self, out: OutputContainer, source: AudioStream, name: str) -> None:
        """Add the track to an output whose header is not written yet.

        Args:
            out: the output.
            source: the track whose sound is encoded.
            name: the codec, one of ``CODECS``.

        Raises:
            LookupError: the source's sound cannot be decoded, or the codec has too few channels.
        """
        given = source.codec_context
        if given is None or not given.rate or not given.layout.nb_channels:
            raise LookupError("there is no decoder for it here")
        codec = CODECS[name]
        rates = av.Codec(codec.encoder, "w").audio_rates
        rate = given.rate if not rates or (given.rate in rates and not codec.fixed) else RATE
        layout = fitting_layout(codec, given.layout)
        least = "s16" if given.format and given.format.name in EXACT_IN_16_BITS else "s32"
        self.target = cast("AudioStream", out.add_stream(codec.encoder, rate=rate, layout=layout))
        context = self.target.codec_context
        context.format = codec.sample or least
        context.thread_count = 1
        self.early = Fraction(codec.priming, rate)
        if codec.bits:
            context.bit_rate = codec.bits * given.layout.nb_channels
        self._shape: tuple[int, str, str] | None = None
        self._resampler: AudioResampler | None = None
        self._taken = self._made = 0  # samples from the output's time 0, at either one's rate

    def warm_up(self, packet: Packet[Any]) -> None:
        """Decode a packet that is not heard, since the next one's sound depends on it."""
        with suppress(av.FFmpegError):
            packet.decode()

    def encode(self, packet: Packet[AudioStream] | None) -> Iterator[Packet[AudioStream]]:
        """Encode one packet's sound; None gives what is left. Packets come with their times.

        A packet that does not decode leaves silence.
        """
        frames: list[AudioFrame] = []
        if packet is not None:
            with suppress(av.FFmpegError):
                frames = packet.decode()
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            time = frame.pts * frame.time_base
            shape = frame.sample_rate, frame.format.name, frame.layout.name
            if shape != self._shape:
                yield from self._begin(time, shape)
            missing = round(time * frame.sample_rate) - self._taken
            for part in chain(_silence(missing, frame), [frame]):
                part.pts, part.time_base = self._taken, Fraction(1, frame.sample_rate)
                self._taken += part.samples
                yield from self._encoded(part)
        if packet is None:
            yield from self._encoded(None)
            yield from self.target.encode(None)

    def _begin(self, time: Fraction, shape: tuple[int, str, str]) -> Iterator[Packet[AudioStream]]:
        """Take sound of another rate, format or layout, from a second on."""
        context = self.target.codec_context
        if self._resampler is None:
            self._made = round(time * context.rate)
        else:
            yield from self._encoded(None)
        self._resampler = AudioResampler(context.format, context.layout, context.rate)
        self._taken, self._shape = round(time * shape[0]), shape

    def _encoded(self, part: AudioFrame | None) -> Iterator[Packet[AudioStream]]:
        for made in self._resampler.resample(part) if self._resampler else ():
            made.pts, made.time_base = self._made, Fraction(1, made.sample_rate)
            self._made += made.samples
            yield from self.target.encode(made)


def _silence(missing: int, frame: AudioFrame) -> Iterator[AudioFrame]:
    """Yield silence like a frame, in pieces of its length, for so many samples before it."""
    zero = b"\x80" if frame.format.name.startswith("u8") else b"\0"
    for _ in range(missing // frame.samples):
        silence = AudioFrame(frame.format, frame.layout, frame.samples)
        silence.sample_rate = frame.sample_rate
        for plane in silence.planes:
            plane.update(zero * plane.buffer_size)
        yield silence
