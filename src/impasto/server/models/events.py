"""The data of the events that streams send, by the event's name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from impasto.jobs.state import State
from impasto.schema.base import Frozen
from impasto.server.models.items import PreviewPair
from impasto.server.models.jobs import JobRow, LogLine, ShardRow


class JobsEvent(Frozen):
    """``jobs``: jobs that came or changed.

    Attributes:
        rows: the jobs.
        gone: ids of jobs that exist no longer.
        whole: whether these are all jobs, and those known before are to be forgotten.
    """

    rows: list[JobRow]
    gone: list[str] = Field(default_factory=list)
    whole: bool = False


class LogEvent(Frozen):
    """``log``: what was added to the followed job's log.

    Attributes:
        lines: the lines.
        whole: whether this is its beginning, and lines known before are to be forgotten.
    """

    lines: list[LogLine]
    whole: bool = False


class ShardsEvent(Frozen):
    """``shards``: the followed job's shards that changed; all of them if it is ``whole``."""

    shards: list[ShardRow]
    whole: bool = False


class PreviewsEvent(Frozen):
    """``previews``: the followed job's pairs of pictures; all of them, in order."""

    pairs: list[PreviewPair]


class EndEvent(Frozen):
    """``end``: the followed job has ended, and all of its log was sent.

    Attributes:
        state: its state; ``removed`` if it exists no longer.
        error: why it ended, or "".
    """

    state: State | Literal["removed"]
    error: str = ""
