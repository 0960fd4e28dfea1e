"""Bounds of what a stored value may hold: names stay inside their folder, and numbers are sane.

Records are read back from where others may write, so nothing in them is believed unchecked.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from impasto.errors import BadInput
from impasto.schema.moments import duration
from impasto.schema.url import check_key
from impasto.secrecy import end_of, start_of

MOST = 1 << 53
"""Larger numbers are not the same in every reader of JSON."""
LATEST = 1 << 61
"""Timestamps are below it in both directions, so that 64 bits hold their differences."""
NEVER = 2 * LATEST
"""The end of a range of time that reaches to the end of the source."""
LARGEST = 1e300
"""Larger floats become infinite too easily."""
INT32 = (1 << 31) - 1
FINEST = 1 << 62
"""Largest denominator of a clock's unit; frame rates may be floats, which have large ones."""
LONGEST_PATH = 1 << 15
"""Maximum length of a path or URL, in characters."""

LONGEST_LINE = 4000
"""Maximum length of what people are told in one line, in characters."""
LONGEST_TRACE = 4000
"""Maximum length of a traceback, in characters."""


def _relative(name: str) -> str:
    try:
        check_key(name, name)
    except BadInput as error:
        raise ValueError(error.fact) from None
    if not name or name.endswith("/"):
        raise ValueError("does not name a file")
    return name


def _short(ratio: Fraction, most: int) -> Fraction:
    if max(ratio.numerator, ratio.denominator) > most:
        raise ValueError("has too many digits")
    return ratio


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("has a character that paths cannot hold")
    return text


Count: TypeAlias = Annotated[int, Field(ge=0, le=MOST)]
"""A number of things, or the index of one."""
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=1e10)]
Duration: TypeAlias = Annotated[float, BeforeValidator(duration), Field(ge=0, le=1e9)]
"""Seconds, as a number or as people write them: ``2s``, ``1min``, ``12h``, ``30d``."""
Moment: TypeAlias = Annotated[int, Field(gt=-LATEST, lt=LATEST)]
"""A timestamp, in some stream's time base."""
Delay: TypeAlias = Annotated[int, Field(ge=-NEVER, le=NEVER)]
"""The difference of two timestamps."""
Side: TypeAlias = Annotated[int, Field(ge=0, le=1 << 27)]
"""A width or a height, in pixels."""
Ratio: TypeAlias = Annotated[
    Fraction, Field(gt=0, le=INT32), AfterValidator(partial(_short, most=FINEST))
]
Aspect: TypeAlias = Annotated[Fraction, Field(gt=0), AfterValidator(partial(_short, most=INT32))]
"""A ratio that FFmpeg can hold."""
Name: TypeAlias = Annotated[str, AfterValidator(_relative)]
"""A file's name below some folder: it never leads out of it."""
PathText: TypeAlias = Annotated[
    str, StringConstraints(max_length=LONGEST_PATH), AfterValidator(_path)
]
"""A path or URL."""
Word: TypeAlias = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A short name of something, in one line."""
Told: TypeAlias = Annotated[str, AfterValidator(lambda text: start_of(text, LONGEST_LINE))]
"""What people are told, without secrets; what is too long loses its end."""
Trace: TypeAlias = Annotated[str, AfterValidator(lambda text: end_of(text, LONGEST_TRACE))]
"""A traceback or what a process printed, without secrets; what is too long loses its beginning."""
JobId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{1,40}$")]


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number that a clock or a sum can take."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -LARGEST <= value <= LARGEST
    )
