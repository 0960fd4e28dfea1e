"""Single pictures of a job's source and of what was made of it, as small JPEG files."""

from __future__ import annotations

import json
from collections import OrderedDict
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from impasto.errors import BadInput, Missing
from impasto.jobs.job import Job
from impasto.media import images
from impasto.media.formats import is_image
from impasto.media.frame import Frame
from impasto.media.read.container import open_source as open_media
from impasto.media.read.deinterlace import REACH
from impasto.media.read.planes import planes
from impasto.media.small import small_jpeg
from impasto.media.write.segment import MILLISECOND
from impasto.media.write.sink import rescale
from impasto.outputs.open import sized
from impasto.outputs.video import video_target
from impasto.planning.template import below
from impasto.schema.outcome import ItemError
from impasto.schema.url import parse
from impasto.sources.open import open_planned
from impasto.storage import inside
from impasto.storage.objects import Objects
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.job import JobSpec
    from impasto.schema.plan import Plan, Shard
    from impasto.schema.url import Url
    from impasto.settings import Settings
    from impasto.sources.base import Item

KEPT = 4
"""Jobs whose plan is kept in memory."""
LARGEST = 256 << 20
"""Bytes of the largest picture file that is read."""


class _Opened(NamedTuple):
    """A job, as it is read for pictures.

    Attributes:
        job: the job.
        spec: its spec.
        plan: its plan, with the size that its pictures have after scoring.
        stores: what may be opened.
    """

    job: Job
    spec: JobSpec
    plan: Plan
    stores: Stores


class _Reading(NamedTuple):
    """A shard of a video that is being decoded, so that later frames need not begin anew."""

    shard: tuple[str, str, int]
    frames: Iterator[Item]
    next: int


class Pictures:
    """Makes pictures, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jobs: OrderedDict[tuple[str, str], _Opened] = OrderedDict()
        self._reading: _Reading | None = None

    def make(self, request: bytes) -> bytes:
        """Make the picture that a request asks for; see `picture`.

        Raises:
            BadInput: there is none, or it cannot be read.
            Unavailable: a store does not answer.
        """
        return self.picture(**json.loads(request))

    def picture(self, **given: Any) -> bytes:
        """Make a picture.

        Args:
            given: ``job``, and the ``version`` of its plan; ``shard`` and ``item``, by index;
                ``side``, the maximum of the longer side; ``scored``, whether it is the result that
                is wanted; and ``root``, the folder below which no link is followed, or "".

        Raises:
            BadInput: there is none, or it cannot be read.
            Unavailable: a store does not answer.
        """
        opened = self._open(given["job"], given["version"])
        shard, item = opened.plan.shards[given["shard"]], int(given["item"])
        facts = opened.plan.facts
        if given["scored"]:
            made = _scored(opened, shard, item, given["root"])
        elif opened.plan.source == "video":
            key = given["job"], given["version"], shard.index
            made = self._frame(opened, shard, item, key, given["root"])
        else:
            made, facts = _still(opened, shard, item, given["root"]), None
        if given["scored"] and opened.plan.output != "video":
            # Images cannot say how they are turned, so they were written upright.
            facts = None
        return small_jpeg(made, int(given["side"]), facts)

    def _open(self, job_id: str, version: str) -> _Opened:
        """Read a job's spec and plan, unless they are known."""
        if (job_id, version) not in self._jobs:
            home = Stores.of(self._settings).open_home(self._settings.home)
            job = Job(home, job_id)
            spec, plan = job.spec(), job.plan()
            if plan is None:
                raise Missing(f"job {job_id}: is not planned")
            opened = _Opened(job, spec, plan, Stores.of(self._settings, spec))
            self._jobs[job_id, version] = opened
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)
        return self._jobs[job_id, version]

    def _frame(
        self, opened: _Opened, shard: Shard, item: int, key: tuple[str, str, int], root: str
    ) -> Frame:
        """Decode a frame of a video, from where the last one of its shard was if it was before."""
        _refuse_links(opened.stores.locate(opened.spec.source), root)
        reading, self._reading = self._reading, None
        if reading is None or reading.shard != key or reading.next > item:
            source = open_planned(opened.stores, opened.spec.source, opened.plan)
            frames = source.read(opened.plan, _from(opened.plan, shard, item), 1)
            reading = _Reading(key, frames, item)
        for n, found in enumerate(reading.frames, reading.next):
            if n == item:
                self._reading = reading._replace(next=item + 1)
                return _frame_of(found)
        raise BadInput(f"{opened.spec.source}: ends before item {item}")


