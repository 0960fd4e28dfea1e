"""The service in this process, over a home in a folder, and its callers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.testclient import TestClient

from impasto.server.app import create_app
from impasto.server.config import Scope, ServeSettings
from impasto.server.context import Context, open_context
from impasto.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.access import Role
    from impasto.schema.profile import StoreProfile


URL = "http://127.0.0.1:8710"


class Serving:
    """A service over a home in a folder, whose callers may use ``in`` and ``out`` beside it.

    Attributes:
        context: what the routes work with.
        media: the folder ``in``.
        made: the folder ``out``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config: str | None = None,
        stores: dict[str, StoreProfile] | None = None,
        **serve: object,
    ) -> None:
        self.media, self.made = folder / "in", folder / "out"
        for each in (self.media, self.made):
            each.mkdir(exist_ok=True)
        scope = {"read": (str(self.media),), "write": (str(self.made),)}
        tenants = {
            name: Scope(read=(str(self.media / name),), write=(str(self.made / name),))
            for name in ("acme", "other")
        }
        settings = Settings(home=str(folder / "home"), stores=stores or {})
        given = ServeSettings.model_validate({**scope, "tenants": tenants, **serve})
        self.context: Context = open_context(settings, given, config)
        self.app = create_app(self.context)

    def client(self, role: Role | None, tenant: str = "") -> TestClient:
        """Return a client with a new token; None is a caller without one."""
        headers = {}
        if role:
            _, text = self.context.tokens.create(role, tenant=tenant)
            headers["Authorization"] = f"Bearer {text}"
        return self.browser(headers)

    def browser(self, headers: dict[str, str] | None = None) -> TestClient:
        """Return a client that keeps cookies, as browsers do."""
        return TestClient(self.app, URL, headers=headers or {}, raise_server_exceptions=False)
