"""The errors that a caller may see, grouped by who must act.

ImpastoError
├── BadInput       the user: the input or the request is wrong; never retried
│   ├── Missing    the named thing does not exist
│   ├── Exists     something is in the way that may not be replaced
│   ├── BadRules   rules of a watcher are wrong; holds one line for each problem
│   ├── NotLoaded  a scorer cannot be loaded
│   └── Changed    it has changed since the job was planned
├── Unavailable    time or the operator: something did not answer; retried
│   └── Denied     a store refuses access; ends the job at once
├── Incomplete     the user: part of the job is done; resume it
└── Interrupted    nobody: the user asked to stop; resume it
    └── StoppedAtOnce  without waiting for what ran

An error has two parts: the thing with the fact, and the remedy. Both are for every face, so they
refer to fields and commands as `max_failed=3` and `impasto show`; each face has its own words for
these.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from impasto.secrecy import redact

if TYPE_CHECKING:
    from collections.abc import Iterable


class ImpastoError(Exception):
    """Base of every error that Impasto raises on purpose; it contains no secrets.

    Its text is one line: the fact, then the remedy after a semicolon.

    Attributes:
        exit_code: the command line's exit code.
        fact: what is wrong, and with what.
        remedy: what to do, or "".
        job: the id of a job that can be resumed, or "".
    """

    exit_code = 1

    def __init__(self, fact: str, remedy: str = "", *, job: str = "") -> None:
        self.fact, self.remedy, self.job = redact(fact), redact(remedy), job
        super().__init__(f"{self.fact}; {self.remedy}" if remedy else self.fact)

    def __reduce__(self) -> tuple[object, ...]:
        # By default, an exception is unpickled from its text alone.
        return type(self), (self.fact, self.remedy), vars(self)


class BadInput(ImpastoError):
    """The input or the request is wrong; trying again cannot help."""

    exit_code = 2


class Incomplete(ImpastoError):
    """Part of the job is done and kept; the same command resumes it.

    Attributes:
        output: where the part that is done was written, or "".
        report: where the failed items are listed, or "".
        failed: how many these are.
        aside: the first hundred of them, and why, where there are more than the user allows.
    """

    exit_code = 3

    def __init__(
        self,
        fact: str,
        remedy: str = "",
        *,
        job: str = "",
        output: str = "",
        report: str = "",
        failed: int = 0,
        aside: tuple[str, ...] = (),
    ) -> None:
        super().__init__(fact, remedy, job=job)
        self.output, self.report = output, report
        self.failed, self.aside = failed, tuple(map(redact, aside))


class Unavailable(ImpastoError):
    """A store, a device or a file system did not answer; trying again may help."""

    exit_code = 4


class Interrupted(ImpastoError):
    """The user stopped the job; the same command resumes it."""

    exit_code = 130


class StoppedAtOnce(Interrupted):
    """The user did not wait for running work; threads may still wait for a store."""


class Missing(BadInput):
    """Nothing of that name exists."""


class Exists(BadInput):
    """Something of that name already exists."""


class BadRules(BadInput):
    """Rules of a watcher are wrong.

    Attributes:
        problems: what is wrong, one line each.
    """

    def __init__(
        self, fact: str, remedy: str = "", *, job: str = "", problems: tuple[str, ...] = ()
    ) -> None:
        super().__init__(fact, remedy, job=job)
        self.problems = tuple(map(redact, problems))


class NotLoaded(BadInput):
    """A scorer cannot be loaded, whatever its source is."""


class Changed(BadInput):
    """The version that was asked for is no longer there."""


class Denied(Unavailable):
    """A store refuses access; with other credentials the same request would succeed."""


def meant(word: str, names: Iterable[str]) -> str:
    """Return the remedy for a wrong name: the one that was probably meant; "" if none is like it.

    Args:
        word: what was given.
        names: what there is.
    """
    known = [*names]
    close = get_close_matches(word, known, n=1, cutoff=0.7)
    if not close and word.startswith("-"):
        bare = word.strip("-")
        close = [name for name in known if len(bare) > 2 and bare in re.split("-+", name)][:2]
    return f"did you mean {' or '.join(close)}?" if close else ""
