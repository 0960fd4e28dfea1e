"""What is wrong with the fields of a value, in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from impasto.errors import BadInput, meant

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Named: TypeAlias = Callable[[list[str], str], str]
"""Returns the name of a field for people, from the names that lead to it and its value as text."""

_FACTS = {
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "fraction_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "dict_type": "must be a table of names and values",
    "model_type": "must be a table of names and values",
    "byte_size": "must be a size such as 8GB",
    "byte_size_unit": "must be a size such as 8GB",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_too_long": "must have at most {max_length} characters",
}
_UNKNOWN = "extra_forbidden"
_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_BRANCH = re.compile(r"constrained-|literal\[")
"""What pydantic adds to the names that lead to a field, for each type that the field may have."""
_SHORT = re.compile(r"[\w.,:%/+-]{1,24}")
"""Values that messages repeat; longer ones could be secrets, or long."""


def reference(path: list[str], value: str) -> str:
    """Name a field as messages for every face do: `` `crf=99` ``."""
    shown = f"={value}" if value else ""
    return f"`{'.'.join(path)}{shown}`"


def refusal(
    model: type[BaseModel], error: ValidationError, remedy: str = "", named: Named = reference
) -> BadInput:
    """Return the error for the first field that is wrong.

    Args:
        model: what the fields should have made.
        error: what pydantic found.
        remedy: what to do, unless the field is unknown and resembles another.
        named: names the field.
    """
    # A field that is missing may be one that is misspelt.
    found = sorted(error.errors(include_url=False), key=lambda each: each["type"] != _UNKNOWN)
    first, *others = found
    path = [part for part in map(str, first["loc"]) if not _BRANCH.match(part)]
    if not path:
        return BadInput(f"{model.__name__}: {fact_of(first)}", remedy)
    inner = _inner(model, path[:-1])
    if first["type"] == _UNKNOWN:
        fact = f"{named(path, '')}: unknown {getattr(inner, 'NOUN', 'field')}"
        return BadInput(fact, meant(path[-1], inner.model_fields) or remedy)
    limits, field = _limits(inner, path[-1]), first["loc"][:1]
    facts = [fact_of(each, limits) for each in (first, *others) if each["loc"][:1] == field]
    bare = [fact.removeprefix("must be ") for fact in dict.fromkeys(facts)]
    fact = f"must be {' or '.join(bare)}" if len(bare) > 1 else facts[0]
    value = first["input"]
    told = getattr(inner, "REPEATED", True) and isinstance(value, int | float | str)
    shown = _number(value) if told else ""
    name = named(path, shown if _SHORT.fullmatch(shown) else "")
    choices = re.findall("'([^']*)'", str(first.get("ctx", {}).get("expected", "")))
    return BadInput(f"{name}: {fact}", meant(shown, choices) or remedy)


def fact_of(found: Mapping[str, Any], limits: Mapping[str, Any] | None = None) -> str:
    """Word what pydantic found out about a value, or about a field that has certain limits."""
    limits = limits or {}
    kind, ctx = found["type"], found.get("ctx", {})
    if kind == "literal_error":
        choices = re.findall("'([^']*)'", ctx["expected"])
        return f"must be {'one of ' if len(choices) > 1 else ''}{', '.join(choices)}"
    own = {key: ctx[key] for key in _LIMITS if key in ctx}
    if own:
        both = {key: {**own, **limits}[key] for key in _LIMITS if key in own or key in limits}
        if {"ge", "le"} <= both.keys():
            return f"must be from {_number(both['ge'])} to {_number(both['le'])}"
        return "must be " + " and ".join(f"{_LIMITS[key]} {_number(both[key])}" for key in both)
    if kind in _FACTS:
        return _FACTS[kind].format(**ctx)
    fact: str = found["msg"].removeprefix("Value error, ")
    return fact[0].lower() + fact[1:]


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _limits(model: type[BaseModel], name: str) -> dict[str, Any]:
    """Return the limits of a field."""
    info = model.model_fields.get(name)
    marks = info.metadata if info else ()
    return {key: getattr(mark, key) for key in _LIMITS for mark in marks if hasattr(mark, key)}


def _inner(model: type[BaseModel], path: list[str]) -> type[BaseModel]:
    """Return the model of the fields below some names, such as that of a store's profile."""
    from pydantic import BaseModel

    for name in path:
        info = model.model_fields.get(name)
        kinds = [info.annotation, *getattr(info.annotation, "__args__", ())] if info else []
        found = (it for it in kinds if isinstance(it, type) and issubclass(it, BaseModel))
        model = next(found, model)
    return model
