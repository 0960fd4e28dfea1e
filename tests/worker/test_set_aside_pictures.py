"""What stands in the output for a picture that fails."""

from __future__ import annotations

import numpy as np
import torch

from impasto.media.frame import Frame, Layout
from impasto.schema.outcome import ItemError
from impasto.schema.source import Colour
from impasto.scorers.base import Scorer, Scores
from impasto.worker.pictures import PictureScoring


class Twice(Scorer):
    """Makes pictures twice as large."""

    resizes = True

    def __init__(self) -> None:
        pass

    def score(self, batch: torch.Tensor) -> Scores:
        return Scores(pictures=batch.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_in_a_video_that_is_enlarged_it_is_enlarged_with_its_transparency() -> None:
    source = Layout(16, 8, 8, (0, 0), Colour())
    clear = np.tile(np.arange(16, dtype=np.uint8) * 16, (8, 1))
    planes = (*[np.full((8, 16), 128, np.uint8)] * 3, clear)
    frame = Frame(0, planes, source)
    made = Layout(32, 16, 8, (0, 0), Colour())
    scoring = PictureScoring(Twice(), "cpu", None, layout=made)
    kept = scoring.keep(frame, ItemError(item=0, error="failed"))
    scored = scoring([frame], lambda _: None)[0]
    assert [plane.shape for plane in kept.planes] == [(16, 32)] * 3
    assert kept.alpha is not None
    assert scored.alpha is not None
    np.testing.assert_array_equal(kept.alpha, scored.alpha)
    assert kept.alpha.shape == (16, 32)
