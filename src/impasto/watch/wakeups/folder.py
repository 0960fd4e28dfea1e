"""Wake-ups by the file system of this machine."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import Unavailable
from impasto.storage import inside
from impasto.watch.temporary import is_temporary
from impasto.watch.wakeups.base import Wakeup, Woken

if TYPE_CHECKING:
    from watchfiles.main import FileChange

    from impasto.watch.inbox import Inbox
    from impasto.watch.wakeups.base import Ring, Tell

STEP_MS, DEBOUNCE_MS = 10, 50
"""Changes are collected until none comes for the first, and for no longer than the second."""
LOOKS_MS = 500
"""How often the folder itself is looked at: if it is removed, nothing else would tell."""
AGAIN = 1.0
"""Seconds after which a new folder is looked at once more: the system begins to watch it shortly
after it says that it is there."""
MOST = 10_000
"""Keys of one hint; where more has changed, a listing is quicker."""
GIVEN_UP = 600.0
"""Seconds until the system is asked again to watch a folder that it could not watch."""

_REMOTE = re.compile(r"nfs\d?|cifs|smb\w*|afs|ceph|glusterfs|lustre|9p|virtiofs|fuse(\..*)?|drvfs")
_MOUNTS = Path("/proc/self/mountinfo")


class FolderWakeup(Wakeup):
    """Listens to a folder and all folders below it; links are not followed."""

    def __init__(self, inbox: Inbox, ring: Ring, tell: Tell) -> None:
        """Prepare.

        Args:
            inbox: a folder, which need not exist yet.
            ring: as for every wake-up.
            tell: as for every wake-up.
        """
        super().__init__(str(inbox.place), ring, tell)
        self._inbox = inbox
        self._warned = False
        self._new: dict[str, float] = {}

    def _listen(self) -> None:
        """Watch the folder that is there now, until it goes away or another takes its place."""
        from watchfiles import watch

        try:
            root = self._inbox.place.path.resolve(strict=True)
            watched = root.stat()
        except OSError:
            raise Unavailable(
                f"{self.name}: no such folder", "make it, or mount its file system"
            ) from None
        self._warn(watched)
        self._new.clear()
        began = False
        try:
            for changes in watch(
                root,
                watch_filter=None,
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                rust_timeout=LOOKS_MS,
                stop_event=self._stopping,
                yield_on_timeout=True,
                force_polling=False,
                ignore_permission_denied=True,
            ):
                if not _same(root, watched):
                    return
                if not began:
                    # Nobody listened before, and a listing may have passed by what came since.
                    began = True
                    self._works()
                    self._ring(Woken())
                self._pass_on(root, changes)
        except OSError as error:
            self._give_up(error)
        except RuntimeError as error:
            if "decode" not in str(error):
                raise
            # The library fails where such a name appears, and for as long as it is a folder's.
            raise Unavailable(
                f"{self.name}: holds a name that is not valid Unicode, so the system's "
                "announcements cannot be read",
                "rename it; meanwhile listing finds what is new at the rule's interval",
            ) from None

    def _pass_on(self, root: Path, changes: set[FileChange]) -> None:
        """Give hints of what has changed, of files in new folders too."""
        from watchfiles import Change

        kinds: dict[Change, set[str]] = {kind: set() for kind in Change}
        top = os.path.join(root, "")  # noqa: PTH118 (ends in a slash)
        for kind, path in changes:
            if path.startswith(top):
                kinds[kind].add(path.removeprefix(top))
        added, written = kinds[Change.added], kinds[Change.modified]
        self._inbox.renames.changed(added, kinds[Change.deleted], written)
        keys: dict[str, None] = {}
        for key in (*self._ready(), *added):
            keys.update(dict.fromkeys(self._files(root, key, new=key in added)))
        keys.update(dict.fromkeys(key for key in written if self._is_final(root, key)))
        if keys:
            self._ring(Woken(tuple(keys) if len(keys) <= MOST else None))

    def _files(self, root: Path, key: str, *, new: bool) -> Iterator[str]:
        """Yield the key of a file, or of the files in a new folder."""
        if not self._inbox.is_folder(key):
            if self._is_final(root, key):
                yield key
            return
        if new:
            self._new[key] = time.monotonic() + AGAIN
        for found, _ in islice(inside.walk(root, key, lambda _: None), MOST):
            if self._is_final(root, found):
                yield found

    def _is_final(self, root: Path, key: str) -> bool:
        """Return whether a name is no temporary one; if it is, its file is remembered."""
        if not is_temporary(key.rpartition("/")[2]):
            return True
        facts = inside.look(root, key)
        if facts:
            self._inbox.renames.see(key, facts)
        return False

    def _ready(self) -> list[str]:
        """Return the new folders to look at once more now."""
        now = time.monotonic()
        ready = [key for key, when in self._new.items() if when <= now]
        for key in ready:
            del self._new[key]
        return ready

    def _warn(self, watched: os.stat_result) -> None:
        """Tell once of a file system on which only this machine's changes are announced."""
        kind = file_system(watched.st_dev, _MOUNTS.read_text() if _MOUNTS.exists() else "")
        if not self._warned and _REMOTE.fullmatch(kind):
            self._warned = True
            self._tell(
                f"{self.name}: is on a network file system ({kind}), which does not announce what "
                "other machines write; listing finds it at the rule's interval"
            )

    def _give_up(self, error: OSError) -> None:
        """Tell once that the system cannot watch the folder, and leave it for some time."""
        if not self._failed:
            self._failed = True
            self._tell(
                f"{self.name}: the system cannot watch it ({error.strerror or error}); listing "
                "finds what is new at the rule's interval"
            )
        self._stopping.wait(GIVEN_UP)


def file_system(device: int, mounts: str) -> str:
    """Return the type of the file system of a device, from Linux's ``mountinfo``; "" if unknown."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if number in before.split(" ")[2:3]:
            return after.partition(" ")[0]
    return ""


def _same(root: Path, watched: os.stat_result) -> bool:
    try:
        return os.path.samestat(root.stat(), watched)
    except OSError:
        return False
