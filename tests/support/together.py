"""Videos of several picture streams, made from the streams of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
from av.stream import Disposition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def together(path: Path, sources: Sequence[Path], default: int | None = None) -> Path:
    """Write the first video streams of several files into one.

    Args:
        path: where to; its suffix chooses the container.
        sources: the files, one a stream.
        default: the stream that alone is flagged as the default; None flags none.
    """
    options = {"default_mode": "passthrough"} if path.suffix == ".mkv" else {}
    with av.open(str(path), "w", container_options=options) as out:
        packets = []
        for number, source in enumerate(sources):
            with av.open(str(source)) as given:
                found = given.streams.video[0]
                stream = out.add_stream_from_template(found, opaque=True)
                flagged = number == default
                stream.disposition = Disposition.default if flagged else Disposition(0)
                for packet in given.demux(found):
                    if packet.size:
                        packet.stream = stream
                        packets.append(packet)
        for packet in sorted(packets, key=lambda p: (p.dts or 0) * p.time_base):
            out.mux(packet)
    return path


def still(path: Path, size: tuple[int, int]) -> Path:
    """Write a video of one PNG picture, as some tools store a cover."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "rgb24"
        grey = np.full((size[1], size[0], 3), 90, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
        for packet in stream.encode(frame) + stream.encode(None):
            out.mux(packet)
    return path
