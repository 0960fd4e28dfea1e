"""The arguments with which a command names a job, to be pasted into a shell."""

from __future__ import annotations

import shlex
from contextlib import suppress

from impasto.errors import BadInput, ImpastoError


def job_argument(job_id: str, home: str) -> str:
    """Return a job's arguments for commands: its id, and its home unless that is the default."""
    from impasto.settings import load

    usual = ""
    with suppress(BadInput):
        usual = load().home.rstrip("/")
    home = home.rstrip("/")
    return job_id if home == usual else f"{job_id} --home {shlex.quote(home)}"


def add_remedy(error: ImpastoError, home: str, *, as_submitted: bool = False) -> None:
    """Add to an error's message the command that resumes its job, if it can be resumed.

    Args:
        error: the error that ended the job.
        home: URL of the jobs' home.
        as_submitted: whether the same command would heed an earlier cancellation.
    """
    if error.job:
        command = f"'impasto resume {job_argument(error.job, home)}'"
        what = command if as_submitted else f"the same command, or {command},"
        error.args = (f"{error}; run {what} to continue",)
