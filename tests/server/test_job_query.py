from __future__ import annotations

import base64

import pytest

from impasto.errors import BadInput
from impasto.server.access.caller import Caller
from impasto.server.job_query import JobQuery

NESTED = base64.urlsafe_b64encode(b"[" * 40_000).decode()
HUGE = base64.urlsafe_b64encode(b"[" + b"9" * 180 + b', "x"]').decode()
FAR = base64.urlsafe_b64encode(b"[" + b"9" * 400 + b', "x"]').decode()


@pytest.mark.parametrize("cursor", ["%", "e30", "WzFd", NESTED, FAR, "W10" * 30_000])
def test_a_cursor_that_no_page_named_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        JobQuery().page(Caller("x", "x", "viewer"), [], 10, cursor)


def test_a_cursor_past_all_jobs_gives_an_empty_page() -> None:
    assert JobQuery().page(Caller("x", "x", "viewer"), [], 10, HUGE).jobs == []
