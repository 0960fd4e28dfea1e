"""The choice of what wakes a rule, besides its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.schema.queue import parse_queue
from impasto.watch.wakeups.folder import FolderWakeup

if TYPE_CHECKING:
    from impasto.storage.stores import Stores
    from impasto.watch.inbox import Inbox
    from impasto.watch.rule import Rule
    from impasto.watch.wakeups.base import Reject, Ring, Tell, Wakeup


def open_wakeup(
    rule: Rule, inbox: Inbox, stores: Stores, ring: Ring, tell: Tell, reject: Reject
) -> Wakeup | None:
    """Return what wakes a rule, not started yet; None where there is only its interval.

    Args:
        rule: the rule.
        inbox: its inbox.
        stores: what may be opened.
        ring: called with each hint.
        tell: called with what people should know.
        reject: called with each message that means nothing.

    Raises:
        BadInput: a library is missing, or the queue's secret is.
    """
    if inbox.place.local:
        return FolderWakeup(inbox, ring, tell)
    if not rule.queue:
        return None
    profile = stores.profile(inbox.place)
    queue = parse_queue(rule.queue, inbox.place)
    if queue.platform == "amazon":
        from impasto.watch.wakeups.sqs import SqsQueue

        return SqsQueue(queue, inbox.place, profile, ring, tell, reject)
    from impasto.watch.wakeups.azure_queue import AzureQueue

    return AzureQueue(queue, rule.queue_secret, inbox.place, profile, ring, tell, reject)
