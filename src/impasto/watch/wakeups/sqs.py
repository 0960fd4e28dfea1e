"""Wake-ups by Amazon SQS, which S3 tells of new objects."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from impasto.storage import queues, sdk
from impasto.watch.wakeups import messages
from impasto.watch.wakeups.base import Message, Queue

if TYPE_CHECKING:
    from impasto.schema.profile import StoreProfile
    from impasto.schema.queue import QueueUrl
    from impasto.schema.url import Url
    from impasto.watch.wakeups.base import Reject, Ring, Tell

AT_ONCE = 10
"""Messages of one request; the service takes no more."""
HIDDEN = 60
"""Seconds for which other watchers do not see a message that was handed out."""

LONG_POLL = 10
"""Seconds that a request waits for messages."""


class SqsQueue(Queue):
    """Asks a queue in SQS, which answers as soon as there is a message."""

    def __init__(
        self,
        queue: QueueUrl,
        place: Url,
        profile: StoreProfile | None,
        ring: Ring,
        tell: Tell,
        reject: Reject,
    ) -> None:
        """Prepare.

        Args:
            queue: which.
            place: the inbox.
            profile: how the inbox is reached, and the queue as well.
            ring: as for every wake-up.
            tell: as for every wake-up.
            reject: as for every queue.
        """
        super().__init__(str(queue), ring, tell, reject, partial(messages.keys, inbox=place))
        self._connect = partial(queues.amazon, queue, profile, LONG_POLL + 20)

    def _listen(self) -> None:
        client = self._connect()
        with sdk.amazon_errors(self.name, "allow sqs:ReceiveMessage and sqs:DeleteMessage"):
            while not self._stopping.is_set():
                answer = client.receive_message(
                    QueueUrl=self.name,
                    MaxNumberOfMessages=AT_ONCE,
                    WaitTimeSeconds=LONG_POLL,
                    VisibilityTimeout=HIDDEN,
                )
                self._works()
                found = [
                    Message(
                        each["Body"].encode(errors="replace"),
                        each["MessageId"],
                        each["ReceiptHandle"],
                    )
                    for each in answer.get("Messages", ())
                ]
                if found:
                    self._handle(found, partial(self._delete, client))

    def _delete(self, client: Any, found: list[Message]) -> None:
        """Delete messages; one that cannot be deleted comes again, which does no harm."""
        entries = [{"Id": str(n), "ReceiptHandle": each.receipt} for n, each in enumerate(found)]
        if entries:
            client.delete_message_batch(QueueUrl=self.name, Entries=entries)
