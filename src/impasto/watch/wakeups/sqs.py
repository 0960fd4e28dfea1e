"""Wake-ups by Amazon SQS, which S3 tells of new objects."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from impasto.errors import Denied, Unavailable
from impasto.storage import queues
from impasto.watch.wakeups import messages
from impasto.watch.wakeups.base import Message, Queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.profile import StoreProfile
    from impasto.schema.queue import QueueUrl
    from impasto.schema.url import Url
    from impasto.watch.wakeups.base import Reject, Ring, Tell

AT_ONCE = 10
"""Messages of one request; the service takes no more."""
HIDDEN = 60
"""Seconds for which other watchers do not see a message that was handed out."""

_LACKING = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
}


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
        self._connect = partial(queues.amazon, queue, profile)

    def _listen(self) -> None:
        with self._mapped():
            client = self._connect()
            while not self._stopping.is_set():
                answer = client.receive_message(
                    QueueUrl=self.name,
                    MaxNumberOfMessages=AT_ONCE,
                    WaitTimeSeconds=queues.LONG_POLL,
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
                # Nobody may listen to hints any more; the messages come again.
                if found and not self._stopping.is_set():
                    self._handle(found, partial(self._delete, client))

    def _delete(self, client: Any, found: list[Message]) -> None:
        """Delete messages; one that cannot be deleted comes again, which does no harm."""
        entries = [{"Id": str(n), "ReceiptHandle": each.receipt} for n, each in enumerate(found)]
        if entries:
            client.delete_message_batch(QueueUrl=self.name, Entries=entries)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn the library's errors into Impasto's."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]
            if code in _LACKING:
                raise Denied(
                    f"{self.name}: access is refused ({code})",
                    "allow sqs:ReceiveMessage and sqs:DeleteMessage",
                ) from None
            raise Unavailable(f"{self.name}: answers {code}", "check the queue") from None
        except BotoCoreError as error:
            fact = type(error).__name__
            raise Unavailable(f"{self.name}: does not answer ({fact})", "check the queue") from None
