"""What every route works with: nothing of it is state that a restart would lose."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from impasto.errors import ImpastoError
from impasto.jobs.job import Job
from impasto.jobs.keys import JOB
from impasto.schema.base import read
from impasto.schema.job import JobSpec
from impasto.schema.url import parse
from impasto.server.access.limits import Limits
from impasto.server.access.tokens import Tokens
from impasto.server.board.board import Board
from impasto.server.children import Children
from impasto.server.decoders import Decoders
from impasto.server.looks import Looks, looks
from impasto.server.planned import Planned, Plans
from impasto.server.problems import unknown
from impasto.server.turns import Turns
from impasto.storage.presigned import origin
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.server.access.caller import Caller
    from impasto.server.access.oidc import Issuer
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
        decoders: makes single pictures.
        plans: the plans of the jobs that were looked at last.
        looks: what is looked up for all callers together.
        limits: how much callers may do.
        issuer: whose bearer tokens are believed besides; None is nobody's.
        receiving: uploads that go through the service.
        call: tells the watcher of this process, if there is one, that a job was left to watchers.
    """

    settings: Settings
    serve: ServeSettings
    config: str | None
    stores: Stores
    home: Store
    tokens: Tokens
    board: Board
    children: Children
    decoders: Decoders
    plans: Plans
    looks: Looks
    limits: Limits
    issuer: Issuer | None = None
    call: Callable[[], None] = lambda: None
    receiving: Turns = field(default_factory=lambda: Turns("uploads", 4, 16, 3))

    @cached_property
    def upload_origins(self) -> tuple[str, ...]:
        """The origins of the stores that browsers may send files to directly."""
        places = [self.serve.write, *(each.write for each in self.serve.tenants.values())]
        found = {""}
        for place in {each[0] for each in places if each}:
            # Where a secret is missing, whoever uploads is told.
            with suppress(ImpastoError):
                found.add(origin(self.stores, parse(place)))
        return tuple(sorted(found - {""}))

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

    def planned(self, caller: Caller, job_id: str) -> Planned:
        """Return a job that a caller may see, with its plan; raises Refused as `job` does."""
        return self.plans.open(*self.job(caller, job_id))


def open_context(settings: Settings, serve: ServeSettings, config: str | None = None) -> Context:
    """Open the stores that the service needs; raises BadInput or Unavailable."""
    stores = Stores.of(settings)
    home = stores.open_home(settings.home)
    board = Board(home)
    issuer = None
    if serve.oidc:
        # Its library takes long to import.
        from impasto.server.access.oidc import Issuer

        issuer = Issuer(serve.oidc)
    return Context(
        settings,
        serve,
        config,
        stores,
        home,
        Tokens(home),
        board,
        Children(settings),
        Decoders(settings),
        Plans(),
        looks(settings, config, stores, home, board),
        Limits(serve),
        issuer,
    )


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(_context)]
"""A route's parameter that is the context."""
