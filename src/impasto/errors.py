"""The errors a caller may see, named by who must act.

ImpastoError
├── BadInput       the user: the input or the request is wrong; never retried
├── Unavailable    time or the operator: something did not answer; retried
├── Incomplete     the user: part of the job is done; resume it
└── Interrupted    nobody: the user asked to stop; resume it

A message holds three parts in one line: the thing, the fact and the remedy.
"""

from __future__ import annotations

from impasto.secrecy import redact


class ImpastoError(Exception):
    """The base of every error that Impasto raises on purpose; its message holds no secrets.

    Attributes:
        exit_code: what the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class BadInput(ImpastoError):
    """The input or the request is wrong; trying again cannot help."""

    exit_code = 2


class Incomplete(ImpastoError):
    """Part of the job is done and kept; the same command resumes it."""

    exit_code = 3


class Unavailable(ImpastoError):
    """A store, a device or a file system did not answer; trying again may help."""

    exit_code = 4


class Interrupted(ImpastoError):
    """The user stopped the job; the same command resumes it."""

    exit_code = 130
