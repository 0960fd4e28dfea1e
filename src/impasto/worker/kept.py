"""A loaded scorer, which a worker may keep for its next job."""

from __future__ import annotations

import hashlib
import sys
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from impasto.errors import BadInput, ImpastoError
from impasto.schema.plan import Prepared
from impasto.scorers import registry
from impasto.storage.local import etag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from impasto.jobs.notes import Notes
    from impasto.schema.base import Frozen
    from impasto.schema.job import JobSpec
    from impasto.scorers.base import Scorer, Wants
    from impasto.worker.inputs import JobInputs

Reads: TypeAlias = dict[tuple[str, str], str]
"""Digests of what was read of a job's inputs, by kind and URL."""
_OWN = "belongs to one job"
"""Stands for the digest of what no other job can give: its first picture, its folders."""


class KeptScorer:
    """The scorer that a process has loaded, for one job after the other.

    The driver sees to it that all of a process's jobs name the same scorer, parameters and digests
    of files. What a scorer reads besides, such as a painting, is read again for each job; where it
    differs, the scorer is prepared and loaded again.
    """

    def __init__(self, device: str) -> None:
        """Load nothing yet.

        Args:
            device: ``cpu`` or ``cuda:<n>``.
        """
        self._device = device
        self._inputs = _NotedInputs()
        self._prepared: tuple[dict[str, Any], Reads] | None = None
        self._loaded: tuple[Scorer, dict[str, Any], Reads] | None = None
        self._modules = dict.fromkeys(sys.modules, "")

    def load(self, spec: JobSpec, notes: Notes, inputs: JobInputs) -> Scorer:
        """Return the scorer of a job; see `Worker`."""
        entry = registry.find(spec.scorer)
        began = spec.pins.get("scorer", "")
        if entry.distribution != began:
            raise BadInput(
                f"scorer {spec.scorer}: comes from {entry.distribution or 'Impasto'} here, but "
                f"from {began or 'Impasto'} where the job began",
                "install the one that it began with",
            )
        params = entry.parse(spec.params)
        kind = entry.load()
        self._inputs.job = inputs
        noted = notes.prepared()
        state = noted.state if noted else self._prepare(kind, params)
        scorer = self._load(kind, params, state)
        if noted is None:
            stands = notes.settle_prepared(Prepared(state=state, notes=scorer.notes))
            if stands.state != state:
                scorer = self._load(kind, params, stands.state)
        self._note_modules()
        return scorer

    def fresh(self) -> bool:
        """Return whether all that was imported with the scorer is still as it was then."""
        self._note_modules()
        return all(_stamp(name) == stamp for name, stamp in self._modules.items() if stamp)

    def close(self) -> None:
        """Let the scorer end in order."""
        loaded, self._loaded = self._loaded, None
        if loaded:
            loaded[0].close()

    def _prepare(self, kind: type[Scorer], params: Frozen) -> dict[str, Any]:
        if self._prepared and self._inputs.give(self._prepared[1]):
            return self._prepared[0]
        reads = self._inputs.reads = {}
        state = kind.prepare(params, self._inputs)
        self._prepared = (state, reads)
        return state

    def _load(self, kind: type[Scorer], params: Frozen, state: dict[str, Any]) -> Scorer:
        if self._loaded and self._loaded[1] == state and self._inputs.give(self._loaded[2]):
            # What it reads while it scores is also noted.
            self._inputs.reads = self._loaded[2]
            return self._loaded[0]
        self.close()
        reads = self._inputs.reads = {}
        scorer = kind(params, deepcopy(state), self._inputs, self._device)
        self._loaded = (scorer, state, reads)
        return scorer

    def _note_modules(self) -> None:
        """Note the files of what has been imported since the last time."""
        for name in sys.modules.keys() - self._modules.keys():
            self._modules[name] = _stamp(name)


class _NotedInputs:
    """The `base.Inputs` of whichever job a process has, with notes of what is read.

    Attributes:
        job: the job's own.
        reads: where to note what is read.
    """

    job: JobInputs

    def __init__(self) -> None:
        self.reads: Reads = {}

    def give(self, reads: Reads) -> bool:
        """Return whether the job gives what was read before; raises BadInput or Unavailable."""
        return all(self._now(*what) == known for what, known in reads.items())

    @property
    def consecutive(self) -> bool:
        self._note("consecutive")
        return self.job.consecutive

    @property
    def carried(self) -> bool:
        self._note("carried")
        return self.job.carried

    @property
    def wants(self) -> Wants:
        self._note("wants")
        return self.job.wants

    @property
    def files(self) -> Path:
        self._note("files")
        return self.job.files

    def trusted(self, url: str) -> bytes:
        # Its digest is part of what all jobs of the process share.
        return self.job.trusted(url)

    def folder(self, url: str) -> Path:
        self._note("folder", url)
        return self.job.folder(url)

    def beside(self) -> Path | None:
        self._note("beside")
        return self.job.beside()

    def image(self, url: str) -> NDArray[np.uint8]:
        self._note("image", url)
        return self.job.image(url)

    def sample(self) -> NDArray[np.uint8]:
        self._note("sample")
        return self.job.sample()

    def alive(self) -> None:
        self.job.alive()

    def _note(self, what: str, url: str = "") -> None:
        self.reads[what, url] = self._now(what, url) or _OWN

    def _now(self, what: str, url: str) -> str:
        """Return a digest of what the job gives, or "" for what is different in each job."""
        match what:
            case "consecutive":
                return str(self.job.consecutive)
            case "carried":
                return str(self.job.carried)
            case "wants":
                return self.job.wants
            case "image":
                return hashlib.sha256(self.job.encoded(url)).hexdigest()
        return ""


def _stamp(name: str) -> str:
    """Return a tag of a module's file, or "" if it has none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    try:
        return etag(Path(file)) if isinstance(file, str) else ""
    except ImpastoError:
        return ""
