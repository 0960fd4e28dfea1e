"""Real queues for the tests: Azurite's (Azure Storage) and moto's (SQS), which moto's S3 tells."""

from __future__ import annotations

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from azure.storage.queue import QueueClient, QueueSasPermissions, generate_queue_sas
from boto3 import Session

from support.cloud import DATA, LEASH_NODE, LOCAL, Server, azurite_main, node

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from support.cloud import Authority, Azurite, MotoS3


@dataclass(frozen=True)
class AzuriteQueues:
    """Azure Queue Storage's emulator, beside that of blobs, with the same accounts.

    Attributes:
        server: the process.
        blobs: the emulator of blobs.
    """

    server: Server
    blobs: Azurite

    @classmethod
    def start(cls, authority: Authority, blobs: Azurite) -> AzuriteQueues:
        """Start one; raises NotReady."""
        pairs = ";".join(f"{name}:{key}" for name, key in blobs.accounts.items())
        command = [node(), "--import", LEASH_NODE, str(azurite_main("queue")), "--silent"]
        command += ["--queueHost", LOCAL, "--queuePort", "0", "--oauth", "basic"]
        command += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
        command += ["--cert", str(authority.cert_pem), "--key", str(authority.key_pem)]
        listening = r"success\S* listen\S* \S+ https://\S+:(\d+)"
        return cls(Server(command, listening, os.environ | {"AZURITE_ACCOUNTS": pairs}), blobs)

    def make(self) -> AzureTestQueue:
        """Make a queue."""
        queue = AzureTestQueue(self, f"q{uuid4().hex}")
        queue.client.create_queue()
        return queue

    def stop(self) -> None:
        """End it."""
        self.server.stop()


@dataclass(frozen=True)
class AzureTestQueue:
    """A queue of Azurite.

    Attributes:
        service: its server.
        name: its name.
    """

    service: AzuriteQueues
    name: str

    @property
    def url(self) -> str:
        """Its URL, as a rule names it."""
        return f"https://{LOCAL}:{self.service.server.port}/{DATA}/{self.name}"

    @property
    def client(self) -> QueueClient:
        """A client with every right."""
        key = {"account_name": DATA, "account_key": self.service.blobs.accounts[DATA]}
        base = self.url.rpartition("/")[0]
        return QueueClient(
            base,
            self.name,
            key,
            connection_verify=str(self.service.blobs.ca),
            retry_total=0,
            # On a busy machine, the emulator may take long with many messages, also to connect.
            connection_timeout=120,
            read_timeout=120,
        )

    def put(self, *texts: str) -> None:
        """Put messages into it."""
        with self.client as client:
            for text in texts:
                client.send_message(text)

    def put_many(self, texts: Sequence[str]) -> None:
        """Put many messages into it, more or less in their order."""
        with self.client as client, ThreadPoolExecutor(4) as pool:
            for _ in pool.map(client.send_message, texts):
                pass

    def left(self) -> int:
        """Return how many messages are in it, hidden ones too."""
        with self.client as client:
            return int(client.get_queue_properties().approximate_message_count or 0)

    def sas(self, permission: str = "p", *, hours: float = 1) -> str:
        """Return a SAS for this queue."""
        return generate_queue_sas(
            DATA,
            self.name,
            self.service.blobs.accounts[DATA],
            permission=QueueSasPermissions.from_string(permission),
            expiry=datetime.now(UTC) + timedelta(hours=hours),
        )


def blob_created(container: str, key: str, **data: Any) -> dict[str, Any]:
    """Return an event in Event Grid's own form."""
    return {
        "topic": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/accounts/{DATA}",
        "subject": f"/blobServices/default/containers/{container}/blobs/{key}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": str(uuid4()),
        "data": {"api": "PutBlob", "contentLength": 1, **data},
        "dataVersion": "",
        "metadataVersion": "1",
    }


def cloud_event(container: str, key: str) -> dict[str, Any]:
    """Return the same event as CloudEvents 1.0."""
    event = blob_created(container, key)
    return {
        "specversion": "1.0",
        "type": event["eventType"],
        "source": event["topic"],
        "id": event["id"],
        "subject": event["subject"],
        "data": event["data"],
    }


def encoded(event: Any) -> str:
    """Return an event as Event Grid puts it into a queue."""
    return base64.b64encode(json.dumps(event).encode()).decode()


@dataclass(frozen=True)
class SqsTestQueue:
    """A queue of moto.

    Attributes:
        s3: its server.
        url: its URL, as a rule names it.
    """

    s3: MotoS3
    url: str

    @classmethod
    def make(cls, s3: MotoS3, bucket: str = "", prefix: str = "") -> SqsTestQueue:
        """Make a queue that a bucket tells of new objects below a prefix."""
        client = _amazon(s3, "sqs")
        made = cls(s3, client.create_queue(QueueName=f"q{uuid4().hex}")["QueueUrl"])
        wanted = client.get_queue_attributes(QueueUrl=made.url, AttributeNames=["QueueArn"])
        told = {"QueueArn": wanted["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
        if prefix:
            told["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
        if bucket:
            _amazon(s3, "s3").put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]}
            )
        return made

    def put(self, *texts: str) -> None:
        """Put messages into it."""
        client = _amazon(self.s3, "sqs")
        for text in texts:
            client.send_message(QueueUrl=self.url, MessageBody=text)

    def left(self) -> int:
        """Return how many messages are in it, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = _amazon(self.s3, "sqs").get_queue_attributes(
            QueueUrl=self.url, AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)


def upload_in_parts(
    s3: MotoS3, bucket: str, key: str, parts: Sequence[bytes] = (bytes(5 << 20), b"end")
) -> None:
    """Upload an object in parts, of which all but the last have 5 MiB or more."""
    begin_in_parts(s3, bucket, key, parts)()


def begin_in_parts(
    s3: MotoS3, bucket: str, key: str, parts: Sequence[bytes]
) -> Callable[[], object]:
    """Upload the parts of an object; returns what makes an object of them."""
    client = _amazon(s3, "s3")
    begun = {"Bucket": bucket, "Key": key}
    begun["UploadId"] = client.create_multipart_upload(**begun)["UploadId"]
    made = []
    for number, body in enumerate(parts, 1):
        tag = client.upload_part(**begun, PartNumber=number, Body=body)["ETag"]
        made.append({"PartNumber": number, "ETag": tag})
    return partial(client.complete_multipart_upload, **begun, MultipartUpload={"Parts": made})


def put_object(s3: MotoS3, bucket: str, key: str, body: bytes = b"") -> None:
    """Write an object of any name, also one that a store would not write."""
    _amazon(s3, "s3").put_object(Bucket=bucket, Key=key, Body=body)


def _amazon(s3: MotoS3, service: str) -> Any:
    session = Session(s3.key_id, s3.secret, region_name="us-east-1")
    return session.client(service, endpoint_url=s3.endpoint)
