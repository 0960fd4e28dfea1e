"""Frames of a video that are carried along with its motion, instead of being scored one by one.

Where motion explains a frame, it shows the pictures of the keyframes around it; see
`impasto.scorers.temporal`. Only what a frame's own interval holds decides, so the bytes are the
same however a video is cut into shards.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.errors import BadInput
from impasto.outputs.base import Scored
from impasto.scorers import registry
from impasto.scorers.base import Scores
from impasto.scorers.moved import SQUARE, mean_of_moves
from impasto.scorers.temporal import mixing, opencv
from impasto.scorers.temporal.interval import ENOUGH, PLENTY, Interval, Layer
from impasto.scorers.temporal.motion import Motion, reduction
from impasto.worker.scoring import divide, item_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from impasto.media.frame import Frame
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import Attempt
    from impasto.scorers.base import Scorer
    from impasto.scorers.temporal.motion import Look
    from impasto.worker.pictures import PictureScoring
    from impasto.worker.task import WorkerEvents
    from impasto.worker.windows import Window

HELD = 3
"""Scored keyframes that are held for the interval after their own."""


@dataclass(frozen=True, slots=True)
class _Result:
    """A frame that was scored: its result, and its picture unless it has failed."""

    scored: Scored
    picture: mixing.Scored | None = None


@dataclass(slots=True)
class _Key:
    """A frame that is scored once for both intervals that it ends.

    Attributes:
        lock: held while it is scored.
        result: the result, once there is one.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    result: _Result | None = None


