"""The rights that the service grants, found by trying them on one object of the doctor's own.

Its key is fixed, so that at most one is left behind where deleting is not allowed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.doctor.check import Check
from impasto.doctor.patient import sas_fields
from impasto.errors import BadInput, Denied, ImpastoError, Missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.doctor.patient import Patient
    from impasto.storage.store import Store

KEY = ".impasto-doctor"
CONTENT = b"Written by 'impasto doctor' to check its access; safe to delete.\n"
SKEW = 60.0
"""Seconds that clocks may differ; signatures are refused from five minutes on."""
TRIES = 3
"""Attempts to see a second writer lose: another doctor may have cleaned up."""

LACKING = {
    "read": "no: it can take outputs only, like a drop box",
    "list": "no: a folder of images in it cannot be a source",
    "write": "no: it can only be a source",
    "replace": "no: `overwrite` fails",
    "delete": f"no: one object, {KEY}, stays behind, and replacing a folder of images fails",
}
GRANT = {
    "az": "give the identity the role Storage Blob Data Contributor, or use auth = 'key'",
    "s3": "allow s3:GetObject, PutObject, DeleteObject and ListBucket",
    "gs": "give the identity the role Storage Object User",
    "file": "correct the folder's permissions, or choose another",
}


@dataclass(slots=True)
class Tried:
    """The answers to requests: None is yes, an error is why not.

    Attributes:
        read: reading the object.
        list: listing.
        write: writing it where there is none.
        replace: writing it again.
        delete: deleting it.
        lost: whether a second writer lost, as it must; None where that could not be tried.
        skew: seconds by which the service's clock is ahead; None where that is unknown.
    """

    read: ImpastoError | None = None
    list: ImpastoError | None = None
    write: ImpastoError | None = None
    replace: ImpastoError | None = None
    delete: ImpastoError | None = None
    lost: bool | None = None
    skew: float | None = None


def check_rights(patient: Patient, store: Store) -> list[Check]:
    """Try every right and say which are lacking."""
    tried = try_rights(store)
    allows = sas_fields(store.signed).get("sp", "")
    if tried.read and isinstance(tried.write, Denied) and "c" in allows and "w" not in allows:
        # Where it exists already, creating it is refused as replacing it would be.
        return [
            patient.ok(
                "write", f"the SAS allows creating; {KEY} of an earlier check is in the way"
            ),
            *(_right(patient, name, tried) for name in ("read", "list")),
        ]
    if tried.read and tried.write:
        fact = tried.write.fact
        remedy = "check the container, the account, its firewall and your rights"
        return [patient.fail("rights", f"neither reading nor writing is allowed: {fact}", remedy)]
    found = [_right(patient, name, tried) for name in ("read", "list", "write")]
    if not tried.write:
        found += [_right(patient, "replace", tried), _conditional(patient, tried)]
        found.append(_right(patient, "delete", tried))
    if not patient.place.local:
        found.append(_clock(patient, tried))
    return found


def try_rights(store: Store) -> Tried:
    """Read, list, write, write again and delete the object, whatever is refused."""
    tried = Tried(list=_refusal(lambda: next(store.walk(), None)))
    # What an earlier doctor was not allowed to remove may be removable now.
    _refusal(lambda: store.delete(KEY))
    began = time.time()
    tried.write = _refusal(lambda: store.create(KEY, CONTENT))
    if not tried.write:
        tried.lost = any(_loses(store) for _ in range(TRIES))
        tried.replace = _refusal(lambda: store.put(KEY, CONTENT))
    tried.read = _refusal(lambda: _read(store, written=not tried.write))
    if not (tried.write or tried.replace or tried.read):
        tried.skew = _skew(store, began)
    tried.delete = _refusal(lambda: store.delete(KEY))
    return tried


def _refusal(act: Callable[[], object]) -> ImpastoError | None:
    try:
        act()
    except Missing:
        # The answer "missing" is given only to callers with the right.
        return None
    except ImpastoError as error:
        return error
    return None


def _loses(store: Store) -> bool:
    try:
        return not store.create(KEY, CONTENT)
    except Denied:
        # Some rights allow creating objects, and nothing at all on existing ones.
        return True


def _read(store: Store, *, written: bool) -> None:
    if store.read(KEY) != CONTENT and written:
        raise BadInput(
            f"{store.where(KEY)}: does not read back as it was written", "check the service"
        )


def _skew(store: Store, began: float) -> float | None:
    """Return how many seconds the service's clock is ahead, as far as its whole seconds show."""
    stat, ended = store.stat(KEY), time.time()
    if stat is None:
        return None
    return max(stat.modified - ended, 0.0) + min(stat.modified - began + 1, 0.0)


def _right(patient: Patient, name: str, tried: Tried) -> Check:
    error: ImpastoError | None = getattr(tried, name)
    if error is None:
        return patient.ok(name, "yes")
    if not isinstance(error, Denied):
        return patient.fail(name, error.fact, error.remedy)
    if patient.inner:
        return patient.fail(name, "no, and jobs need it", GRANT[patient.place.scheme])
    return patient.note(name, LACKING[name])


def _conditional(patient: Patient, tried: Tried) -> Check:
    if tried.lost:
        return patient.ok("conditional", "yes: only one of two concurrent writers wins")
    fact = "a second writer replaces what the first one created"
    if patient.inner:
        return patient.fail("conditional", f"{fact}: jobs are not safe", "use another service")
    return patient.note("conditional", f"{fact}: outputs may be replaced without asking")


def _clock(patient: Patient, tried: Tried) -> Check:
    if tried.skew is None:
        return patient.ok("clock", "not compared: that needs writing and reading")
    if abs(tried.skew) <= SKEW:
        return patient.ok("clock", "agrees with the service's")
    side = "behind" if tried.skew > 0 else "ahead of"
    return patient.note(
        "clock",
        f"{abs(tried.skew):.0f} s {side} the service's, and signatures are refused at 5 min",
        "synchronise this machine's clock by NTP",
    )
