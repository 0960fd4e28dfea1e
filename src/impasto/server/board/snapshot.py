"""What a board has shown at one moment, and who is told what its looks find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from impasto.server.board.kept import KeptJob
    from impasto.server.models.jobs import JobRow


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The board at one moment: its version, and every job's row, newest first and by id."""

    version: int
    rows: tuple[JobRow, ...]
    by_id: Mapping[str, JobRow]


@dataclass(frozen=True, slots=True)
class Change:
    """The tenants, by id, of the jobs that came, went or changed with a version of the board."""

    version: int
    jobs: Mapping[str, str]


class Observer(Protocol):
    """Is told what a board finds; called by many threads, and raises nothing."""

    def looked(self, job: KeptJob, row: JobRow) -> None:
        """Take in a job that was just looked at; its lock is held."""

    def gone(self, job_id: str) -> None:
        """Take in that a job is gone."""

    def round_ended(self, *, well: bool) -> None:
        """Take in that a round has ended; it looked at all that had changed if it went well."""
