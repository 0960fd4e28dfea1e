"""The Source protocol, and the survey that a planner gets from a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from impasto.schema.kinds import SourceKind
from impasto.sources.item import Blob, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from impasto.media.frame import Frame
    from impasto.schema.job import JobSpec
    from impasto.schema.outcome import ItemError
    from impasto.schema.plan import Plan, Shard
    from impasto.schema.source import TableFacts, VideoFacts
    from impasto.schema.url import Url
    from impasto.tables.read.scan import Wanted

    Item: TypeAlias = Frame | Rows | Blob | ItemError


class Extent(NamedTuple):
    """How large a picture is.

    Attributes:
        name: the picture's name, or the video's.
        width: in pixels.
        height: in pixels.
    """

    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Facts about a source from one look over it, before it is cut.

    Attributes:
        start: the first item that the job takes.
        stop: one past the last.
        shard: returns the shard for a number and a half-open range of items.
        base: URL of the folder that the shards' names are under, or "".
        cheap_cuts: items at which a cut costs a reader nothing, ascending.
        borders: where it must be cut, if it can be cut only there; otherwise empty.
        names: the names of images or files, in order.
        facts: facts about a video's picture stream.
        table: facts about a table.
        clip: the half-open range of time taken, in a video's time base, or None for all.
        warnings: what the user should know about the source, one line each.
        reasons: why it is cut where it must be, one line each.
        etag: the etag of the one object that workers read, or "".
        zero: timestamp of a video's first frame, in its time base.
        as_video: describes images as a video of a frame rate; None for other sources.
        rehearse: raises BadInput if the output cannot hold pictures of a width and height beside
            the source's other streams, and returns what the user should know about it, one line
            each; None for sources without streams.
    """

    start: int
    stop: int
    shard: Callable[[int, int, int], Shard]
    base: str = ""
    cheap_cuts: Sequence[int] = ()
    borders: Sequence[int] = ()
    names: tuple[str, ...] = ()
    facts: VideoFacts | None = None
    table: TableFacts | None = None
    clip: tuple[int, int] | None = None
    warnings: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    etag: str = ""
    zero: int = 0
    as_video: Callable[[Fraction], VideoFacts] | None = None
    rehearse: Callable[[int, int], tuple[str, ...]] | None = None

    @property
    def count(self) -> int:
        """How many items the job takes."""
        return self.stop - self.start


class Source(Protocol):
    """Where items come from.

    Attributes:
        url: the absolute URL or path.
        kind: what it is.
    """

    url: str
    kind: SourceKind

    @property
    def etag(self) -> str:
        """Changes whenever the content does."""
        ...

    @property
    def former_etag(self) -> str:
        """The etag in jobs that began before the content of local files was looked at."""
        ...

    @property
    def base(self) -> Url | None:
        """The folder that the source is in; None if it is in several places."""
        ...

    def facts(self) -> dict[str, Any]:
        """Describe the source for people; raises BadInput when it cannot be read."""
        ...

    def objects(self) -> int:
        """Count the files or objects that it consists of."""
        ...

    def count(self, spec: JobSpec) -> int:
        """Count the items that a job takes; a video's are counted once for this and `survey`.

        Raises:
            BadInput: it cannot be read, or no item is in the range that the job takes.
        """
        ...

    def largest(self, spec: JobSpec) -> Extent | None:
        """Find the largest picture by what files say of themselves; None if it has no pictures.

        Raises:
            BadInput: it cannot be read; of several pictures, such ones are passed over.
        """
        ...

    def survey(self, spec: JobSpec, size: Wanted) -> Survey:
        """Look the source over once, before it is cut; raises BadInput when it cannot be read.

        Args:
            spec: the job.
            size: items per shard, or a function that returns them for a count. Used only by sources
                that find their cuts during this look.
        """
        ...

    def read(self, plan: Plan, shard: Shard, threads: int) -> Iterator[Item]:
        """Yield a shard's items in order: frames, files, or runs of rows.

        An ItemError takes the place of an item that cannot be read.
        """
        ...
