"""The first record of CSV: which character separates its fields, and the columns it names."""

from __future__ import annotations

import csv
import io
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DELIMITERS = (",", ";", "\t", "|")


def delimiter_of(data: bytes, usual: str) -> str:
    """Return the character that separates the fields of a table.

    Another than the usual one is found only where that does not divide the first two records
    alike, or not at all, and the other does.

    Args:
        data: the first lines of the table.
        usual: what its name promises.
    """
    text = data.decode(errors="replace")
    others = [other for other in DELIMITERS if other != usual]
    return next((each for each in (usual, *others) if _divides(text, each)), usual)


def _divides(text: str, delimiter: str) -> bool:
    """Return whether the first two records have the same number of fields, and more than one."""
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        widths = {len(record) for record in islice(filter(None, records), 2)}
    except csv.Error:
        return False
    return len(widths) == 1 and widths.pop() > 1


def named(fields: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names of columns as `pandas.read_csv` makes them distinct, and those repeated.

    Columns without a name are called after their place, and a name that is taken gets a number.

    Args:
        fields: the header's.
    """
    names = [name or f"Unnamed: {n}" for n, name in enumerate(fields)]
    repeated = [name for name, count in Counter(filter(None, fields)).items() if count > 1]
    held = Counter(names)
    counts: Counter[str] = Counter()
    # Names that were given come before those that were made up.
    for n in sorted(range(len(names)), key=lambda n: not fields[n]):
        first = name = names[n]
        count = counts[name]
        while count > 0:
            counts[first] = count + 1
            name = f"{first}.{count}"
            count = count + 1 if held[name] else counts[name]
        held[first] -= 1
        held[name] += 1
        names[n] = name
        counts[name] = count + 1
    return names, repeated
