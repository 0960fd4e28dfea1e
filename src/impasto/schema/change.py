"""Changes of a job's files that its user has accepted while it was not complete."""

from __future__ import annotations

import time
from pathlib import PurePath

from pydantic import Field

from impasto.schema.base import Frozen
from impasto.schema.bounds import PathText, Seconds, Word


class Replaced(Frozen):
    """One file, or the package that provides the scorer, in two versions.

    Attributes:
        file: its URL or path; the scorer's name for a package.
        before: digest, or version, that was used until then; "" if unknown.
        after: the one that is used from then on.
    """

    file: PathText
    before: Word
    after: Word


class Change(Frozen):
    """A change that was accepted: what is scored from then on is scored by the new files.

    Attributes:
        time: when, in seconds since 1970.
        files: what has changed, by the name that `JobSpec.pins` has for it.
    """

    time: Seconds = Field(default_factory=time.time)
    files: dict[Word, Replaced]

    def news(self) -> tuple[str, ...]:
        """Say what is used from now on, one line for each file."""
        return tuple(
            f"{f'scorer {each.file}' if name == 'scorer' else PurePath(each.file).name} has "
            "changed; its new version is used"
            for name, each in self.files.items()
        )

    def lines(self) -> tuple[str, ...]:
        """Describe the change, one line for each file."""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.time))
        return tuple(
            f"{when} {name} {each.file}: {each.before[:12] or 'none'} -> {each.after[:12]}"
            for name, each in self.files.items()
        )
