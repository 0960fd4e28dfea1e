"""Messages of server-sent events, without their ids, which differ from stream to stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from impasto.schema.base import Frozen


class Message(NamedTuple):
    """A message that replaces the one before.

    Attributes:
        version: tells it from that one; 0 if there is none yet.
        data: the message, ready to be sent but for its id.
    """

    version: int
    data: bytes


def message(event: str, data: Frozen) -> bytes:
    """Return a message that lacks its id and its end."""
    return b"event: " + event.encode() + b"\ndata: " + data.model_dump_json().encode() + b"\n"
