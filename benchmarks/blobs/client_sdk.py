"""The Azure SDK, as a client: azure-storage-blob in a pool of threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient
from requests.adapters import HTTPAdapter

from blobs.child import KEY, PART, PARTS, Client

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from blobs.child import Place


class Sdk(Client):
    """azure-storage-blob; its connections are kept for every thread, which is not its default."""

    def __init__(self, place: Place, many: int) -> None:
        session = requests.Session()
        session.mount("https://", HTTPAdapter(pool_maxsize=max(many, PARTS)))
        self._container = ContainerClient(
            place.endpoint,
            place.container,
            {"account_name": place.account, "account_key": os.environ[KEY]},
            transport=RequestsTransport(session=session, connection_verify=place.ca),
            max_block_size=PART,
            max_single_put_size=PART,
            max_chunk_get_size=PART,
            max_single_get_size=PART,
        )
        self._many = many

    def put(self, blobs: Iterable[tuple[str, bytes]]) -> int:
        """Write blobs."""

        def put(blob: tuple[str, bytes]) -> None:
            self._container.upload_blob(*blob, overwrite=True)

        with ThreadPoolExecutor(self._many) as pool:
            return sum(1 for _ in pool.map(put, blobs))

    def get(self, names: Sequence[str]) -> int:
        """Read blobs."""
        with ThreadPoolExecutor(self._many) as pool:
            return sum(
                pool.map(lambda name: len(self._container.download_blob(name).readall()), names)
            )

    def list(self) -> int:
        """List the container."""
        return len(list(self._container.list_blobs()))

    def put_file(self, name: str, file: Path) -> int:
        """Write a blob from a file."""
        with file.open("rb") as data:
            self._container.upload_blob(name, data, overwrite=True, max_concurrency=PARTS)
        return file.stat().st_size

    def get_file(self, name: str, folder: Path) -> int:
        """Read a blob to a file."""
        with (folder / "sdk.bin").open("wb") as out:
            return self._container.download_blob(name, max_concurrency=PARTS).readinto(out)
