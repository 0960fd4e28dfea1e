"""The option ``--label``, of commands that make a job and of those that list jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LABEL = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        help="A label of the job, to find it by: 'impasto jobs --label KEY=VALUE'; may be given "
        "several times.",
        metavar="KEY=VALUE",
    ),
]
SHOWN = 60
"""Characters of a wrong label that are repeated."""


def parse_labels(given: Sequence[str] | None) -> dict[str, str]:
    """Return labels by key; raises BadInput for one that no job can have."""
    found: dict[str, str] = {}
    for each in given or ():
        key, equals, value = each.partition("=")
        named = f"--label {_shown(each)}"
        if not equals:
            raise BadInput(f"{named}: is not KEY=VALUE", "write such as --label show=42")
        if key in found:
            raise BadInput(f"--label {_shown(key)}: is given twice", "leave one out")
        _check({key: value}, named)
        found[key] = value
    _check(found, "--label")
    return found


def wanted_labels(given: Sequence[str] | None) -> list[tuple[str, str | None]]:
    """Return the keys that jobs must have, each with its value, or None for any."""
    pairs = (each.partition("=") for each in given or ())
    return [(key, value if equals else None) for key, equals, value in pairs]


def has_labels(labels: Mapping[str, str], wanted: Sequence[tuple[str, str | None]]) -> bool:
    """Return whether a job has all of the labels that are wanted."""
    return all(key in labels and value in {None, labels[key]} for key, value in wanted)


def _check(labels: dict[str, str], named: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from impasto.schema.job import Labels

    try:
        TypeAdapter(Labels).validate_python(labels)
    except ValidationError as error:
        where = error.errors(include_url=False)[0]["loc"]
        if not where:
            raise BadInput(f"{named}: a job has at most 32", "leave some out") from None
        if where[-1] == "[key]":
            fact = "its key is not 1 to 63 letters, digits and . _ / -"
        else:
            fact = "its value is not one line of at most 200 characters"
        raise BadInput(f"{named}: {fact}", "correct it") from None


def _shown(text: str) -> str:
    from impasto.schema.words import plain

    return plain(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")
