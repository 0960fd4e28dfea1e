"""Signatures that came with URLs: kept in memory beside what names the URLs, never written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from impasto.errors import BadInput
from impasto.schema.base import Frozen
from impasto.schema.refusal import refusal
from impasto.schema.url import split_signature
from impasto.secrecy import remember_query


class Signatures:
    """The signatures of URLs, each valid for its URL and everything below it.

    Its text and its pickle contain no signature, and all instances are equal, so that a value that
    carries them may be printed, sent and compared as if it did not.
    """

    __slots__ = ("_queries",)

    def __init__(self, queries: Mapping[str, str] | None = None) -> None:
        """Keep signatures, and hide them from all text.

        Args:
            queries: the query strings, by URL.
        """
        given = (queries or {}).items()
        self._queries = {url.rstrip("/"): remember_query(query) for url, query in given}

    def nearest(self, url: str) -> str:
        """Return the signature of a URL, or of the nearest one above it; "" if there is none."""
        above = url.rstrip("/")
        while above.count("/") >= 2:
            if above in self._queries:
                return self._queries[above]
            above = above.rpartition("/")[0]
        return ""

    def reveal(self) -> dict[str, str]:
        """Return the query strings by URL, to be sent to a process on this machine."""
        return dict(self._queries)

    def __or__(self, other: Signatures) -> Signatures:
        """Merge both; the other's wins where both have one for a URL."""
        return Signatures(self._queries | other._queries)

    def __repr__(self) -> str:
        return "Signatures()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Signatures)

    def __hash__(self) -> int:
        return hash(Signatures)

    def __reduce__(self) -> tuple[type[Signatures], tuple[()]]:
        return Signatures, ()

    def __deepcopy__(self, _: object) -> Signatures:
        return self


class Signed(Frozen):
    """A value that names URLs; its fields hold them without their signatures.

    The signatures are kept beside the fields, in this object and its copies in memory.

    Attributes:
        URLS: the fields that hold a URL or a path, or a dict of values of which some are either;
            any `os.PathLike` is read as its text.
    """

    URLS: ClassVar[tuple[str, ...]] = ()

    if not TYPE_CHECKING:  # Editors know the fields from pydantic.

        def __init__(self, *places: Any, **fields: Any) -> None:
            """Build a value; raises BadInput naming the first field that is wrong."""
            if places:
                kind, known = type(self), type(self).model_fields
                names = [name for name in known if known[name].is_required()] or [*known][:1]
                example = ", ".join(f"{name}=..." for name in names)
                raise BadInput(
                    f"{kind.__name__}: takes its fields by name",
                    f"write {kind.__name__}({example})",
                )
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise refusal(type(self), error) from None

        # Else pydantic would call it for every value that it reads.
        __init__.__pydantic_base_init__ = True

    _signatures: Signatures = PrivateAttr(default_factory=Signatures)

    @property
    def signatures(self) -> Signatures:
        """The signatures that came with its URLs."""
        return self._signatures

    def signed(self, signatures: Signatures) -> Self:
        """Return a copy with signatures that reached this process by another way."""
        copy = self.model_copy()
        copy._signatures = signatures
        return copy

    @classmethod
    def _around_url(cls, field: str, text: str) -> tuple[str, str, str]:
        """Split a field's text into the part before its URL, the URL, and the part after it."""
        return "", text, ""

    @model_validator(mode="wrap")
    @classmethod
    def _split(cls, fields: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(fields, Mapping):
            return build(fields)
        queries: dict[str, str] = {}

        def clean(field: str, value: Any) -> Any:
            if isinstance(value, os.PathLike):
                value = os.fsdecode(value)
            if not isinstance(value, str):
                return value
            before, text, after = cls._around_url(field, value)
            url, query = split_signature(text)
            if query:
                queries[url] = query
            return before + url + after

        unsigned = dict(fields)
        for field in filter(fields.__contains__, cls.URLS):
            value = fields[field]
            if isinstance(value, Mapping):
                unsigned[field] = {name: clean(field, part) for name, part in value.items()}
            else:
                unsigned[field] = clean(field, value)
        made = build(unsigned)
        made._signatures = Signatures(queries)
        return made
