"""All that is wrong with rules, found in one go."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD = re.compile(r"`([a-z]\w*(?:=[^`]*)?)`")


class Problems:
    """What is wrong, one line for each problem.

    Attributes:
        lines: the problems so far.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.lines: list[str] = []

    @contextmanager
    def noted(self, thing: str) -> Iterator[None]:
        """Note an error about a thing, such as ``rule paint``, and go on.

        A store that does not answer makes no rule wrong.
        """
        try:
            yield
        except BadInput as error:
            self.add(thing, error)
        except Unavailable:
            pass

    def add(self, thing: str, error: BadInput) -> None:
        """Note an error; fields are named as the config file has them."""
        remedy = f"; {error.remedy}" if error.remedy else ""
        line = _FIELD.sub(r"\1", f"{thing}: {error.fact}{remedy}")
        if line not in self.lines:
            self.lines.append(line)


def in_file(path: list[str], value: str) -> str:
    """Name a field as a config file has it: ``crf=99``."""
    return ".".join(path) + (f"={value}" if value else "")
