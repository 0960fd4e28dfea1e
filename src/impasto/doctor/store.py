"""Checks of one store: its network, its signature, its rights and its clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from impasto.doctor.check import Check
from impasto.doctor.network import diagnose
from impasto.doctor.patient import sas_fields
from impasto.doctor.rights import KEY, check_rights
from impasto.errors import BadInput, Denied, ImpastoError, Missing, Unavailable
from impasto.storage import clients
from impasto.storage.store import Store

if TYPE_CHECKING:
    from impasto.doctor.patient import Patient
    from impasto.storage.credentials import Credential

SOON = timedelta(hours=24)
"""A SAS that ends sooner is worth a note."""


def check_store(patient: Patient) -> list[Check]:
    """Check one store, as far as it makes sense; raises nothing."""
    if not patient.place.local and not patient.place.container:
        return [
            patient.note(
                "place",
                f"{patient.place} names no container, so nothing can be checked",
                "add a profile for one of its containers",
            )
        ]
    try:
        store = Store(patient.place, patient.profile, retry=clients.AT_ONCE)
    except ImpastoError as error:
        fact, remedy = error.fact, error.remedy
        return [patient.fail("access", fact, remedy or "correct impasto.toml or the environment")]
    found = []
    if store.signed:
        found += [_who(patient, store.signed), _encrypted(patient, store.signed), _at_rest(patient)]
    if not any(check.state == "FAIL" for check in found):
        found.append(_reach(patient, store))
    if not any(check.state == "FAIL" for check in found):
        try:
            found += check_rights(patient, store)
        except ImpastoError as error:
            # It answered at first.
            found.append(patient.fail("rights", error.fact, error.remedy))
    store.remove_empty("")
    return found


def _who(patient: Patient, signed: Credential) -> Check:
    """Report which identity signs, and whether it is valid now."""
    if signed.provider:
        try:
            signed.provider()
        # Each platform's library has its own errors, without a common base.
        except Exception as error:  # noqa: BLE001
            return patient.fail(
                "who",
                f"{signed.asker}: nobody is signed in ({type(error).__name__})",
                "sign in, give this machine a role, or use another auth in impasto.toml",
            )
    fields = sas_fields(signed)
    now, begins, ends = datetime.now(UTC), _moment(fields.get("st")), _moment(fields.get("se"))
    if ends and ends <= now:
        remedy = "make a new one with `impasto sas`"
        return patient.fail("who", f"{signed.asker}: it has expired", remedy)
    if begins and begins > now:
        fact = f"{signed.asker}: it is not valid before {begins:%Y-%m-%d %H:%M:%S} UTC"
        return patient.fail("who", fact, "check this machine's clock, or wait")
    if ends and ends - now < SOON:
        hours = (ends - now) / timedelta(hours=1)
        return patient.note("who", f"{signed.asker}: it expires in {hours:.1f} h")
    return patient.ok("who", signed.asker)


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(unquote(text or ""))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _encrypted(patient: Patient, signed: Credential) -> Check:
    if signed.endpoint.startswith("https://"):
        return patient.ok("https", f"encrypted in transit, at {signed.endpoint}")
    return patient.note("https", f"plain HTTP, at {signed.endpoint} on this machine only")


def _at_rest(patient: Patient) -> Check:
    profile = patient.profile
    if profile and profile.customer_key:
        words = f"with the customer key in {profile.customer_key}"
    elif profile and profile.kms_key:
        words = f"with the KMS key {profile.kms_key}"
    else:
        words = "with the service's own keys"
    return patient.ok("encryption", f"encrypted at rest {words}")


def _reach(patient: Patient, store: Store) -> Check:
    """Send a first request, whatever the answer."""
    began = time.monotonic()
    try:
        store.read(KEY)
    except (Missing, Denied):
        pass
    except BadInput as error:
        return patient.fail("reach", error.fact, error.remedy)
    except Unavailable as error:
        ca = Path(patient.profile.ca) if patient.profile and patient.profile.ca else None
        why = diagnose(store.signed.endpoint, ca) if store.signed else None
        return patient.fail("reach", *(why or (error.fact, error.remedy)))
    if patient.place.local:
        return patient.ok("reach", str(patient.place))
    return patient.ok(
        "reach", f"{patient.place} answers in {(time.monotonic() - began) * 1000:.0f} ms"
    )
