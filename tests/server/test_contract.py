"""The API against its own OpenAPI document: what it is asked at random, it answers as that says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from impasto.server.routes.document import described
from support import board as jobs
from support.serving import Serving
from support.streams import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.schema.access import Role

EXAMPLES = 15
"""Requests per route and kind of caller."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DRIVEN, DONE = 1, 2


class Site:
    """A service on a port, with two jobs."""

    def __init__(self, serving: Serving, url: str) -> None:
        self.url, self._serving = url.rstrip("/"), serving
        home = serving.context.home
        jobs.drive(jobs.record(home, DRIVEN))
        done = jobs.record(home, DONE)
        done.record(jobs.PLAN)
        jobs.shard_done(done, 0)
        jobs.finish(done)
        self.tokens = {role: serving.context.tokens.create(role)[1] for role in ("admin", "viewer")}

    def document(self) -> dict[str, Any]:
        """Return the document, whose jobs are mostly ones that there are."""
        found: dict[str, Any] = described(self._serving.app)
        ids = {"type": "string", "enum": [jobs.job_id(DRIVEN), jobs.job_id(DONE), "0" * 12]}
        for path in found["paths"].values():
            for route in path.values():
                for each in route.get("parameters", ()):
                    if each["in"] == "path" and each["name"] in {"job", "job_id"}:
                        each["schema"] = ids
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    serving = Serving(tmp_path_factory.mktemp("site"), requests=1e6, watch=False)
    with served(serving.context) as service:
        yield Site(serving, service.url)


FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_answers_are_as_the_document_says(role: Role, site: Site) -> None:
    schema = schemathesis.openapi.from_dict(site.document())
    headers = {"Authorization": f"Bearer {site.tokens[role]}"}
    wrong: list[str] = []
    asked = 0
    answers: Counter[int] = Counter()
    # Streams never end.
    for found in schema.exclude(path_regex="/(events|stream)$").get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]

        @FEW
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(base_url=site.url, headers=headers, timeout=60)
            answers[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        asked += 1
        try:
            ask()
        except (AssertionError, BaseExceptionGroup) as error:
            wrong.append(f"{operation.label}: {error!r:.2000}")
    assert asked > 30
    assert answers[200] > 30
    assert answers[404] > 10
    assert not wrong, "\n\n".join(wrong)
