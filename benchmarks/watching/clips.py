"""Tiny clips, cut from the Big Buck Bunny clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

from common import clip

if TYPE_CHECKING:
    from pathlib import Path

FRAMES, WIDTH, HEIGHT = 24, 160, 120


def tiny(target: Path) -> Path:
    """Encode the first frames anew, small and without sound."""
    with av.open(clip()) as given, av.open(target, "w") as out:
        picture = out.add_stream("libx264", 25, options={"crf": "18", "preset": "veryfast"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for _, frame in zip(range(FRAMES), given.decode(video=0), strict=False):
            small = frame.reformat(WIDTH, HEIGHT, "yuv420p")
            small.pict_type = 0
            out.mux(picture.encode(small))
        out.mux(picture.encode(None))
    return target
