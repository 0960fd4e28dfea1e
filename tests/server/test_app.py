from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.server.routes.document import described
from support.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path


def test_health_needs_no_token(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    assert serving.client(None).get("/v1/health").json() == {"status": "ok"}
    assert serving.client(None).get("/v1/ready").status_code == 200


def test_every_route_says_in_a_line_what_it_does(tmp_path: Path) -> None:
    paths = described(Serving(tmp_path).app)["paths"]
    told = [each["summary"] for methods in paths.values() for each in methods.values()]
    assert len(told) == len({*told}) > 30
    assert all(len(each.split()) > 3 or each.startswith("List") for each in told), told


def test_what_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    answer = Serving(tmp_path).client(None).get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "status": 404,
        "title": "there is no such route",
        "remedy": "see /v1/openapi.json",
    }
