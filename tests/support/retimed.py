"""Copies of clips whose packets carry other times, as broken tools and recorders write them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from support.clips import make_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from av.packet import Packet

    Change = Callable[[int, Packet[Any]], None]


def make_slides(path: Path, last: int = 5) -> Path:
    """Write three pictures at 0, 1 and 3 s, the last of which stands for ``last`` seconds."""
    fields: dict[str, Any] = {"frames": 3, "pts": (0, 100, 300), "time_base": Fraction(1, 100)}
    if path.suffix == ".gif":
        fields |= {"codec": "gif", "pix_fmt": "rgb8"}
    source = make_clip(path.with_stem(f"{path.stem}-even"), bframes=0, **fields)

    def stand(place: int, packet: Packet[Any]) -> None:
        packet.duration = round((1, 2, last)[place] / packet.time_base)

    return retimed(source, path, {"video": stand})


def retimed(
    source: Path,
    target: Path,
    changes: Mapping[str, Change],
    options: Mapping[str, str] | None = None,
) -> Path:
    """Copy a clip; ``changes`` alter packets by their streams' types and their places in them."""
    with (
        av.open(str(source)) as given,
        av.open(str(target), "w", container_options=dict(options or {})) as out,
    ):
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in given.streams}
        places = dict.fromkeys(streams, 0)
        for packet in given.demux():
            if packet.size:
                change = changes.get(packet.stream.type)
                if change:
                    change(places[packet.stream_index], packet)
                places[packet.stream_index] += 1
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return target
