"""The base of frozen values, and how they are built from unchecked fields and stored bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from impasto.errors import BadInput, ImpastoError


class Frozen(BaseModel):
    """An immutable value; unknown fields are refused and inputs never appear in errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )


Model = TypeVar("Model", bound=Frozen)


def change(value: Model, fields: Mapping[str, object], remedy: str) -> Model:
    """Return a copy of a value with other, unchecked fields.

    Raises:
        BadInput: as `parse` does.
    """
    checked = parse(type(value), {**value.model_dump(), **fields}, remedy)
    return value.model_copy(update={name: getattr(checked, name) for name in fields})


def read(model: type[Model], data: bytes) -> Model | None:
    """Read a stored value, or return None when it is torn.

    Torn is what was cut short, is of another version, or breaks a rule of its fields.
    """
    try:
        return model.model_validate_json(data)
    except (ValidationError, ImpastoError):
        return None


def parse(model: type[Model], fields: Mapping[str, object], remedy: str) -> Model:
    """Build a value from unchecked fields.

    Raises:
        BadInput: a field is wrong; the message names the first such field, and the remedy.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or model.__name__
        fact = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{where}: {fact[0].lower()}{fact[1:]}", remedy) from None
