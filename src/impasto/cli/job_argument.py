"""The arguments with which a command names a job, to be pasted into a shell."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress

from impasto.errors import BadInput, ImpastoError

_OF_JOB = re.compile("`(impasto (?:show|logs|retry|resume|cancel))(?: [0-9a-f]{12})?(?=`)")
_OF_HOME = re.compile("`(impasto jobs)(?=`)")


def job_argument(job_id: str, home: str) -> str:
    """Return a job's arguments for commands: its id, and its home unless that is the default."""
    from impasto.settings import load

    usual = ""
    with suppress(BadInput):
        usual = load().home.rstrip("/")
    home = home.rstrip("/")
    return job_id if home == usual else f"{job_id} --home {shlex.quote(home)}"


def name_job(error: ImpastoError, job_id: str, home: str) -> None:
    """Complete the commands in an error's message by their job, so that they can be pasted.

    Args:
        error: the error; its message names commands as `` `impasto show` ``.
        job_id: the job's id, or "" to complete only what lists the jobs.
        home: URL of the jobs' home.
    """
    named = job_argument(job_id, home).strip()
    commands = _OF_JOB if job_id else _OF_HOME
    error.args = (commands.sub(rf"`\1 {named}", str(error)) if named else str(error),)


def add_remedy(error: ImpastoError, home: str, *, as_submitted: bool = False) -> None:
    """Add to an error's message the command that resumes its job, if it can be resumed.

    Args:
        error: the error that ended the job.
        home: URL of the jobs' home.
        as_submitted: whether the same command would heed an earlier cancellation.
    """
    if error.job and "`impasto re" not in str(error):
        command = f"'impasto resume {job_argument(error.job, home)}'"
        what = command if as_submitted else f"the same command, or {command},"
        error.args = (f"{error}; run {what} to continue",)
