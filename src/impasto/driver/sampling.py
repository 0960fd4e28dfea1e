"""Single items of a source, read without cutting it into shards."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from impasto.errors import BadInput
from impasto.media.frame import Frame
from impasto.media.small import small_rgb
from impasto.planning import shots
from impasto.planning.forecast import MOST
from impasto.schema.moments import clock
from impasto.schema.outcome import ItemError
from impasto.schema.plan import Plan
from impasto.sources.item import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from impasto.driver.open_job import OpenJob
    from impasto.schema.job import Items
    from impasto.schema.kinds import SourceKind
    from impasto.schema.plan import OutputKind, Shard
    from impasto.schema.source import VideoFacts
    from impasto.sources.item import Blob


@dataclass(frozen=True, slots=True)
class Chosen:
    """An item that was chosen.

    Attributes:
        index: place in the source, from 0.
        name: what people call it: its time in the video, its file's name, or its row.
    """

    index: int
    name: str


class Telling(NamedTuple):
    """The items that show what is in a source.

    Attributes:
        chosen: the items, in order.
        main: one of them that stands for most of the source.
        shot: the first and the last frame that are known to be of its shot.
    """

    chosen: list[Chosen]
    main: Chosen
    shot: tuple[int, int]


class Sampled:
    """A source after one look over it.

    Attributes:
        count: how many items the job takes of it.
        stop: one past the last of them.
        noun: what they are, for people.
        warnings: what the user should know about the source, one line each.
        plan: a plan without shards, which says how to read it.
    """

    def __init__(self, opened: OpenJob) -> None:
        """Look the source over; raises BadInput when it cannot be read."""
        source = opened.source
        items = _ITEMS.get(source.kind, "pictures")
        self._source = source
        self._survey = source.survey(opened.spec, MOST[items])
        self.plan = Plan(
            source=_PLANNED[source.kind],
            output=_MADE[source.kind],
            items=items,
            base=self._survey.base,
            table=self._survey.table,
            facts=self._survey.facts,
            etag=self._survey.etag,
            zero=self._survey.zero,
        )
        self.stop = self._survey.stop
        self.count, self.noun = self._survey.count, self.plan.noun
        self.warnings = self._survey.warnings

    @property
    def first(self) -> Shard:
        """A shard with the first item."""
        return self._shard(self._survey.start)

    def spread(self, number: int) -> list[Chosen]:
        """Choose this many items, evenly spaced, or all if there are no more."""
        count = min(number, self.count)
        start = self._survey.start
        return [self._chosen(start + (2 * n + 1) * self.count // (2 * count)) for n in range(count)]

    def telling(self, number: int) -> Telling:
        """Choose this many items that differ: of a video one a shot, else evenly spaced ones.

        Of a long video, little is decoded to decide it; where even that would take long, its frames
        are spaced evenly, too.

        Raises:
            BadInput, Unavailable: the video cannot be read.
        """
        found = [] if number >= self.count else self._thumbnails(number)
        if len(found) < number:
            even = self.spread(number)
            return Telling(even, even[len(even) // 2], (self._survey.start, self.stop - 1))
        choice = shots.choose([picture for _, picture in found], number)
        chosen = {place: self._chosen(found[place][0]) for place in choice.places}
        first, last = (found[place][0] for place in choice.shot)
        return Telling([*chosen.values()], chosen[choice.main], (first, last))

    def at(self, moments: Sequence[Fraction]) -> list[Chosen]:
        """Choose the frames that a video shows at these seconds after its first frame.

        Raises:
            BadInput: the source is not a video, or shows nothing at one of them.
        """
        if self._source.kind != "video":
            raise BadInput(f"{self._source.url}: `at` needs a video", "leave it out")
        return [self._chosen(self._shown_at(moment)) for moment in moments]

    def row(self, number: int) -> Chosen:
        """Choose a row of a table, or any other item, by its number from 1; raises BadInput."""
        if not 1 <= number <= self.count:
            raise BadInput(
                f"`row={number}`: {self._source.url} has {self.count:,} {self.noun}",
                f"choose 1 to {self.count}",
            )
        return self._chosen(self._survey.start + number - 1)

    def during(self, shot: tuple[int, int], begin: int, seconds: Fraction) -> tuple[int, int]:
        """Return a range of a video's frames that lasts so long, or all of it if it is shorter.

        Args:
            shot: the first and the last frame of a shot, within which the range is if it fits.
            begin: the frame that it begins with, unless the shot or the video ends too soon.
            seconds: how long.

        Raises:
            BadInput: the source is not a video.
        """
        if self._source.kind != "video":
            raise BadInput(f"{self._source.url}: `motion` needs a video", "leave it out")
        first = self._early(shot[0], shot[1], begin, seconds)
        first = self._early(self._survey.start, self.stop - 1, first, seconds)
        until = self.moment(first) + seconds
        past = bisect_left(range(self.stop), until, lo=first + 1, key=self.moment)
        return first, past

    def moment(self, index: int) -> Fraction:
        """Return when a video shows a frame, in seconds after its first."""
        return self._time(index) - self._time(0)

    def read(self, chosen: Chosen) -> Frame | Rows | Blob:
        """Read an item; raises BadInput or Unavailable when it cannot be."""
        shard = self._shard(chosen.index)
        for item in self._source.read(self.plan, shard, 1):
            if isinstance(item, ItemError):
                raise BadInput(item.error, "choose another one")
            if not isinstance(item, Rows):
                return item
            if chosen.index < item.start + len(item.frame):
                at = chosen.index - item.start
                return Rows(chosen.index, item.frame.iloc[at : at + 1].reset_index(drop=True))
        raise BadInput(f"{self._source.url}: {chosen.name} cannot be read", "choose another one")

    def _early(self, low: int, last: int, begin: int, seconds: Fraction) -> int:
        """Return the latest frame up to one from which so much is shown before a last one ends."""
        late = self.moment(last) + 1 / self._facts.rate - seconds
        return bisect_left(range(begin), late, lo=min(low, begin), key=self.moment)

    def frames(self, start: int, stop: int) -> Iterator[Frame]:
        """Yield a range of a video's frames, without those that cannot be decoded."""
        for item in self._source.read(self.plan, self._survey.shard(0, start, stop), 1):
            if isinstance(item, Frame):
                yield item

    def _thumbnails(self, number: int) -> list[tuple[int, NDArray[np.uint8]]]:
        """Return some of a video's frames with small pictures of them; none where that is slow."""
        if self._source.kind != "video" or self._survey.borders:
            return []
        facts, keys = self._facts, self._survey.cheap_cuts
        start, stop = self._survey.start, self._survey.stop
        wanted = shots.candidates(start, stop, keys, number, facts.width * facts.height)
        return [
            (frame.index, small_rgb(frame, shots.SIDE))
            for group in shots.groups(wanted, keys)
            for frame in self.frames(group[0], group[-1] + 1)
            if frame.index in group
        ]

    def _chosen(self, index: int) -> Chosen:
        names = self._survey.names
        if names:
            return Chosen(index, names[index])
        if self._source.kind == "table":
            return Chosen(index, f"row {index + 1}")
        return Chosen(index, clock(self.moment(index)))

    def _shard(self, index: int) -> Shard:
        """Return a shard that holds an item, and where possible nothing else."""
        borders = self._survey.borders if self._source.kind == "table" else ()
        for number, (first, past) in enumerate(pairwise(borders)):
            if first <= index < past:
                return self._survey.shard(number, first, past)
        return self._survey.shard(0, index, index + 1)

    @property
    def _facts(self) -> VideoFacts:
        assert self._survey.facts
        return self._survey.facts

    def _time(self, index: int) -> Fraction:
        cut = self._survey.shard(0, index, index + 1).cut
        assert cut
        return cut.pts[0] * self._facts.time_base

    def _shown_at(self, moment: Fraction) -> int:
        start, stop = self._survey.start, self._survey.stop
        begin, end = self.moment(start), self.moment(stop - 1) + 1 / self._facts.rate
        if not begin <= moment < end:
            extent = f"is {clock(end)} long"
            if start:
                extent = f"is taken from {clock(begin)} to {clock(end)}"
            raise BadInput(f"`at={clock(moment)}`: the video {extent}", "choose a moment within it")
        return bisect_right(range(stop), moment, lo=start, key=self.moment) - 1


_ITEMS: dict[SourceKind, Items] = {"table": "rows", "files": "files"}
_PLANNED: dict[SourceKind, Literal["video", "images", "files", "table"]] = {
    "video": "video",
    "image": "images",
    "folder": "images",
    "files": "files",
    "table": "table",
}
_MADE: dict[SourceKind, OutputKind] = {
    "video": "folder",
    "image": "folder",
    "folder": "folder",
    "files": "records",
    "table": "records",
}
