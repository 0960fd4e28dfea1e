"""The two streams that scanning and reading share: picture packets, and the frames in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import av

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from impasto.media.read.beside import Beside

_VP8_SHOWN = 0x10


def pictures(
    container: InputContainer, stream: VideoStream, beside: Beside | None = None
) -> Iterator[Packet[VideoStream]]:
    """Read packets that hold a picture to show, in file order; positions in an index count these.

    Args:
        container: the file.
        stream: its picture stream.
        beside: notes the packets of all other streams; None if they are not wanted.

    Raises:
        av.FFmpegError: the container cannot be read further.
    """
    vp8 = stream.codec_context.name == "vp8"
    count = 0
    for packet in container.demux() if beside else container.demux(stream):
        if beside and packet.stream_index != stream.index:
            beside.note(packet, count)
        # Decoders take an empty packet for the end of the stream; VP8 has pictures never shown.
        elif packet.size and (not vp8 or memoryview(packet)[0] & _VP8_SHOWN):
            yield cast("Packet[VideoStream]", packet)
            count += 1


def retimed(
    packets: Iterable[Packet[VideoStream]], moved: Mapping[int, int | None], first: int = 0
) -> Iterator[Packet[VideoStream]]:
    """Put wrong timestamps right, by position; decoders hand them on to their frames.

    Args:
        packets: picture packets, in file order.
        moved: the right timestamps.
        first: the first packet's position.
    """
    for position, given in enumerate(packets, first):
        packet = given
        if position in moved:
            time = moved[position]
            packet = _unhidden(packet) if packet.is_discard and time is not None else packet
            packet.pts = time
        yield packet


def _unhidden(packet: Packet[VideoStream]) -> Packet[VideoStream]:
    """Return a packet whose frame comes out of a decoder, although FFmpeg would drop it."""
    shown = cast("Packet[VideoStream]", av.Packet(bytes(packet)))
    shown.dts, shown.time_base = packet.dts, packet.time_base
    shown.is_keyframe = packet.is_keyframe
    return shown


def shown_order(context: VideoCodecContext, packets: Iterable[Packet[VideoStream]]) -> list[int]:
    """Decode all packets to learn in which order their frames are shown; return positions."""
    frames = decoded(context, _numbered(packets))
    return [frame.pts for frame in frames if frame.pts is not None]


def _numbered(packets: Iterable[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
    for position, packet in enumerate(packets):
        packet.pts = position
        yield packet


def decoded(
    context: VideoCodecContext, packets: Iterable[Packet[VideoStream]]
) -> Iterator[VideoFrame]:
    """Decode ``packets`` in presentation order; pictures that do not decode are left out."""
    for packet in packets:
        yield from _decode(context, packet)
    yield from _decode(context, None)


def _decode(context: VideoCodecContext, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
    try:
        return context.decode(packet)
    except av.FFmpegError:
        return []
