"""Uploads: where a caller's file goes, and the names of uploads that go through the service.

    <first place to write>/uploads/<random>/<name>

The service keeps nothing about an upload. Its id says all and is signed with a key in the control
store, so that any instance can take the file, and only from the caller that asked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import BadInput, Missing
from impasto.planning.template import place_below
from impasto.schema.url import check_key, parse
from impasto.server.problems import Refused, unknown

if TYPE_CHECKING:
    from impasto.schema.url import Url
    from impasto.server.access.caller import Caller
    from impasto.server.context import Context
    from impasto.storage.store import Store

KEY = "access/key.json"
FOLDER = "uploads"
_ID = re.compile(r"([0-9a-f]{32})-([0-9a-f]{1,16})-([0-9a-f]{1,16})-([0-9a-f]{64})")
LONGEST = 200
"""Bytes of the longest name."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one file.

    Attributes:
        base: the caller's first place to write.
        folder: the file's own folder, a random name.
        name: the file's name.
        size: its bytes.
        expires: when it is too late, in seconds since 1970.
    """

    base: Url
    folder: str
    name: str
    size: int
    expires: int

    @property
    def key(self) -> str:
        """The file, below the base."""
        return f"{FOLDER}/{self.folder}/{self.name}"

    @property
    def source(self) -> str:
        """The file's URL; raises BadInput if its name cannot be part of one."""
        return place_below(self.base, self.key)


def clean_name(name: str) -> str:
    """Return a file's name without characters that hide what it is.

    Raises:
        BadInput: it is no name of a file, or leads elsewhere.
    """
    kept = "".join(each for each in name if unicodedata.category(each) not in {"Cf", "Zl", "Zp"})
    kept = kept.strip()
    check_key(kept, ascii(name[:60]))
    if not kept or "/" in kept or kept[0] == "." or len(kept.encode()) > LONGEST:
        raise BadInput(f"{name[:60]!a}: is no name that an upload can have", "rename the file")
    return kept


def new_slot(context: Context, caller: Caller, name: str, size: int) -> Slot:
    """Return a new place for a caller's file.

    Raises:
        BadInput: the name cannot be used, or the caller may write nowhere.
        Refused: the file is too large.
    """
    if size > context.serve.max_upload:
        most = context.serve.max_upload.human_readable()
        raise Refused(413, f"uploads may have {most}", "copy it with `impasto cp`")
    expires = int(time.time() + context.serve.upload_ends)
    return Slot(_base(caller), secrets.token_hex(16), clean_name(name), size, expires)


def id_of(context: Context, caller: Caller, slot: Slot) -> str:
    """Return the id under which the service takes a file."""
    parts = (slot.folder, f"{slot.size:x}", f"{slot.expires:x}")
    return "-".join((*parts, _mac(context.home, caller, slot)))


def slot_of(context: Context, caller: Caller, upload: str, name: str) -> Slot:
    """Return the place that an upload's id stands for.

    Raises:
        Refused: there is no such upload of this caller, or it is too late for it.
    """
    match = _ID.fullmatch(upload)
    if match is None:
        raise unknown("upload")
    folder, size, expires, mac = match.groups()
    slot = Slot(_base(caller), folder, name, int(size, 16), int(expires, 16))
    if not hmac.compare_digest(mac.encode(), _mac(context.home, caller, slot).encode()):
        raise unknown("upload")
    if slot.expires < time.time():
        raise Refused(410, "this upload has expired", "ask for another")
    return slot


def _base(caller: Caller) -> Url:
    if not caller.write:
        raise BadInput("there is no place where you may write", "ask the administrator")
    return parse(caller.write[0])


def _mac(home: Store, caller: Caller, slot: Slot) -> str:
    facts = (caller.id, caller.tenant, str(slot.base), slot.folder, slot.name)
    text = "\0".join((*facts, str(slot.size), str(slot.expires))).encode(errors="replace")
    return hmac.new(_secret(home), text, hashlib.sha256).hexdigest()


def _secret(home: Store) -> bytes:
    """Return the key that signs ids, the same for all instances of the service."""
    try:
        return home.read(KEY)
    except Missing:
        home.create(KEY, secrets.token_hex(32).encode())
        return home.read(KEY)
