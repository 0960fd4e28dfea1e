"""A shard of the files that a script writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from impasto.files import mapped, remove

if TYPE_CHECKING:
    from typing import Self

    from impasto.job import Job
    from impasto.scoring import Scored
    from impasto.spec import Attempt


class FilesShard:
    """Whatever a script has written into its folder by the end of the shard."""

    def __init__(self, job: Job, attempt: Attempt, files: Path) -> None:
        self.segment = job.new_segment(attempt.shard.index, "/")
        self._job = job
        self._files = files
        self._base = attempt.base

    def __enter__(self) -> Self:
        # What an attempt that failed has left is not this one's.
        self._clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def write(self, scored: Scored) -> None:
        """Leave records alone: what a script returns besides its files is there to be counted."""

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Store the files; returns their bytes and names."""
        sizes: dict[str, int] = {}
        if self._base:
            for name in self._base.names:
                data = self._job.read(self._base.segment + name)
                self._job.store_bytes(self.segment + name, data)
                sizes[name] = len(data)
        for path in sorted(each for each in self._files.rglob("*") if each.is_file()):
            name = path.relative_to(self._files).as_posix()
            self._job.store_file(self.segment + name, path)
            sizes[name] = path.stat().st_size
        return sum(sizes.values()), tuple(sizes)

    def _clear(self) -> None:
        with mapped(str(self._files)):
            for path in self._files.iterdir():
                remove(path)
