"""Every route, with every kind of caller: who is let in, and what each may know of others.

A route that is not in the table below fails `test_every_route_says_who_may_use_it`: add its row,
and all other tests cover it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import iter_route_contexts

from impasto.schema.access import ROLES
from impasto.schema.job import JobSpec
from impasto.server.access import limits, oidc
from impasto.server.access import tokens as token_module
from support.issuer import Issuer, Key, unsafe_tokens
from support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx2
    from fastapi.testclient import TestClient

    from impasto.schema.access import Role

OWN, FOREIGN, ABSENT = "a" * 12, "b" * 12, "c" * 12
"""Ids of jobs: of tenant acme, of tenant other, and of nobody."""
PUBLIC = None


@dataclass(frozen=True)
class Row:
    """What a route is for.

    Attributes:
        role: the least role that may use it; None is everybody, without a token.
        whole: whether only callers who see all tenants may use it.
        body: of the request, as far as it must be right for the caller to be asked first.
        endless: whether its answer never ends, so that only refusals are tested.
    """

    role: Role | None
    whole: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    endless: bool = False


VIEWER = Row("viewer")
TABLE: dict[str, Row] = {
    "GET /v1/health": Row(PUBLIC),
    "GET /v1/ready": Row(PUBLIC),
    "POST /v1/session": Row(PUBLIC, body={"token": "x"}),
    "GET /v1/session": VIEWER,
    "DELETE /v1/session": VIEWER,
    "GET /v1/openapi.json": VIEWER,
    "GET /v1/tokens": Row("admin"),
    "POST /v1/tokens": Row("admin", body={"role": "viewer"}),
    "DELETE /v1/tokens/{token_id}": Row("admin"),
    "GET /v1/metrics": Row("viewer", whole=True),
    "GET /v1/cluster": Row("viewer", whole=True),
    "GET /v1/jobs": VIEWER,
    "GET /v1/jobs/{job_id}": VIEWER,
    "GET /v1/jobs/{job_id}/shards": VIEWER,
    "GET /v1/jobs/{job_id}/logs": VIEWER,
    "GET /v1/jobs/{job_id}/logs/stream": Row("viewer", endless=True),
    "GET /v1/jobs/{job_id}/timings": VIEWER,
    "GET /v1/events": Row("viewer", endless=True),
    "POST /v1/jobs": Row("submitter", body={"source": "/none/x.mp4"}),
    "POST /v1/plan": Row("submitter", body={"source": "/none/x.mp4"}),
    "POST /v1/moments": Row("submitter", body={"source": "/none/x.mp4"}),
    "POST /v1/preview": Row("submitter", body={"source": "/none/x.mp4"}),
    "POST /v1/uploads": Row("submitter", body={"name": "x.mp4", "bytes": 1}),
    "PUT /v1/uploads/{upload_id}/{name}": Row("submitter"),
    "GET /v1/scorers": VIEWER,
    "POST /v1/jobs/{job_id}/cancel": Row("submitter"),
    "POST /v1/jobs/{job_id}/resume": Row("submitter"),
    "POST /v1/jobs/{job_id}/retry": Row("submitter"),
    "GET /v1/jobs/{job_id}/previews": VIEWER,
    "GET /v1/jobs/{job_id}/previews/{item}/{which}.jpg": VIEWER,
    "GET /v1/jobs/{job_id}/items/{item}/{which}.jpg": VIEWER,
    "GET /v1/jobs/{job_id}/failed": VIEWER,
    "GET /v1/jobs/{job_id}/records": VIEWER,
    "GET /v1/jobs/{job_id}/result": VIEWER,
    "GET /v1/jobs/{job_id}/source": VIEWER,
    "GET /v1/jobs/{job_id}/files": VIEWER,
    "GET /v1/jobs/{job_id}/files/{name}": VIEWER,
    "GET /v1/rules": VIEWER,
    "GET /v1/rules/{rule}/tickets": VIEWER,
    "POST /v1/rules/{rule}/tickets/{ticket}/{action}": Row("operator"),
    "GET /": Row(PUBLIC),
    "GET /static/{release}/{name}": Row(PUBLIC),
}
"""Every route by its method and path."""
NAMES = {"job": "job_id", "upload": "upload_id", "token": "token_id"}
"""Names that parameters of paths have in some routes, and those in the table."""
VALUES = {
    "job_id": ABSENT,
    "token_id": "0" * 12,
    "item": "0",
    "name": "x.mp4",
    "upload_id": "u" * 20,
    "rule": "none",
    "ticket": "0" * 20,
    "which": "source",
    "action": "retry",
    "release": "0",
}
"""Values of the parameters of paths, none of which names anything."""


@cache
def routes_of(app: Any) -> tuple[tuple[str, str], ...]:
    """Return the method and path of every route of an app, whether or not it is documented."""
    found: list[tuple[str, str]] = []
    for context in iter_route_contexts(app.routes):
        path: str = context.path or ""
        methods = getattr(context, "methods", None)
        if methods is None:
            # A mounted app, such as the folder of the page's files.
            found.append(("GET", f"{path}/{{path}}"))
            continue
        found += [(method, path) for method in sorted(methods - {"HEAD"})]
    return tuple(found)


def plain(path: str) -> str:
    """Return a path without the types of its parameters, and with one name for each thing."""
    path = path.replace(":path}", "}")
    for name, meant in NAMES.items():
        path = path.replace(f"{{{name}}}", f"{{{meant}}}")
    return path


class Site:
    """A service with two tenants, a job of each, and an issuer."""

    def __init__(self, folder: Path, issuer: Issuer) -> None:
        self.issuer = issuer
        self.serving = Serving(
            folder, requests=1e6, oidc=issuer.settings(tenant_claim="team"), watch=False
        )
        for job, tenant in ((OWN, "acme"), (FOREIGN, "other")):
            spec = JobSpec(
                source=str(self.serving.media / tenant / "x.mp4"),
                output=str(self.serving.made / tenant / "x.mp4"),
                scorer="identity",
                tenant=tenant,
            )
            data = spec.model_dump_json().encode()
            self.serving.context.home.create(f"jobs/{job}/spec.json", data)
        self.browser: TestClient = self.serving.browser()

    def token(self, role: Role, tenant: str = "", expires: float | None = None) -> str:
        """Return a new token."""
        return self.serving.context.tokens.create(role, tenant=tenant, expires=expires)[1]

    def ask(self, route: tuple[str, str], text: str | None, **values: str) -> httpx2.Response:
        """Make a request with a token; what it names does not exist unless ``values`` say so."""
        method, path = route
        body = TABLE[f"{method} {plain(path)}"].body if method in ("POST", "PUT") else None
        filled = plain(path).format_map({**VALUES, **values})
        headers = {} if text is None else {"Authorization": f"Bearer {text}"}
        return self.browser.request(method, filled, headers=headers, json=body)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch, Issuer() as issuer:
        # The limits have tests of their own.
        patch.setattr(limits, "FAILURES_AT_ONCE", 1e6)
        patch.setattr(token_module, "FRESH", 0.0)
        patch.setattr(oidc, "COOLDOWN", 0.0)
        yield Site(tmp_path_factory.mktemp("matrix"), issuer)


@pytest.fixture
def routes(site: Site) -> list[tuple[tuple[str, str], Row]]:
    """Every route that needs a token, and its row."""
    found = [(route, TABLE[f"{route[0]} {plain(route[1])}"]) for route in all_of(site)]
    return [(route, row) for route, row in found if row.role is not PUBLIC]


def all_of(site: Site) -> tuple[tuple[str, str], ...]:
    return routes_of(site.serving.app)


def test_every_route_says_who_may_use_it(site: Site) -> None:
    found = {f"{method} {plain(path)}" for method, path in all_of(site)}
    assert len(found) >= 8
    assert found == TABLE.keys()
    documented = {
        f"{method.upper()} {plain(path)}"
        for path, methods in site.serving.app.openapi()["paths"].items()
        for method in methods
    }
    assert documented - found == set()


def test_public_routes_need_no_token(site: Site) -> None:
    for route in all_of(site):
        if TABLE[f"{route[0]} {plain(route[1])}"].role is PUBLIC:
            status = site.ask(route, None).status_code
            # Logging in with a wrong token is refused for the token's sake.
            assert (status == 401) == (route == ("POST", "/v1/session")), route
            assert status not in (403, 500), route


@pytest.mark.parametrize("kind", ["no", "empty", "wrong", "malformed", "expired", "revoked"])
def test_without_a_valid_token_nothing_is_open(
    site: Site, routes: list[tuple[tuple[str, str], Row]], kind: str
) -> None:
    right = site.token("admin")
    if kind == "revoked":
        tokens = site.serving.context.tokens
        assert tokens.find(right)
        tokens.revoke(right.split("_")[1])
    text = {
        "no": None,
        "empty": "",
        "wrong": right[:-1] + ("a" if right[-1] != "a" else "b"),
        "malformed": right.upper(),
        "expired": site.token("admin", expires=time.time() - 1),
        "revoked": right,
    }[kind]
    for route, _ in routes:
        for job in (OWN, ABSENT):
            answer = site.ask(route, text, job_id=job)
            assert answer.status_code == 401, (route, answer.text)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert (answer.json()["title"], bool(answer.json()["remedy"])) == (
                "no valid token",
                True,
            )


@pytest.mark.parametrize("tenant", ["", "acme", "other"])
@pytest.mark.parametrize("role", ROLES)
def test_roles_open_what_is_theirs_and_nothing_more(
    site: Site, routes: list[tuple[tuple[str, str], Row]], role: Role, tenant: str
) -> None:
    own = site.token(role, tenant)
    theirs = site.issuer.token(roles=[role], team=tenant) if tenant else None
    for route, row in routes:
        assert row.role
        may = ROLES.index(role) >= ROLES.index(row.role) and not (row.whole and tenant)
        if may and row.endless:
            continue
        for text in filter(None, (own, theirs)):
            answer = site.ask(route, text)
            assert answer.status_code < 500, (route, answer.text)
            assert answer.status_code != 401, route
            assert (answer.status_code == 403) != may, (route, role, answer.text)


def test_tokens_of_an_issuer_that_nobody_may_believe_open_nothing(
    site: Site, routes: list[tuple[tuple[str, str], Row]]
) -> None:
    for name, text in unsafe_tokens(site.issuer).items():
        for route, _ in routes:
            assert site.ask(route, text).status_code == 401, (name, route)


def test_an_issuers_token_without_a_known_role_or_tenant_opens_nothing(
    site: Site, routes: list[tuple[tuple[str, str], Row]]
) -> None:
    wrong: list[dict[str, object]] = [
        {"roles": None, "team": "acme"},
        {"roles": [], "team": "acme"},
        {"roles": ["king"], "team": "acme"},
        {"roles": "admins", "team": "acme"},
        {"roles": ["admin"]},
        {"roles": ["admin"], "team": ""},
        {"roles": ["admin"], "team": "nobody"},
        {"roles": ["admin"], "team": ["acme"]},
    ]
    for claims in wrong:
        text = site.issuer.token(**claims)
        for route, _ in routes:
            assert site.ask(route, text).status_code == 403, (claims, route)


def test_a_key_that_the_issuer_has_replaced_opens_nothing(
    site: Site, routes: list[tuple[tuple[str, str], Row]]
) -> None:
    old_key = site.issuer.key
    old = site.issuer.token(roles=["admin"], team="acme", sub="before")
    site.issuer.key = Key("rotated")
    site.issuer.keys = [site.issuer.key]
    try:
        new = site.issuer.token(roles=["admin"], team="acme", sub="after")
        for route, row in routes:
            if not (row.whole or row.endless):
                assert site.ask(route, new).status_code not in (401, 403), route
            assert site.ask(route, old).status_code == 401, route
    finally:
        site.issuer.key, site.issuer.keys = old_key, [old_key]


@pytest.mark.parametrize("role", ROLES)
def test_another_tenants_job_is_answered_like_none(
    site: Site, routes: list[tuple[tuple[str, str], Row]], role: Role
) -> None:
    text = site.token(role, "acme")
    for route, row in routes:
        if "{job_id}" not in route[1]:
            continue
        foreign = site.ask(route, text, job_id=FOREIGN)
        absent = site.ask(route, text, job_id=ABSENT)
        assert foreign.status_code == absent.status_code in (403, 404), route
        assert foreign.content.replace(FOREIGN.encode(), b"?") == absent.content.replace(
            ABSENT.encode(), b"?"
        ), route
        assert {*foreign.headers} == {*absent.headers}
        if row.role == "viewer" and not row.endless:
            # Whereas their own are found, as are all by those who see all tenants.
            unknown = f"job {OWN}: not found"
            assert unknown not in site.ask(route, text, job_id=OWN).text, route
            assert unknown not in site.ask(route, site.token(role), job_id=OWN).text, route


def test_a_viewer_of_another_tenant_sees_nothing(
    site: Site, routes: list[tuple[tuple[str, str], Row]]
) -> None:
    text = site.token("viewer", "acme")
    for route, row in routes:
        if route[0] == "GET" and not row.endless:
            answer = site.ask(route, text)
            assert FOREIGN not in answer.text, route
            assert str(site.serving.made / "other") not in answer.text, route


def test_a_cookie_alone_changes_nothing(
    site: Site, routes: list[tuple[tuple[str, str], Row]]
) -> None:
    text = site.token("admin")
    for (method, path), row in routes:
        if method in ("GET", "HEAD"):
            continue
        browser = site.serving.browser()
        assert browser.post("/v1/session", json={"token": text}).status_code == 200
        answer = browser.request(method, plain(path).format_map(VALUES), json=row.body)
        assert answer.status_code == 403, path
        assert "X-Impasto-CSRF" in answer.json()["title"]
