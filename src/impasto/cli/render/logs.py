"""A job's log."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

from impasto.cli.job_argument import job_argument
from impasto.cli.render.text import json_line, note, say
from impasto.errors import Incomplete, Interrupted, Unavailable

if TYPE_CHECKING:
    from impasto.jobs.job import Job

RESUMABLE = {kind.exit_code for kind in (Incomplete, Unavailable, Interrupted)}
FOLLOW = 2.0
"""Seconds between two looks for new log lines."""
LAST_WORDS = 15
"""Looks without a new line after which nobody is expected to say that the output stands."""


def logs(found: Job, *, as_json: bool, follow: bool = False) -> None:
    """Print a job's log lines; those to come as well, until it is done, cancelled or given up.

    Raises:
        Interrupted: the user stopped following.
    """
    found.spec()
    seen: set[str] = set()
    last, quiet, ended, words = "", 0, "", ""
    if follow:
        # Who starts commands in the background has them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        while True:
            if follow:
                ended = "done" if found.result() else "cancelled" if found.cancelled() else ""
            if follow and not ended and last == "stopped":
                ended = "stopped"
            for line in found.logs(seen):
                last, quiet = str(line["event"]), 0
                if last == "stopped":
                    words = f"job {found.id}: {line['error']}"
                    words += _remedy(found, line)
                _log_line(line, as_json=as_json)
            # The last line comes after the result, once the output stands.
            late = ended == "done" and last != "finished" and quiet < LAST_WORDS
            late = late or (ended == "stopped" and last != "stopped")
            if not follow or (ended and not late):
                break
            quiet += 1
            time.sleep(FOLLOW)
    except KeyboardInterrupt:
        if follow:
            raise Interrupted("") from None
        raise
    if follow:
        note(words if ended == "stopped" else f"job {found.id}: is {ended}")


def _remedy(found: Job, stopped: dict[str, Any]) -> str:
    """Name the command that resumes a job, unless its input must be corrected first."""
    if stopped.get("exit_code") not in RESUMABLE:
        return ""
    return f"; 'impasto resume {job_argument(found.id, str(found.home.place))}' goes on"


def _log_line(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        json_line(line)
        return
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(line.pop("time")))
    event = line.pop("event")
    rest = " ".join(f"{name}={value}" for name, value in line.items() if value not in ("", []))
    say(f"{stamp} {event:<9} {rest}")
