"""Measure an output beside its source, in one pass over both and in bounded memory."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from impasto.metrics import flicker, sharpness
from impasto.metrics.drift import wandered
from impasto.metrics.motion import Eyes
from impasto.metrics.sampling import some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from impasto.metrics.footage import Footage, Picture
    from impasto.metrics.motion import Motion, Still
    from impasto.metrics.style import Eye

    Numbers = dict[str, tuple[float, ...]]
    """By measure, one of each video: the source, the output and perhaps another output."""
    Task = Callable[[], Numbers]

NEAR, FAR = 1, 10
"""Frames between those that are compared: Lai et al. compare neighbours, which hides drift."""
NEAR_EVERY, FAR_EVERY, BANDS_EVERY = 2, 3, 4
"""Frames from one that is measured to the next, where not each one is: of tracked patches, of what
is 10 frames apart, of bands."""
LOOKS = 8
"""How many frames VGG looks at."""


class Found(NamedTuple):
    """What was measured of single frames.

    Attributes:
        numbers: by measure and then by frame.
        cuts: frames that begin a new scene.
    """

    numbers: dict[str, dict[int, tuple[float, ...]]]
    cuts: list[int]


def measure(
    footage: Footage,
    runs: Sequence[range],
    eye: Eye | None = None,
    threads: int = 1,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Measure runs of frames.

    Args:
        footage: the videos.
        runs: ascending ranges of the output's frames.
        eye: VGG, or None where it is not there.
        threads: how many threads measure; results do not depend on it.
        on_frame: called with the frames that are done and their total.

    Raises:
        BadInput: OpenCV is missing, or a video cannot be read.
        Unavailable: a file ended early.
    """
    eyes, found, done = Eyes(), Found({}, []), 0
    total = sum(map(len, runs))
    looks = some(runs, LOOKS) if eye else frozenset()
    with eyes.open(), ThreadPoolExecutor(threads) as pool:
        for run in runs:
            frames = zip(run, footage.read(run, threads), strict=True)
            for _ in observe(eyes, frames, found, pool, eye, looks):
                done += 1
                on_frame(done, total)
    return found


def observe(
    eyes: Eyes,
    frames: Iterable[tuple[int, tuple[Picture, ...]]],
    found: Found,
    pool: ThreadPoolExecutor,
    eye: Eye | None = None,
    looks: frozenset[int] = frozenset(),
) -> Iterator[int]:
    """Measure frames that follow each other, and yield each one's number once it is measured.

    Args:
        eyes: OpenCV.
        frames: numbers and pictures, of the source first, all of one size.
        found: where numbers are added.
        pool: measures; at most two frames wait for it at once.
        eye: VGG, or None.
        looks: the frames that it looks at.
    """
    scene: deque[Still] = deque(maxlen=FAR + 1)
    waiting: deque[tuple[int, list[Future[Numbers]]]] = deque()
    age = 0
    for place, (number, pictures) in enumerate(frames):
        now = eyes.still(number, pictures)
        tasks: list[Task] = [] if place % BANDS_EVERY else [partial(_fineness, eyes, now)]
        if eye and number in looks:
            tasks.append(partial(eye.look, pictures))
        if scene:
            motion = eyes.follow(now, scene[-1])
            if eyes.cuts(now, scene[-1], motion):
                found.cuts.append(number)
                scene.clear()
            else:
                tasks.append(partial(_dense, eyes, now, scene[-1], motion))
        age = age + 1 if scene else 0
        scene.append(now)
        tasks += _pairs(eyes, [*scene], age)
        waiting.append((number, [pool.submit(task) for task in tasks]))
        if len(waiting) > 1:
            yield _gather(found, *waiting.popleft())
    for each in waiting:
        yield _gather(found, *each)


def _gather(found: Found, number: int, futures: list[Future[Numbers]]) -> int:
    for future in futures:
        for name, values in future.result().items():
            found.numbers.setdefault(name, {})[number] = values
    return number


def _fineness(eyes: Eyes, now: Still) -> Numbers:
    bands = [sharpness.bands(eyes, picture) for picture in now.pictures]
    found = {
        f"band_{pixels}": tuple(each[place] for each in bands)
        for place, pixels in enumerate(sharpness.BANDS)
    }
    return found | {"grid": tuple(sharpness.grid(eyes, picture) for picture in now.pictures)}


def _pairs(eyes: Eyes, scene: list[Still], age: int) -> list[Task]:
    """Return the tasks that compare a scene's last frame, its ``age``-th, with earlier ones."""
    tasks: list[Task] = []
    for gap in (NEAR, FAR):
        if age < gap:
            continue
        tasks.append(partial(_drift, scene[-1], scene[-1 - gap]))
        if (age - gap) % (NEAR_EVERY if gap == NEAR else FAR_EVERY) == 0:
            tasks.append(partial(_tracked, eyes, scene[-1 - gap :], gap))
    if age >= FAR and (age - FAR) % FAR_EVERY == 0:
        tasks.append(partial(_dense, eyes, scene[-1], scene[-1 - FAR]))
    return tasks


def _dense(eyes: Eyes, now: Still, before: Still, motion: Motion | None = None) -> Numbers:
    errors = flicker.dense(eyes, now, before, motion or eyes.follow(now, before))
    return {f"dense_{now.number - before.number}": errors} if errors else {}


def _tracked(eyes: Eyes, stills: list[Still], gap: int) -> Numbers:
    errors = flicker.tracked(eyes, stills[-1], stills[0], eyes.track(stills))
    return {f"tracked_{gap}": errors} if errors else {}


def _drift(now: Still, before: Still) -> Numbers:
    moved = wandered(now.colours, before.colours)
    return {f"drift_{now.number - before.number}": moved}
