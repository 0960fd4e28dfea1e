"""A rule of `impasto.toml`: which objects become jobs, and what becomes of them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.bounds import Duration
from impasto.schema.watch import RuleName

After = Literal["stay", "move", "tag"]


class Limits(Frozen):
    """What a rule takes; more than that waits, or is refused with a record.

    Attributes:
        max_bytes: size of one object.
        max_objects: files of one source that has many, such as a folder of frames.
        max_frames: items of one source.
        max_pixels: of one picture or frame.
        max_waiting: tickets that are open at once; further objects wait without one.
        max_per_hour: jobs begun in an hour.
    """

    max_bytes: int = 100 << 30
    max_objects: int = 100_000
    max_frames: int | None = None
    max_pixels: int = 8192 * 8192
    max_waiting: int = 10_000
    max_per_hour: int | None = None


class Variant(Frozen):
    """One of the jobs that each object gets.

    Attributes:
        name: the style's name, for the output's name; "" where there is only one variant.
        recipe: digest of all in the rule that determines the output of this variant.
        params: parameters of the scorer.
    """

    name: str = ""
    recipe: str
    params: dict[str, Any] = Field(default_factory=dict)


class Rule(Frozen):
    """One rule, checked.

    Attributes:
        name: its name.
        inbox: URL of the folder or prefix that it watches, without a slash at its end.
        patterns: which objects below the inbox it takes.
        exclude: which of these it leaves out.
        output: template of the output's URL.
        scorer: as in a job's spec.
        spec: further fields of a job's spec.
        variants: the jobs that each object gets.
        settings: how its jobs run: engine, workers and other settings.
        jobs: how many of its jobs run at once.
        tries: how often a job is tried.
        settle: seconds for which an object must not have changed.
        interval: seconds between two listings of the inbox.
        queue: URL of the queue that announces new objects; "" if there is none.
        queue_secret: environment variable with a SAS, an account's key or a connection string for
            a queue in Azure; "" opens it with what opens the inbox.
        triggers: whether it takes trigger files.
        allow: parameters and fields of a spec that a trigger file may set.
        after: what becomes of the object once its jobs are done.
        on_done: URL to tell of a job that is done, or "".
        on_failed: URL to tell of one that failed, or "".
        hook_secret: environment variable with the secret that signs these messages, or "".
        keep_jobs: seconds for which finished jobs are kept; None is for ever.
        limits: what it takes.
    """

    name: RuleName
    inbox: str
    patterns: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    output: str
    scorer: str = "style"
    spec: dict[str, Any] = Field(default_factory=dict)
    variants: tuple[Variant, ...]
    settings: dict[str, Any] = Field(default_factory=dict)
    jobs: int | None = None
    tries: int = 3
    settle: float = 0.0
    interval: float = 60.0
    queue: str = ""
    queue_secret: str = ""
    triggers: bool = True
    allow: tuple[str, ...] = ()
    after: After = "stay"
    on_done: str = ""
    on_failed: str = ""
    hook_secret: str = ""
    keep_jobs: float | None = None
    limits: Limits = Limits()


class WatchSettings(Frozen):
    """How a watcher runs.

    Attributes:
        jobs: how many jobs run at once, of all rules; None chooses by the machine's cores.
        grace: seconds that jobs have to finish their shards when the watcher is asked to end.
        idle: seconds after which workers that have nothing to do are ended.
        beat: seconds between two signs of life.
    """

    NOUN: ClassVar[str] = "key"

    jobs: Annotated[int, Field(ge=1, le=1000)] | None = None
    grace: Duration = 60.0
    idle: Duration = 60.0
    beat: Annotated[Duration, Field(ge=0.1, le=600)] = 10.0
