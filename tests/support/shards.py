"""Whether frames read in ranges are the frames decoded from start to end."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING

import av

from impasto.media.read.decode import read
from impasto.media.read.index import VideoIndex, cut, scan
from impasto.media.read.planes import planes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from impasto.media.frame import Plane


def assert_shards_equal_sequential(path: Path, sizes: Iterable[int], threads: int = 1) -> None:
    index = scan(str(path), path.name)
    expected = sequential(path, index)
    assert len(index) == len(expected) > 0
    keys = sorted({index.pts.index(index.shown(k)) for k in index.keys} | {0, len(index)})
    cuts = [list(pairwise(keys))]
    for size in sizes:
        starts = range(0, len(index), size)
        cuts.append([(start, min(start + size, len(index))) for start in starts])
    for ranges in cuts:
        found: list[str] = []
        for start, stop in ranges:
            frames = read(
                str(path), path.name, index.facts, cut(index, start, stop), start, threads
            )
            found += hashes(f.planes for f in frames)
        assert found == expected


def sequential(path: Path, index: VideoIndex) -> list[str]:
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return hashes(planes(f, index.facts.pixel_format) for f in frames)


def hashes(pictures: Iterable[tuple[Plane, ...]]) -> list[str]:
    return [hashlib.md5(b"".join(p.tobytes() for p in planes)).hexdigest() for planes in pictures]
