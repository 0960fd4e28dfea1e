"""A shard of the files that a script writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from impasto.storage.local import mapped

if TYPE_CHECKING:
    from typing import Self

    from impasto.jobs.job import Job
    from impasto.outputs.base import Scored
    from impasto.schema.plan import Shard


class FilesShard:
    """The files that a script has written into its folder by the end of the shard.

    What its ``init()`` wrote there belongs to the first shard of the worker.
    """

    def __init__(self, job: Job, shard: Shard, files: Path) -> None:
        self.segment = job.new_segment(shard.index, "/")
        self._job = job
        self._files = files

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What this attempt wrote is stored by now, or useless; folders stay for the next one.
        with mapped(str(self._files)):
            for path in self._written():
                path.unlink()

    def write(self, scored: Scored) -> None:
        """Ignore records: what a script returns besides its files is only counted."""

    def finish(self) -> tuple[int, tuple[str, ...]]:
        """Store the files; returns their bytes and names."""
        sizes: dict[str, int] = {}
        for path in self._written():
            name = path.relative_to(self._files).as_posix()
            self._job.folder.put_file(self.segment + name, path)
            sizes[name] = path.stat().st_size
        return sum(sizes.values()), tuple(sizes)

    def _written(self) -> list[Path]:
        return sorted(each for each in self._files.rglob("*") if each.is_file())
