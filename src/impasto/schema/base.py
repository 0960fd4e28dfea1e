"""The base of frozen values, and how they are built from unchecked fields and stored bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from impasto.errors import ImpastoError
from impasto.schema.refusal import Named, reference, refusal


class Frozen(BaseModel):
    """An immutable value; unknown fields are refused and inputs never appear in errors.

    Attributes:
        NOUN: what messages call one of its fields.
        REPEATED: whether messages may repeat a wrong value of a field.
    """

    NOUN: ClassVar[str] = "parameter"
    REPEATED: ClassVar[bool] = True

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


def parse(
    model: type[Model], fields: Mapping[str, object], remedy: str = "", named: Named = reference
) -> Model:
    """Build a value from unchecked fields.

    Args:
        model: its type.
        fields: its fields, by name.
        remedy: what to do if one is wrong.
        named: names such a field in the message.

    Raises:
        BadInput: a field is wrong; the message is about the first such field.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise refusal(model, error, remedy, named) from None
