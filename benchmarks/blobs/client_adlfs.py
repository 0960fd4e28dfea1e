"""adlfs, as a client: the methods of its file system, asynchronous ones where many are at once."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeVar

from adlfs import AzureBlobFileSystem  # type: ignore[import-untyped]
from fsspec.asyn import sync  # type: ignore[import-untyped]

from blobs.child import KEY, PARTS, Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from blobs.child import Place

    Item = TypeVar("Item")


class Adlfs(Client):
    """AzureBlobFileSystem; its parts of large blobs are of 4 MiB, which cannot be set."""

    def __init__(self, place: Place, many: int) -> None:
        host = f"DefaultEndpointsProtocol=https;BlobEndpoint={place.endpoint}"
        signed = f"AccountName={place.account};AccountKey={os.environ[KEY]}"
        self._files = AzureBlobFileSystem(connection_string=f"{host};{signed}")
        self._many, self._base = many, place.container

    def put(self, blobs: Iterable[tuple[str, bytes]]) -> int:
        """Write blobs."""

        async def put(blob: tuple[str, bytes]) -> int:
            await self._files._pipe_file(f"{self._base}/{blob[0]}", blob[1])
            return 1

        return self._sum(put, blobs)

    def get(self, names: Sequence[str]) -> int:
        """Read blobs."""

        async def get(name: str) -> int:
            return len(await self._files._cat_file(f"{self._base}/{name}"))

        return self._sum(get, names)

    def list(self) -> int:
        """List the container."""
        return len(self._files.find(self._base, detail=True))

    def put_file(self, name: str, file: Path) -> int:
        """Write a blob from a file."""
        self._files.put_file(str(file), f"{self._base}/{name}", max_concurrency=PARTS)
        return file.stat().st_size

    def get_file(self, name: str, folder: Path) -> int:
        """Read a blob to a file."""
        file = folder / "adlfs.bin"
        self._files.get_file(f"{self._base}/{name}", str(file), max_concurrency=PARTS)
        return file.stat().st_size

    def _sum(self, act: Callable[[Item], Awaitable[int]], items: Iterable[Item]) -> int:
        """Add up what many at once return."""

        async def work() -> int:
            room = asyncio.Semaphore(self._many)

            async def one(item: Item) -> int:
                async with room:
                    return await act(item)

            return sum(await asyncio.gather(*(one(item) for item in items)))

        done: int = sync(self._files.loop, work)
        return done
