"""The keys of a rule in `impasto.toml` that are no options of a job, as people write them."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BeforeValidator, ByteSize, Field, StringConstraints, field_validator

from impasto.schema.base import Frozen
from impasto.schema.bounds import Duration
from impasto.watch.rule import After

MOST = 1 << 40


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _area(value: object) -> object:
    """Read an area written as WIDTHxHEIGHT."""
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", value) if isinstance(value, str) else None
    return int(match[1]) * int(match[2]) if match else value


def _pattern(text: str) -> str:
    parts = text.split("/")
    if not text or text.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        raise ValueError("must be a pattern of names below the inbox, such as **/*.mp4")
    return text


Whole: TypeAlias = Annotated[int, Field(ge=1, le=MOST)]
Patterns: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Variable: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([A-Za-z_][A-Za-z0-9_]{0,63})?$")]


class Written(Frozen):
    """What a rule says besides the options of its jobs.

    Attributes:
        inbox: folder or URL of the prefix that it watches.
        output: template of the output.
        patterns: which objects it takes; None is all that the scorer can read.
        exclude: which of these it leaves out.
        jobs, tries, settle, interval, queue, queue_secret, triggers, allow, after, on_done,
        on_failed, hook_secret, keep_jobs: as in `impasto.watch.rule.Rule`.
        max_bytes, max_objects, max_frames, max_pixels, max_waiting, max_per_hour: as in
            `impasto.watch.rule.Limits`.
    """

    NOUN: ClassVar[str] = "key"

    inbox: str
    output: str
    patterns: Patterns | None = None
    exclude: Patterns = ()
    jobs: Annotated[int, Field(ge=1, le=1000)] | None = None
    tries: Annotated[int, Field(ge=1, le=100)] = 3
    settle: Duration | None = None
    interval: Annotated[Duration, Field(ge=0.1)] | None = None
    queue: str = ""
    queue_secret: Variable = ""
    triggers: bool = True
    allow: Patterns = ()
    after: After = "stay"
    on_done: str = ""
    on_failed: str = ""
    hook_secret: Variable = ""
    keep_jobs: Duration | None = None
    max_bytes: Annotated[ByteSize, Field(ge=1)] | None = None
    max_objects: Whole | None = None
    max_frames: Whole | None = None
    max_pixels: Annotated[Whole, BeforeValidator(_area)] | None = None
    max_waiting: Whole | None = None
    max_per_hour: Whole | None = None

    @field_validator("patterns", "exclude")
    @classmethod
    def _below(cls, patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if patterns is not None:
            tuple(map(_pattern, patterns))
        return patterns

    @property
    def limits(self) -> dict[str, Any]:
        """The limits that are given."""
        given = {name: getattr(self, name) for name in LIMITS}
        return {name: int(value) for name, value in given.items() if value is not None}


LIMITS = (
    "max_bytes",
    "max_objects",
    "max_frames",
    "max_pixels",
    "max_waiting",
    "max_per_hour",
)
