"""Which frames show what is in a video: by their thumbnails, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from impasto.planning.shots import WORK, candidates, choose, groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

HD = 1280 * 720


def _picture(seed: int, moved: int = 0) -> NDArray[np.uint8]:
    """Return a picture of four colours in a pattern, which may be moved."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 3))
    pattern = (np.add.outer(np.arange(18) // 5, (np.arange(32) + moved) // 9) + seed) % 4
    picture: NDArray[np.uint8] = colours[pattern].astype(np.uint8)
    return picture


BLACK = np.zeros((18, 32, 3), np.uint8)


def test_each_shot_is_shown_once_before_any_is_shown_twice() -> None:
    # Three shots, of 6, 2 and 3 pictures.
    shots = [0] * 6 + [1] * 2 + [2] * 3
    pictures = [_picture(shot, n % 6) for n, shot in enumerate(shots)]
    chosen = choose(pictures, 3)
    assert [shots[place] for place in chosen.places] == [0, 1, 2]
    assert (shots[chosen.main], chosen.shot) == (0, (0, 5))
    more = choose(pictures, 5)
    assert {shots[place] for place in more.places} == {0, 1, 2}
    assert len(more.places) == 5
    assert choose(pictures, 1).places == [chosen.main]


def test_of_many_shots_the_most_different_are_chosen() -> None:
    # A first shot, another that is nearly its like, and one that is not.
    like = np.clip(_picture(0).astype(int) + 60, 0, 255).astype(np.uint8)
    chosen = choose([_picture(0), _picture(0), _picture(0), like, BLACK + 40, _picture(3)], 2)
    assert chosen.places == [0, 5]


def test_what_shows_nothing_comes_last() -> None:
    pictures = [BLACK, _picture(0), _picture(0, 1), BLACK, BLACK, _picture(1)]
    assert choose(pictures, 2).places == [1, 5]
    assert choose(pictures, 3).places == [1, 2, 5]
    assert choose(pictures, 6).places == [*range(6)]
    assert choose([BLACK, BLACK], 1).places == [0]


def test_a_long_video_is_looked_at_by_its_keyframes() -> None:
    keys = [*range(0, 200_000, 50)]
    found = candidates(0, 200_000, keys, 6, HD)
    assert len(found) == 48
    assert {*found} <= {*keys}
    assert max(np.diff(found)) < 5000
    assert candidates(1000, 1200, keys, 6, HD)[0] >= 1000
    assert candidates(1000, 1200, keys, 6, HD)[-1] < 1200


def test_little_is_decoded_whatever_the_video() -> None:
    for pixels in (64 * 48, HD, 3840 * 2160, 7680 * 4320):
        for keys in ([0], [0, 900, 30_000], [*range(0, 40_000, 250)], [*range(40_000)]):
            found = candidates(0, 40_000, keys, 6, pixels)
            decoded = sum(
                group[-1] - max(key for key in keys if key <= group[0]) + 1
                for group in groups(found, keys)
            )
            assert decoded * pixels <= WORK
    # One keyframe, far away from nearly all: rather none than minutes.
    assert len(candidates(0, 40_000, [0], 6, HD)) < 6
    assert len(candidates(0, 250, [0], 6, HD)) == 49
