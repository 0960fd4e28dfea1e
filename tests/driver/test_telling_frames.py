"""The frames of a video that are shown before anybody has said which."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from impasto.driver.open_job import open_draft
from impasto.driver.sampling import Sampled
from impasto.schema.job import JobSpec
from impasto.settings import Settings
from support.clips import real_clip

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip

CUTS = [0, 30, 76, 137, 187, 242, 250]
"""Where the shots of the clip of bicycles begin, and its end."""


def _sampled(source: Path, **fields: Any) -> Sampled:
    spec = JobSpec(source=str(source), output="out", scorer="identity", **fields)
    return Sampled(open_draft(spec, Settings()))


def test_one_frame_of_each_shot_is_chosen() -> None:
    sampled = _sampled(real_clip("bikes"))
    told = sampled.telling(6)
    shots = [sum(cut <= each.index for cut in CUTS) for each in told.chosen]
    assert shots == [1, 2, 3, 4, 5, 6]
    # The longest shot is that which motion is shown of.
    first, past = sampled.during(told.shot, told.main.index, Fraction(2))
    assert past - first == 50
    assert 76 <= first < past <= 137
    few = sampled.telling(3)
    assert len({sum(cut <= each.index for cut in CUTS) for each in few.chosen}) == 3


def test_only_what_a_job_takes_is_chosen() -> None:
    sampled = _sampled(real_clip("bikes"), start=Fraction(2), end=Fraction(4))
    told = sampled.telling(4)
    assert len(told.chosen) == 4
    assert all(50 <= each.index < 100 for each in told.chosen)
    assert sampled.during(told.shot, told.main.index, Fraction(9)) == (50, 100)


def test_all_frames_are_chosen_of_a_short_clip(clip: MakeClip) -> None:
    told = _sampled(clip(frames=5)).telling(8)
    assert [each.index for each in told.chosen] == [0, 1, 2, 3, 4]
