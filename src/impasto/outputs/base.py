"""The ShardOutput protocol, and the scored items that a worker passes to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from impasto.media.frame import NOTHING, About
from impasto.schema.outcome import ItemError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from impasto.media.frame import Plane
    from impasto.scorers.base import Record


class ShardOutput(Protocol):
    """Where one attempt at a shard is written; a context that leaves nothing behind on errors.

    Attributes:
        segment: key of what is written, within the job.
    """

    segment: str

    def __enter__(self) -> Self:
        """Start writing."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Drop what was not finished."""
        ...

    def write(self, scored: Scored) -> None:
        """Write the next picture; raises Unavailable when the disk is full."""
        ...

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Store what was written; returns its bytes, and the names when it is images."""
        ...


@dataclass(frozen=True, slots=True)
class Scored:
    """An item on its way from the device to a writer.

    Attributes:
        index: place in the source.
        planes: the picture's planes in the output's layout; empty if there is no picture to write.
        alpha: the source's transparency (H, W), in the depth of the output, or None.
        records: the scorer's records of it.
        kept: what the source says of it that every record repeats.
        facts: the facts about it for the log.
        missing: of a row, the columns of which the model got NaN for a missing value.
        seconds: its share of the mini-batch's time on the device.
        concealed: whether the source's picture could not be decoded.
        repeated: whether the result is that of the frame before, which is the same picture.
        error: why it was set aside.
        about: facts about the file of a source that is a still picture.
    """

    index: int
    planes: tuple[Plane, ...] = ()
    alpha: Plane | None = None
    records: Sequence[Record] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    missing: Sequence[str] = ()
    seconds: float = 0.0
    concealed: bool = False
    repeated: bool = False
    error: ItemError | None = None
    about: About = NOTHING