class CoherentScoring:
    """Scores the intervals of one shard; safe to call from several threads."""

    def __init__(
        self,
        scoring: PictureScoring,
        scorer: Scorer,
        spec: JobSpec,
        attempt: Attempt,
        watch: WorkerEvents,
    ) -> None:
        """Bind a scorer to a shard.

        Args:
            scoring: makes the output's planes.
            scorer: the model.
            spec: the job.
            attempt: the attempt at the shard.
            watch: notified of what is being scored.

        Raises:
            BadInput: OpenCV is missing.
        """
        self._cv2 = opencv.load("leave `temporal` out")
        self._scoring, self._scorer, self._watch = scoring, scorer, watch
        self._amount, self._fast = spec.temporal, spec.temporal_speed
        self._sequential = registry.find(spec.scorer).sequential
        self._shard = attempt.shard
        self._aside = {error.item: error for error in attempt.aside}
        self._keys: OrderedDict[int, _Key] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()

    def __call__(self, window: Window) -> list[Scored]:
        """Return what becomes of an interval's frames, in order.

        Raises:
            BadInput, MemoryError, RuntimeError: as `Scoring`.
        """
        since = time.perf_counter()
        if not window.own:
            return []
        self._watch.alive()
        with torch.inference_mode(), self._scoring.stream():
            made = self._interval(window.frames, window.own)
        seconds = (time.perf_counter() - since) / len(made)
        return [replace(scored, seconds=seconds) for scored in made]

    def _interval(self, frames: tuple[Frame, ...], own: tuple[int, ...]) -> list[Scored]:
        """Score what is needed for an interval's own frames, and carry it to the others."""
        motion = self._motion
        looks = [self._look(motion, frame) for frame in frames]
        enough = PLENTY if self._fast else ENOUGH
        layers = Interval(motion, looks, self._amount, enough).layers
        needed = {layer.key for n in own for layer in layers[n]}
        if self._sequential:
            # A frame may begin with the result of the one that is scored before it.
            needed = {layer.key for each in layers for layer in each if layer.key <= max(needed)}
        shape = looks[0].luma.shape
        ends = {0, len(frames) - 1}
        results = {
            n: self._key(frames[n], shape) if n in ends else self._score(frames[n], shape)
            for n in sorted(needed)
        }
        mixer = mixing.Mixing(motion)
        made: list[Scored] = []
        for n in own:
            if n not in results and any(results[it.key].picture is None for it in layers[n]):
                # What it is made of has failed.
                results[n] = self._score(frames[n], shape)
            if n in results and (results[n].picture is None or len(layers[n]) == 1):
                made.append(results[n].scored)
                continue
            pictures = {key: it.picture for key, it in results.items() if it.picture}
            picture = mixer.mixed(_shown(n, layers[n], pictures), pictures)
            tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float().div_(255)
            facts = [dict(results[n].scored.facts)] if n in results else []
            rgb = self._scoring.rgb([frames[n]])
            made += self._made(frames[n], rgb, Scores(pictures=tensor, facts=facts))
        return made

    def _key(self, frame: Frame, shape: tuple[int, ...]) -> _Result:
        """Score a frame at the end of an interval, or take what its neighbour has made of it."""
        with self._lock:
            key = self._keys.setdefault(frame.index, _Key())
            while len(self._keys) > HELD + threading.active_count():
                self._keys.popitem(last=False)
        with key.lock:
            if key.result is None:
                self._scorer.restart()
                key.result = self._score(frame, shape)
            return key.result

    def _score(self, frame: Frame, shape: tuple[int, ...]) -> _Result:
        """Score a frame.

        Args:
            frame: the frame.
            shape: height and width of the fields through which it will be seen.
        """
        start, stop = self._shard.start, self._shard.stop
        blamed = min(max(frame.index, start), stop - 1)
        if blamed in self._aside:
            error = self._aside[blamed].model_copy(update={"item": frame.index})
            return _Result(self._scoring.keep(frame, error))
        rgb = self._scoring.rgb([frame])
        with self._watch.scoring((blamed,)):
            ((_, _, scores),) = divide(lambda *_: self._passes(frame, rgb), 0, 1, lambda _: None)
        if isinstance(scores, Exception):
            return _Result(self._scoring.keep(frame, item_error(frame.index, scores)))
        assert scores.pictures is not None
        picture = _codes(scores.pictures, deep=frame.layout.depth > 8)
        (scored,) = self._made(frame, rgb, scores)
        return _Result(scored, mixing.Mixing(self._motion).scored(picture, shape))

    def _passes(self, frame: Frame, rgb: Tensor) -> Scores:
        """Score a frame's picture, (1, 3, H, W), several times where that makes it still."""
        if self._sequential or self._scorer.still:
            return self._scoring.scores(rgb, lambda picture: self._scoring.bare([frame], picture))
        run = partial(self._pictures, frame)
        return self._scoring.scores(rgb, lambda given: mean_of_moves(given, run, moves=SQUARE))

    def _made(self, frame: Frame, rgb: Tensor, scores: Scores) -> list[Scored]:
        """Make the output of a frame, in which its mask counts."""
        masked = self._scoring.masked([frame], rgb, scores)
        assert isinstance(masked, Scores)
        return self._scoring.made([frame], masked)

    def _pictures(self, frame: Frame, rgb: Tensor) -> Tensor:
        made = self._scoring.bare([frame], rgb)
        pictures = made if isinstance(made, torch.Tensor) else made.pictures
        if pictures is None:
            raise BadInput("the scorer makes records", "leave `temporal` out")
        return pictures

    def _look(self, motion: Motion, frame: Frame) -> Look:
        rgb = self._scoring.rgb([frame])
        height, width = rgb.shape[2:]
        small = F.avg_pool2d(rgb, reduction(width, height, coarse=self._fast))
        return motion.look(_codes(small))

    @property
    def _motion(self) -> Motion:
        """This thread's own."""
        if not hasattr(self._local, "motion"):
            self._local.motion = Motion(self._cv2)
        motion: Motion = self._local.motion
        return motion


def _shown(n: int, layers: list[Layer], pictures: Mapping[int, mixing.Scored]) -> list[Layer]:
    """Return the layers of a frame that can be shown; the frame itself replaces the others."""
    there = [layer for layer in layers if layer.key in pictures]
    lost = [layer.weight for layer in layers if layer.key not in pictures]
    return [*there, Layer(n, np.sum(lost, 0))] if lost else there


def _codes(picture: Tensor, *, deep: bool = False) -> Any:
    """Return a picture in [0, 1], (1, 3, H, W), as values from 0 to 255, (H, W, 3).

    Args:
        picture: on any device.
        deep: whether 8 bits are too few, so that values are floating-point.
    """
    values = picture[0].permute(1, 2, 0) * 255
    codes = values if deep else values.round().clamp_(0, 255).byte()
    return codes.contiguous().cpu().numpy()
