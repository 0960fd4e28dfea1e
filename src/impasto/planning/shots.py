"""Which frames show what is in a video, decided from small pictures. Nothing here opens anything.

Pictures at moments that are far apart are compared: their places by a thumbnail, their colours by
a histogram, which a moving camera changes less. Frames that follow each other and look alike are a
shot; of the shots, those are chosen that differ most (farthest-first traversal, Gonzalez 1985).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Thumbnail = NDArray[np.uint8]
    """RGB, (H, W, 3); all of one size."""

SIDE = 32
"""Longer side of a thumbnail, in pixels: enough to tell pictures apart."""
WORK = 600 * 1280 * 720
"""Pixels that are decoded to find the frames, at most: two seconds or so."""
MOST = 48
"""Frames that are compared, unless more are to be chosen."""
ANOTHER = 0.16
"""Difference from which on the next frame is another shot."""
FLAT = 6.0
"""Standard deviation below which a picture shows nothing, in code values: black, or a fade."""
_LEVELS = 4
"""Steps of each channel in a histogram of colours."""


class Choice(NamedTuple):
    """The pictures that were chosen.

    Attributes:
        places: their places, ascending.
        main: the place among them that stands for the longest shot.
        shot: the first and the last place of that shot.
    """

    places: list[int]
    main: int
    shot: tuple[int, int]


def candidates(start: int, stop: int, keys: Sequence[int], wanted: int, pixels: int) -> list[int]:
    """Choose the frames to compare, so that little has to be decoded.

    Args:
        start: first frame of the range.
        stop: one past its last.
        keys: the frames of the video from which decoding can begin, ascending.
        wanted: how many frames are to be chosen.
        pixels: of one frame.

    Returns:
        Frames in order; fewer than wanted where even those would take too long.
    """
    most = max(MOST, 2 * wanted)
    inside = keys[bisect_right(keys, start - 1) : bisect_right(keys, stop - 1)]
    thinned = [inside[n] for n in _spread(len(inside), most)]
    count = most
    while count >= wanted:
        even = {start + n for n in _spread(stop - start, count)}
        found = sorted(even | {*thinned}) if len(thinned) < most else thinned
        if _decoded(found, keys, start) * pixels <= WORK:
            return found
        count //= 2
    return thinned if len(thinned) * pixels <= WORK else []


def groups(frames: Sequence[int], keys: Sequence[int]) -> list[list[int]]:
    """Return frames together that are decoded from the same one on."""
    found: dict[int, list[int]] = {}
    for frame in frames:
        found.setdefault(bisect_right(keys, frame), []).append(frame)
    return [*found.values()]


def choose(pictures: Sequence[Thumbnail], number: int) -> Choice:
    """Choose pictures that differ: one a shot, and more of a shot only once each has one.

    Args:
        pictures: of some frames, in order; at least one.
        number: how many to choose; all, if there are no more.
    """
    apart = _differences(pictures)
    shots: list[list[int]] = [[0]]
    for n in range(1, len(pictures)):
        if apart[n - 1, n] >= ANOTHER:
            shots.append([])
        shots[-1].append(n)
    telling = {n for n, each in enumerate(pictures) if _contrast(each) >= FLAT}
    shown = [seen for shot in shots if (seen := [n for n in shot if n in telling])] or shots
    longest = max(shown, key=len)
    main = _middle(longest, apart)
    chosen = _farthest([main], [_middle(shot, apart) for shot in shown], number, apart)
    chosen = _farthest(chosen, [n for shot in shown for n in shot], number, apart)
    # What shows nothing comes last.
    chosen = _farthest(chosen, range(len(pictures)), number, apart)
    return Choice(sorted(chosen), main, (longest[0], longest[-1]))


def _spread(count: int, number: int) -> list[int]:
    """Return places spread evenly over a count of things."""
    number = min(count, number)
    return [(2 * n + 1) * count // (2 * number) for n in range(number)]


def _decoded(frames: Sequence[int], keys: Sequence[int], start: int) -> int:
    """Return how many frames are decoded to see some of them."""
    total = 0
    for group in groups(frames, keys):
        before = bisect_right(keys, group[0])
        total += group[-1] - (keys[before - 1] if before else min(start, group[0])) + 1
    return total


def _farthest(
    chosen: list[int], among: Sequence[int], number: int, apart: NDArray[np.float64]
) -> list[int]:
    """Add, one by one, whatever is least like all that is chosen already."""
    chosen = [*chosen]
    rest = [n for n in among if n not in chosen]
    while rest and len(chosen) < number:
        nearest = apart[np.ix_(rest, chosen)].min(axis=1)
        chosen.append(rest.pop(int(nearest.argmax())))
    return chosen


def _middle(shot: Sequence[int], apart: NDArray[np.float64]) -> int:
    """Return the picture of a shot that is most like its others."""
    return shot[int(apart[np.ix_(shot, shot)].sum(axis=1).argmin())]


def _contrast(picture: Thumbnail) -> float:
    return float(picture.mean(axis=2).std())


def _differences(pictures: Sequence[Thumbnail]) -> NDArray[np.float64]:
    """Return how unlike each two pictures are, from 0 to 1: (N, N)."""
    flat = np.stack([each.reshape(-1).astype(np.float64) for each in pictures]) / 255
    tones = np.stack([_histogram(each) for each in pictures])
    places = np.stack([np.abs(flat - one).mean(axis=1) for one in flat])
    colours = np.stack([np.abs(tones - one).sum(axis=1) / 2 for one in tones])
    apart: NDArray[np.float64] = (places + colours) / 2
    return apart


def _histogram(picture: Thumbnail) -> NDArray[np.float64]:
    """Return the share of each colour; a value between two steps counts for both in part."""
    scaled = picture.reshape(-1, 3) / 255 * (_LEVELS - 1)
    low = np.minimum(scaled.astype(int), _LEVELS - 2)
    above = scaled - low
    counts = np.zeros((_LEVELS,) * 3)
    for corner in np.ndindex(2, 2, 2):
        up = np.asarray(corner)
        weight = np.where(up, above, 1 - above).prod(axis=1)
        np.add.at(counts, tuple((low + up).T), weight)
    return counts.reshape(-1) / len(scaled)
