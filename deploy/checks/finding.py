"""What a check finds."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """Something wrong in a file.

    Attributes:
        file: The file, relative to the folder that was checked.
        line: The line, from 1; 0 where the fault has no line of its own.
        text: What is wrong and what is right, in one sentence.
    """

    file: str
    line: int
    text: str
