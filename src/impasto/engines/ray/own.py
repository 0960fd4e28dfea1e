"""The processes of a Ray that is started on this machine: none outlives its driver."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
from ray._private import services

GRACE = 5.0
"""Seconds in which Ray's processes may end by themselves."""
# Ray's agents do not notice the end of their parent wherever another process than the first adopts
# orphans. A number alone may be that of another process by then.
WATCHER = """
while read -r pid since; do all="$all $pid:$since"; done
for each in $all; do
  now=$(sed 's/.*) //' "/proc/${each%:*}/stat" 2>/dev/null | cut -d' ' -f20)
  [ "$now" = "${each#*:}" ] && kill -9 "${each%:*}"
done
"""


class OwnRay:
    """Knows the processes that Ray has started for this driver, and ends them with it."""

    def __init__(self) -> None:
        self._roots: list[int] = []
        self._seen: dict[int, str] = {}
        self._watcher: subprocess.Popen[bytes] | None = None

    @contextmanager
    def starting(self, patience: float) -> Iterator[None]:
        """Note what Ray starts in a block.

        Args:
            patience: seconds for which Ray's node is waited for, in addition to its own 30.
        """
        names = vars(services)
        start, find = names["start_ray_process"], names["get_node"]
        until = time.monotonic() + patience

        def started(*what: Any, **how: Any) -> Any:
            made = start(*what, **how)
            self._roots.append(made.process.pid)
            self.look()
            return made

        def found(*which: Any) -> Any:
            while True:
                self.look()
                try:
                    return find(*which)
                except RuntimeError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(GRACE / 10)

        names.update(start_ray_process=started, get_node=found)
        try:
            yield
        finally:
            names.update(start_ray_process=start, get_node=find)
            self.look()

    def look(self) -> None:
        """Take note of the processes that there are now, which others have started in turn."""
        present = _processes()
        family = {pid for pid in self._roots if pid in present}
        grown = True
        while grown:
            more = {pid for pid, (parent, _) in present.items() if parent in family} - family
            family |= more
            grown = bool(more)
        new = [pid for pid in family if self._seen.get(pid) != present[pid][1]]
        self._seen |= {pid: present[pid][1] for pid in new}
        if new:
            self._watch(new)

    def end(self) -> None:
        """Leave Ray, and end what it leaves behind; a cluster elsewhere stays as it is."""
        self.look()
        try:
            ray.shutdown()
        finally:
            self._end_all()

    def _end_all(self) -> None:
        self._wait()
        # Frozen, none of them starts another one that nobody has seen.
        frozen: list[int] = []
        while new := [pid for pid in self._left() if pid not in frozen]:
            _signal(new, signal.SIGSTOP)
            frozen += new
            self.look()
        _signal(frozen, signal.SIGKILL)
        self._wait()
        self._roots.clear()
        self._seen.clear()
        watcher, self._watcher = self._watcher, None
        if watcher:
            watcher.kill()
            watcher.communicate()

    def _wait(self) -> None:
        """Wait a while for all of them to end."""
        until = time.monotonic() + GRACE
        while self._left() and time.monotonic() < until:
            time.sleep(GRACE / 100)
            self.look()

    def _left(self) -> list[int]:
        """List those that have not ended."""
        present = _processes()
        return [pid for pid, since in self._seen.items() if present.get(pid, (0, ""))[1] == since]

    def _watch(self, pids: list[int]) -> None:
        """Have processes ended once this one is gone, even if it is killed."""
        if self._watcher is None:
            self._watcher = subprocess.Popen(
                ["sh", "-c", WATCHER],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        assert self._watcher.stdin
        lines = "".join(f"{pid} {self._seen[pid]}\n" for pid in pids)
        self._watcher.stdin.write(lines.encode())
        self._watcher.stdin.flush()


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _processes() -> dict[int, tuple[int, str]]:
    """Return the parent and the time of start of every process that has not ended."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name before them may hold anything.
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in "ZX":
                found[int(path.parent.name)] = int(fields[1]), fields[19]
    return found
