"""URLs of queues, which announce new objects.

https://ACCOUNT.queue.core.windows.net/NAME     Azure Storage
https://sqs.REGION.amazonaws.com/ID/NAME        Amazon SQS
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from impasto.errors import BadInput
from impasto.schema.url import check_endpoint, is_loopback
from impasto.secrecy import remember_query

if TYPE_CHECKING:
    from impasto.schema.url import Url

_AZURE = re.compile(
    r"([a-z0-9]{3,24})\.(?:z\d+\.)?queue\."
    r"(?:core\.windows\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net|storage\.azure\.net)"
)
_AMAZON = re.compile(r"sqs(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}")
_PATH = re.compile(r"\d{12}/[A-Za-z0-9_-]{1,80}(?:\.fifo)?")


@dataclass(frozen=True, slots=True)
class QueueUrl:
    """A queue.

    Attributes:
        platform: whose it is.
        endpoint: the service's address, of an account in Azure.
        name: of the queue; in SQS, preceded by the id of its account and a slash.
        account: the Azure storage account.
        region: of SQS, if the URL names it.
    """

    platform: Literal["azure", "amazon"]
    endpoint: str
    name: str
    account: str = ""
    region: str = ""

    def __str__(self) -> str:
        return f"{self.endpoint}/{self.name}"

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(urlsplit(self.endpoint).netloc)


def parse_queue(text: str, inbox: Url) -> QueueUrl:
    """Parse the URL of a queue that announces what is new in an inbox.

    Raises:
        BadInput: it is no such URL, or its queue cannot be told of such an inbox.
    """
    bare, _, query = text.partition("?")
    remember_query(query)
    if inbox.scheme not in {"az", "s3"}:
        raise BadInput(f"{bare}: a queue announces only what is in az:// and s3://", "leave it out")
    if query:
        raise BadInput(f"{bare}: holds a signature", "name its variable with `queue_secret`")
    check_endpoint(bare)
    parts = urlsplit(bare)
    host, path = parts.netloc.lower(), parts.path.strip("/")
    base = f"{parts.scheme}://{host}"
    queue = (_azure if inbox.scheme == "az" else _amazon)(base, host, path)
    if queue is None:
        form = {
            "az": "https://ACCOUNT.queue.core.windows.net/NAME",
            "s3": "https://sqs.REGION.amazonaws.com/ID/NAME",
        }[inbox.scheme]
        raise BadInput(f"{bare}: is not a queue for {inbox.scheme}://", f"write {form}")
    return queue


def _azure(base: str, host: str, path: str) -> QueueUrl | None:
    account = ""
    if is_loopback(host):
        # Emulators put the account into the path.
        account, _, path = path.partition("/")
        base = f"{base}/{account}"
    elif known := _AZURE.fullmatch(host):
        account = known[1]
    if not account or not _NAME.fullmatch(path):
        return None
    return QueueUrl("azure", base, path, account=account)


def _amazon(base: str, host: str, path: str) -> QueueUrl | None:
    known = _AMAZON.fullmatch(host)
    if not (known or is_loopback(host)) or not _PATH.fullmatch(path):
        return None
    return QueueUrl("amazon", base, path, region=known[1] if known else "")
