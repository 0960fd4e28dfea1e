"""Moving a file within a folder in which others write: no link is followed, nothing is replaced."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from impasto.errors import BadInput, Exists
from impasto.storage import inside
from impasto.storage.local import mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_NO_LINKS = {errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP}
"""How file systems say that they have no hard links, or no more of them."""


def move(root: Path, key: str, targets: Sequence[str], same: Callable[[], bool]) -> str:
    """Move a file to the first of some names that is free.

    A call that was interrupted is completed by the next one.

    Args:
        root: the folder that keys count from; may itself be a link.
        key: the file.
        targets: where to, in the order of preference.
        same: returns whether the file is still the one that is meant.

    Returns:
        The target; "" if the file is gone, or is another one.

    Raises:
        Exists: every target is taken by another file.
        BadInput: a part of the way is a link, or access is refused.
        Unavailable: the root is missing, or its file system does not answer.
    """
    where = str(root / key)
    folder, _, name = key.rpartition("/")
    with inside.opened(root) as top, mapped(where), ExitStack() as stack:
        try:
            source = _Name(name, stack.enter_context(_entered(root, top, folder)))
        except FileNotFoundError:
            return ""
        meant = source.facts()
        if meant is None or not stat.S_ISREG(meant.st_mode) or not same():
            return ""
        for target in targets:
            above, _, new = target.rpartition("/")
            with _entered(root, top, above, make=True) as to:
                if _moved(source, _Name(new, to), meant):
                    return target
    raise Exists(f"{root / targets[-1]}: already exists", f"move {where} elsewhere yourself")


@contextmanager
def _entered(root: Path, top: int, folder: str, *, make: bool = False) -> Iterator[int]:
    """Open a folder below the root; raises BadInput where a part of it is no folder."""
    with ExitStack() as stack:
        try:
            number = stack.enter_context(inside.below(top, folder, make=make))
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                raise BadInput(
                    f"{root / folder}: part of it is a link or a file", "replace it with a folder"
                ) from None
            raise
        yield number


class _Name(NamedTuple):
    """A name in an open folder."""

    name: str
    folder: int

    def link(self, to: _Name) -> None:
        os.link(
            self.name, to.name, src_dir_fd=self.folder, dst_dir_fd=to.folder, follow_symlinks=False
        )

    def rename(self, to: _Name) -> None:
        os.rename(self.name, to.name, src_dir_fd=self.folder, dst_dir_fd=to.folder)

    def remove(self) -> None:
        os.unlink(self.name, dir_fd=self.folder)

    def facts(self) -> os.stat_result | None:
        with suppress(FileNotFoundError):
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        return None

    def is_file(self, meant: os.stat_result) -> bool:
        facts = self.facts()
        return facts is not None and os.path.samestat(facts, meant)


def _moved(source: _Name, target: _Name, meant: os.stat_result) -> bool:
    """Move a file by a second link to it; returns False if the target is another file's name."""
    try:
        source.link(target)
    except FileExistsError:
        if not target.is_file(meant):
            return False
        # An earlier call made the link, and went no further.
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.facts():
            return False
        source.rename(target)
        return True
    if not target.is_file(meant):
        # The file was replaced before the link was made.
        target.remove()
        return True
    _take(source, target.folder, meant)
    return True


def _take(source: _Name, folder: int, meant: os.stat_result) -> None:
    """Remove a file's first name, but no other file that has come to this name meanwhile."""
    aside = _Name(f".impasto-{uuid4().hex}", folder)
    with suppress(FileNotFoundError):
        source.rename(aside)
        if not aside.is_file(meant):
            with suppress(FileExistsError):
                aside.link(source)
        aside.remove()
