"""Do what an inbox's messages ask for, once: what the job of small.bicep runs.

Messages are taken before the inbox is listed, so whatever comes later leaves a message that starts
the next execution. They are removed only when the watcher has done what there was to do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.storage.queue import QueueClient

DONE, SOME_FAILED = 0, 3
"""Exit codes of a watcher that has seen everything; jobs that failed are tried by `retry`."""
AGAIN = 900
"""Seconds until messages that nobody could act on start an execution again, which costs money."""


def once(queue: QueueClient, seconds: int, watch: Callable[[], int]) -> int:
    """Take all messages, watch once, and remove them unless the watcher could not look.

    Args:
        queue: the queue that tells of new media.
        seconds: for how long nobody else sees the messages, 7 days at most.
        watch: runs the watcher and returns its exit code.

    Returns:
        The exit code of the watcher.
    """
    hidden = min(seconds, 7 * 24 * 3600)
    taken = list(queue.receive_messages(messages_per_page=32, visibility_timeout=hidden))
    code = watch()
    for message in taken:
        if code in (DONE, SOME_FAILED):
            queue.delete_message(message)
        else:
            queue.update_message(message, visibility_timeout=AGAIN)
    return code


def main() -> int:
    """Run as the container that small.bicep describes."""
    from azure.identity import DefaultAzureCredential
    from azure.storage.queue import QueueClient

    queue = QueueClient.from_queue_url(os.environ["ARRIVALS_QUEUE"], DefaultAzureCredential())
    command = ["impasto", "watch", "--once"]
    seconds = int(os.environ["ARRIVALS_SECONDS"])
    return once(queue, seconds, lambda: subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    sys.exit(main())
