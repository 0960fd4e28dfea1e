"""The dtype of a column, from the kinds of values that were seen in it, block by block.

Kinds are ``bool``, ``int``, ``long`` (also an ``int``, beyond `EXACT`), ``float``, ``str``,
``object`` and ``missing``; ``special`` marks floats that are not finite, and changes no dtype;
``digits`` marks decimals whose digits no float keeps; ``word`` marks missing values that were
written as one of `impasto.schema.source.WORDS`.
"""

from __future__ import annotations

EXACT = 2**53
"""The integer up to which float64 holds all; an identifier beyond it would become another."""
INT64 = range(-(2**63), 2**63)


def dtype_of(kinds: set[str], mixed: str) -> str:
    """Return the pandas dtype that holds values of these kinds exactly.

    Args:
        kinds: the kinds seen in the whole column.
        mixed: the dtype that holds values of any kind as they were written.
    """
    known = kinds - {"missing", "special", "word"}
    nullable = "missing" in kinds
    if not known:
        return "str" if "word" in kinds else "float64"
    if known == {"bool"}:
        return "boolean" if nullable else "bool"
    if known <= {"int", "long"}:
        return "Int64" if nullable else "int64"
    if known <= {"int", "float"}:
        return "float64"
    return "str" if known == {"str"} else mixed


def many_digits(kinds: set[str]) -> bool:
    """Return whether a column of numbers is text for its decimals' digits alone."""
    return "digits" in kinds <= {"int", "long", "float", "digits", "missing", "special", "word"}
