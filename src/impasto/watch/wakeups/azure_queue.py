"""Wake-ups by a queue in Azure Storage, which Event Grid tells of new blobs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from impasto.storage import queues, sdk
from impasto.storage.parallel import in_order
from impasto.watch.wakeups import messages
from impasto.watch.wakeups.base import Message, Queue

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

    from impasto.schema.profile import StoreProfile
    from impasto.schema.queue import QueueUrl
    from impasto.schema.url import Url
    from impasto.watch.wakeups.base import Reject, Ring, Tell

AT_ONCE = 32
"""Messages of one request; the service hands out no more."""
HIDDEN = 60
"""Seconds for which other watchers do not see a message that was handed out."""
PAUSE = 1.0
"""Seconds between two requests to an empty queue, since the service cannot be asked to wait."""
DELETIONS = 8
"""Requests in flight at once."""


class AzureQueue(Queue):
    """Asks a queue in Azure Storage; the right to process messages is enough."""

    def __init__(
        self,
        queue: QueueUrl,
        secret: str,
        place: Url,
        profile: StoreProfile | None,
        ring: Ring,
        tell: Tell,
        reject: Reject,
    ) -> None:
        """Prepare.

        Args:
            queue: which.
            secret: variable with what opens it, or "".
            place: the inbox.
            profile: how the inbox is reached.
            ring: as for every wake-up.
            tell: as for every wake-up.
            reject: as for every queue.
        """
        super().__init__(str(queue), ring, tell, reject, partial(messages.keys, inbox=place))
        self._connect = partial(queues.azure, queue, secret, place, profile)

    def _listen(self) -> None:
        remedy = "give its credential the right to process messages"
        client = self._connect()
        with sdk.azure_errors(self.name, remedy), client:
            while not self._stopping.is_set():
                # The library would decode messages, and fails for the whole page if one is odd.
                pages = client.receive_messages(
                    messages_per_page=AT_ONCE, visibility_timeout=HIDDEN
                ).by_page()
                found = [
                    Message(
                        str(each.content).encode(errors="replace"), each.id, each.pop_receipt or ""
                    )
                    for each in next(pages, ())
                ]
                self._works()
                if found:
                    self._handle(found, partial(self._delete, client))
                else:
                    self._stopping.wait(PAUSE)

    def _delete(self, client: QueueClient, found: list[Message]) -> None:
        for _ in in_order(partial(_delete, client), found, DELETIONS):
            pass


def _delete(client: QueueClient, message: Message) -> None:
    """Delete a message, unless it was meanwhile handed to another watcher, or deleted by it."""
    from azure.core.exceptions import HttpResponseError

    try:
        client.delete_message(message.name, message.receipt)
    except HttpResponseError as error:
        if error.status_code not in {400, 404}:
            raise
