"""Files that arrive piece by piece: whole in their place, or not there at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from impasto.errors import BadInput
from impasto.storage.inside import below, opened
from impasto.storage.local import make_folder, mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from impasto.schema.url import Url
    from impasto.storage.stores import Stores

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def receive(
    stores: Stores, base: Url, key: str, parts: Callable[[], Iterable[bytes]], size: int
) -> None:
    """Write an object as it arrives; nothing is there unless all of it has.

    Args:
        stores: opens the place.
        base: the folder or prefix that the key counts from.
        key: a new name in a folder of its own; on this machine, no link below the base is followed.
        parts: yields the content in order; what it raises is raised here.
        size: bytes of the content.

    Raises:
        BadInput: fewer or more bytes have come, or the name is taken.
        Unavailable: the store does not answer, or the disk is full.
    """

    def exact() -> Iterable[bytes]:
        return _counted(parts(), size, key)

    if not base.local:
        stores.open(base).put_parts(key, exact, size, create=True)
        return
    make_folder(base.path)
    folder, _, name = key.rpartition("/")
    with opened(base.path) as top, mapped(f"{base}/{key}"):
        try:
            with below(top, folder, make=True) as number:
                _write(number, name, exact())
        except BaseException:
            with suppress(OSError):
                os.rmdir(folder, dir_fd=top)
            raise


def _write(folder: int, name: str, parts: Iterable[bytes]) -> None:
    """Write a new file in an open folder; the temporary name is taken by one upload only."""
    temporary = ".impasto-upload"
    if name in os.listdir(folder):
        raise FileExistsError
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o666, dir_fd=folder), "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        raise
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _counted(parts: Iterable[bytes], size: int, key: str) -> Iterable[bytes]:
    """Yield parts; raises BadInput unless they have so many bytes together."""
    came = 0
    for part in parts:
        came += len(part)
        if came > size:
            break
        yield part
    if came != size:
        what = "more" if came > size else f"only {came:,}"
        raise BadInput(f"{key.rpartition('/')[2]}: {what} of {size:,} bytes came", "send it again")