def _still(opened: _Opened, shard: Shard, item: int, root: str) -> Frame:
    """Read one picture of a source that is images or files."""
    plan, spec = opened.plan, opened.spec
    name = shard.names[item - shard.start] if shard.names else ""
    if plan.source not in {"images", "files"} or not is_image(name):
        raise Missing(f"item {item}: is no picture")
    objects = Objects(opened.stores, plan.base, spec.source)
    _refuse_links(objects.place(name), root)
    return images.read(objects.read(name), name)


def _scored(opened: _Opened, shard: Shard, item: int, root: str) -> Frame:
    """Read the picture that was made of an item."""
    job, plan = opened.job, opened.plan
    done = job.find_done(shard, plan)
    if done is None:
        raise Missing(f"item {item}: is not scored yet")
    if plan.output == "video":
        return _of_segment(opened, shard, item, done.segment)
    name = shard.outputs[item - shard.start] if shard.outputs else ""
    if not name or name not in done.names:
        raise Missing(f"item {item}: no picture was made of it")
    data = job.folder.find(done.segment + name)
    if data is None:
        result = job.result()
        place = opened.stores.locate(result.output if result else opened.spec.output)
        data = _delivered(opened, place if plan.output == "image" else place.child(name), root)
    return images.read(data, name)


def _delivered(opened: _Opened, place: Url, root: str) -> bytes:
    if place.local:
        base = parse(root)
        return inside.read(base.path, below(base, place) or place.name, LARGEST)
    store, key = opened.stores.open_parent(place)
    stat = store.stat(key)
    if stat is None or stat.size > LARGEST:
        raise Missing(f"{place}: is no longer there, or too large to show")
    return store.read(key)


def _of_segment(opened: _Opened, shard: Shard, item: int, segment: str) -> Frame:
    """Decode one frame of an encoded shard, which begins with a keyframe and counts from 0."""
    plan = sized(opened.plan, opened.job.notes.picture_size())
    target = video_target(opened.spec, plan)
    assert plan.facts
    opener = opened.job.folder.opener(segment)
    given = opener() if callable(opener) else str(opener)
    container, stream = open_media(given, segment)
    place = item - shard.start
    ticks = shard.cut.pts[place] - shard.cut.pts[0] if shard.cut else place
    with closing(container):
        assert stream.time_base
        wanted = rescale(ticks, plan.facts.time_base, stream.time_base)
        if target.numbered:
            wanted = rescale(place, MILLISECOND, stream.time_base)
        container.seek(wanted, stream=stream)
        for picture in container.decode(stream):
            if picture.pts is not None and picture.pts >= wanted:
                found = planes(picture, target.pixel_format)
                return _cropped(Frame(item, found, target.layout))
    raise BadInput(f"{segment}: lacks item {item}", "run the job again")


def _cropped(frame: Frame) -> Frame:
    """Leave out the columns and rows that an encoder needs beyond a picture's edge."""
    height, width = frame.layout.height, frame.layout.width
    across, down = frame.layout.chroma or (0, 0)
    small = -(-height // (1 << down)), -(-width // (1 << across))
    sizes = ((height, width), small, small)
    cut = tuple(plane[:h, :w] for plane, (h, w) in zip(frame.planes, sizes, strict=True))
    return replace(frame, planes=cut)


def _from(plan: Plan, shard: Shard, item: int) -> Shard:
    """Return the part of a video's shard that begins with an item."""
    cut, place = shard.cut, item - shard.start
    assert cut
    woven = plan.facts is not None and plan.facts.deinterlace
    before = (*cut.before, *cut.pts[:place])[-REACH:] if woven else ()
    part = cut.model_copy(update={"pts": cut.pts[place:], "before": before})
    return shard.model_copy(update={"start": item, "cut": part})


def _frame_of(found: Item) -> Frame:
    if isinstance(found, ItemError):
        raise BadInput(found.error)
    assert isinstance(found, Frame)
    return found


def _refuse_links(place: Url, root: str) -> None:
    """Refuse a file of this machine that is, or is below, a link that others may have made."""
    if not place.local or not root:
        return
    base = parse(root)
    if inside.look(base.path, below(base, place) or place.name) is None:
        raise Missing(f"{place}: is gone, or a link")
