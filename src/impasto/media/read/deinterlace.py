"""Make whole pictures of interlaced frames, one of each, so that no combs are scored."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.filter import Graph
from av.video.format import VideoFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.video.frame import VideoFrame

REACH = 1
"""How many frames before and after a frame its picture depends on."""


def deinterlaced(
    found: Iterable[tuple[VideoFrame, bool]], threads: int
) -> Iterator[tuple[VideoFrame, bool]]:
    """Deinterlace frames with FFmpeg's bwdif; those not flagged as interlaced stay as they are.

    A picture depends on its frame's neighbours alone, so a range comes out as it does within the
    whole video if ``REACH`` frames on either side of it are given, too.

    Args:
        found: frames in order, each with a mark that is passed on.
        threads: threads of the filter; they do not alter the pictures.
    """
    graph: Graph | None = None
    shape: tuple[int, int, str] = (0, 0, "")
    marks: deque[bool] = deque()
    for number, (frame, mark) in enumerate(found):
        if graph is None:
            shape = frame.width, frame.height, frame.format.name
            graph = _graph(*shape, threads)
        elif (frame.width, frame.height) != shape[:2]:
            # A reader refuses it, so what follows does not matter.
            graph.push(None)
            yield from ((picture, marks.popleft()) for picture in _pulled(graph))
            yield frame, mark
            return
        marks.append(mark)
        _push(graph, frame, shape[2], number)
        yield from ((picture, marks.popleft()) for picture in _pulled(graph))
    if graph:
        graph.push(None)
        yield from ((picture, marks.popleft()) for picture in _pulled(graph))


def _graph(width: int, height: int, pixels: str, threads: int) -> Graph:
    graph = Graph()
    graph.threads = threads
    layout = VideoFormat(pixels, width, height)
    given = graph.add_buffer(width=width, height=height, format=layout, time_base=Fraction(1, 25))
    filtered = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    graph.link_nodes(given, filtered, graph.add("buffersink")).configure()
    return graph


def _push(graph: Graph, frame: VideoFrame, pixels: str, number: int) -> None:
    if frame.format.name != pixels:
        frame = frame.reformat(format=pixels)
    # A frame that conceals another comes twice, so it keeps its own time.
    time, unit = frame.pts, frame.time_base
    frame.pts, frame.time_base = number, Fraction(1, 25)
    graph.push(frame)
    frame.pts = time
    if unit:
        frame.time_base = unit


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
