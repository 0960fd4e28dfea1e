"""What every route works with: nothing of it is state that a restart would lose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from impasto.jobs.job import Job
from impasto.jobs.keys import JOB
from impasto.schema.base import read
from impasto.schema.job import JobSpec
from impasto.server.access.tokens import Tokens
from impasto.server.board.board import Board
from impasto.server.children import Children
from impasto.server.problems import unknown
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from impasto.server.access.caller import Caller
    from impasto.server.config import ServeSettings
    from impasto.settings import Settings
    from impasto.storage.store import Store


@dataclass(frozen=True)
class Context:
    """What every route works with.

    Attributes:
        settings: where jobs live, and how they run.
        serve: how the service runs.
        config: the config file that was named, or None.
        stores: what may be opened.
        home: the control store.
        tokens: who may call.
        board: what is known of all jobs.
        children: runs what decodes media or scores.
    """

    settings: Settings
    serve: ServeSettings
    config: str | None
    stores: Stores
    home: Store
    tokens: Tokens
    board: Board
    children: Children

    def job(self, caller: Caller, job_id: str) -> tuple[Job, JobSpec]:
        """Return a job that a caller may see, and its spec.

        Raises:
            Refused: there is none of that id, or it belongs to another tenant, which is the same
                answer.
        """
        if not re.fullmatch(JOB, job_id):
            raise unknown(f"job {job_id[:40]}")
        job = Job(self.home, job_id)
        data = job.folder.find("spec.json")
        spec = read(JobSpec, data) if data is not None else None
        if data is None or not caller.sees(spec.tenant if spec else ""):
            raise unknown(f"job {job_id}")
        return job, spec or job.spec()


def open_context(settings: Settings, serve: ServeSettings, config: str | None = None) -> Context:
    """Open the stores that the service needs; raises BadInput or Unavailable."""
    stores = Stores.of(settings)
    home = stores.open_home(settings.home)
    board, children = Board(home), Children(settings)
    return Context(settings, serve, config, stores, home, Tokens(home), board, children)


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(_context)]
"""A route's parameter that is the context."""
