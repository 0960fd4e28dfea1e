"""Messages are for every face; the command line turns their references into what a user types."""

from __future__ import annotations

import pytest

from impasto.cli.render.wording import worded


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("a.mp4: exists already; add `overwrite`", "a.mp4: exists already; add --overwrite"),
        ("1 item failed; `max_failed=3` accepts it", "1 item failed; --max-failed 3 accepts it"),
        ("`impasto show` tells more", "'impasto show' tells more"),
        ("`hours=0`: is out of range", "--hours 0: is out of range"),
        ("`args=--top '3`: is open", """--args '--top '"'"'3': is open"""),
        (
            "`my_own`: is missing; the class has `factor`",
            "--my-own: is missing; the class has --factor",
        ),
    ],
)
def test_fields_and_commands_are_named_as_they_are_typed(message: str, shown: str) -> None:
    assert worded(message) == shown


@pytest.mark.parametrize(
    "words", ["no `gradient` here", "a` b", "`Mixed Case`", "C:\\`x`\\y", "", "plain"]
)
def test_what_is_no_reference_stays(words: str) -> None:
    assert worded(words) == words
