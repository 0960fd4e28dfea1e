"""Sound that an output cannot carry as it is: decoded and encoded again, in step with the rest."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

    from impasto.media.formats import Family

RATE = 48_000
"""Samples per second where an encoder does not take the source's."""

BITS_PER_CHANNEL = 96_000
"""Bits per second and channel of sound that is encoded with losses."""

EXACT_IN_16_BITS = {"u8", "u8p", "s16", "s16p"}
"""Formats of decoded samples that 16 bits hold."""

USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
"""FFmpeg's names of speaker layouts, by channels, where a file does not name its own."""


class SoundCodec(NamedTuple):
    """How sound is encoded for a container.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        priming: samples by which the first packet comes before the sound.
        sample: FFmpeg's name of the samples' format; "" is the least that holds what was decoded.
    """

    encoder: str
    priming: int
    sample: str


CODECS: dict[Family, SoundCodec] = {
    "mkv": SoundCodec("flac", 0, ""),
    "mp4": SoundCodec("aac", 1024, "fltp"),
    "mov": SoundCodec("aac", 1024, "fltp"),
    "webm": SoundCodec("libopus", 312, "flt"),
}
"""The best codec that players of a container know."""


def usual_layout(channels: int, name: str) -> str:
    """Return the name of a speaker layout; AVI and WAV state only how many channels there are."""
    return USUAL_LAYOUTS.get(channels, name) if name == f"{channels} channels" else name


class SoundEncoder:
    """Decodes the packets of one sound track and encodes them for another.

    Attributes:
        target: the track of the output.
    """

    def __init__(self, out: OutputContainer, source: AudioStream, family: Family) -> None:
        """Add the track to an output whose header is not written yet.

        Raises:
            LookupError: the source's sound cannot be decoded.
        """
        given = source.codec_context
        if given is None or not given.rate or not given.layout.nb_channels:
            raise LookupError("there is no decoder for it here")
        codec = CODECS[family]
        rates = av.Codec(codec.encoder, "w").audio_rates
        rate = given.rate if not rates or (given.rate in rates and family != "webm") else RATE
        layout = usual_layout(given.layout.nb_channels, given.layout.name)
        least = "s16" if given.format and given.format.name in EXACT_IN_16_BITS else "s32"
        self.target = cast("AudioStream", out.add_stream(codec.encoder, rate=rate, layout=layout))
        context = self.target.codec_context
        context.format = codec.sample or least
        context.thread_count = 1
        if codec.sample:
            context.bit_rate = BITS_PER_CHANNEL * given.layout.nb_channels
        self._shape: tuple[int, str, str] | None = None
        self._resampler: AudioResampler | None = None
        self._taken = self._made = 0  # samples from the output's time 0, at either one's rate

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
