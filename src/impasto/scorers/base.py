"""The Scorer class: what a model is to Impasto.

To add a scorer, write a class that extends `Scorer`, a frozen model of its parameters in a module
that imports no model library (`impasto.scorers.params` has the types of those that name files), and
an `impasto.scorers.entry.Entry` that joins the two. `impasto.scorers.identity` is the shortest.
Impasto's own entries are in the table of `impasto.scorers.registry`. Another package adds its entry
through an entry point named like the scorer, in its ``pyproject.toml``:

    [project.entry-points."impasto.scorers"]
    dim = "impasto_dim:DIM"

and in ``impasto_dim/__init__.py``:

    DIM = Entry("impasto_dim.model:DimScorer", DimParams, "darkens pictures")

The driver imports the entry, and workers the scorer too, so both need the package installed. Its
name and version are part of the job's id.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import torch
    from numpy.typing import NDArray

    Batch: TypeAlias = torch.Tensor | pd.DataFrame | list[str]
    """A mini-batch: N RGB pictures, float32 in [0, 1], (N, 3, H, W); N rows; or the local paths of
    N files."""

Wants: TypeAlias = Literal["pictures", "records", "arrays"]
"""What an output is made of: pictures; records, also beside files; or arrays as they are."""
Record: TypeAlias = dict[str, Any]
"""One line of an output of records; values are JSON's types, numpy's scalars and arrays."""


class Inputs(Protocol):
    """The data a scorer may read while it prepares a job, is loaded, or scores."""

    @property
    def consecutive(self) -> bool:
        """Whether pictures come as the consecutive frames of a video."""
        ...

    @property
    def carried(self) -> bool:
        """Whether pictures are carried along with a video's motion; see `Scorer.still`."""
        ...

    @property
    def wants(self) -> Wants:
        """What the output is made of."""
        ...

    @property
    def files(self) -> Path:
        """Folder into which a script may write files, which become the output."""
        ...

    def trusted(self, url: str) -> bytes:
        """Read weights or a script, verified, from this machine or a control store.

        Args:
            url: the value of a parameter that is a `TrustedFile` or `Code`.

        Raises:
            BadInput: it is elsewhere, is missing, or has changed since the job began.
            Unavailable: the store does not answer.
        """
        ...

    def folder(self, url: str) -> Path:
        """Return a local path of a trusted file or folder, fetched where it is in a store.

        Args:
            url: the value of a parameter that is a `TrustedFolder`.

        Raises:
            BadInput, Unavailable: as `trusted`.
        """
        ...

    def beside(self) -> Path | None:
        """Return a local folder with the code that goes with the job's program, if there is any.

        Raises:
            BadInput, Unavailable: as `trusted`.
        """
        ...

    def image(self, url: str) -> NDArray[np.uint8]:
        """Read a picture as RGB, (H, W, 3); raises BadInput or Unavailable."""
        ...

    def sample(self) -> NDArray[np.uint8]:
        """Read the source's first picture as RGB, (H, W, 3); raises BadInput."""
        ...

    def alive(self) -> None:
        """Say that a mini-batch that takes long is still being worked on."""
        ...


@dataclass(frozen=True, slots=True)
class Scores:
    """The result of a mini-batch of N items: pictures, records, or files the scorer has written.

    Attributes:
        pictures: N pictures, float32 in [0, 1], (N, 3, H, W), all of one size; or None.
        records: the records of each item, N sequences; or None.
        facts: what the log should say about each item, N values; or empty.
        failed: what items of several failed with, by their places; their records do not count.
        missing: of N rows, the columns of which the model got NaN for a missing value; or empty.
    """

    pictures: torch.Tensor | None = None
    records: Sequence[Sequence[Record]] | None = None
    facts: Sequence[Record] = ()
    failed: Mapping[int, Exception] = field(default_factory=dict)
    missing: Sequence[Sequence[str]] = ()


class DeviceLost(RuntimeError):
    """The device is broken; another process may have one that works."""


class Scorer(ABC):
    """A model: mini-batch in, mini-batch out. Loaded once per worker.

    A watcher's worker may go on to other jobs with the same parameters and files, unless the
    `Entry` says otherwise. What the scorer reads from its inputs besides is compared; where another
    job gives something else, the scorer is loaded again.

    Attributes:
        batch: items of a mini-batch on this device; 0 lets a probe of speed and memory decide.
        serial: whether mini-batches must come one after the other and in order. One that is not
            serial is called from several threads at once, and its result for an item must not
            depend on which others share the mini-batch.
        resizes: whether output pictures may differ in size.
        pure: whether a picture's result depends on nothing but the picture, so that a frame that
            equals the one before has the same result and need not be scored.
        timed: whether the result of a video's frame depends on when it is shown, so that `score_at`
            is called.
        still: whether its pictures hold nothing that stays in place while what they show moves,
            such as the weave of a network that works on a coarse grid. Where pictures are carried
            along, those of other scorers are the mean of several runs on a moved picture.
        notes: what the user should know about the model, one line each.
    """

    batch: int = 1
    serial: bool = False
    resizes: bool = False
    pure: bool = False
    timed: bool = False
    still: bool = False
    notes: tuple[str, ...] = ()

    @abstractmethod
    def __init__(self, params: Any, prepared: dict[str, Any], inputs: Inputs, device: str) -> None:
        """Load the model.

        Args:
            params: the job's parameters.
            prepared: what `prepare` returned for this job.
            inputs: the data it may read.
            device: where to load it, ``cpu`` or ``cuda:0``.
        """

    @classmethod
    def prepare(cls, params: Any, inputs: Inputs) -> dict[str, Any]:
        """Compute, once per job, what every worker shares; it must survive JSON exactly."""
        return {}

    def restart(self) -> None:  # noqa: B027 (most have nothing to forget)
        """Forget what came before: the next mini-batch is the first of a shard."""

    @abstractmethod
    def score(self, batch: Any) -> torch.Tensor | Scores:
        """Score a mini-batch.

        Args:
            batch: a `Batch` of what the job's items are: N RGB pictures, float32 in [0, 1],
                (N, 3, H, W), on any device; N rows; or N local paths.

        Returns:
            The scores; a tensor is their pictures, float32 in [0, 1], (N, 3, H', W').

        Raises:
            Exception: any at all; the mini-batch is then halved until the items that cause it are
                found, and these are set aside.
        """

    def score_at(self, batch: Any, seconds: Sequence[float]) -> torch.Tensor | Scores:
        """Score frames of a video, as `score` does; called instead of it if `timed` is set.

        Args:
            batch: N RGB pictures.
            seconds: when each is shown, counted from the video's first frame.
        """
        return self.score(batch)

    def close(self) -> None:  # noqa: B027 (most have nothing to let go)
        """Release resources; called before the worker ends, unless it is killed."""
