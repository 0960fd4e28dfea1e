"""The doctor: what is wrong with the stores, the home and this machine, and what to do.

Tries what jobs will do, on one small object of its own, and touches no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.doctor import machine
from impasto.doctor.check import Check
from impasto.doctor.patient import Patient
from impasto.doctor.store import check_store
from impasto.storage.parallel import in_order
from impasto.storage.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from impasto.settings import Settings

__all__ = ["Check", "examine"]

AT_A_TIME = 8
"""Stores that are checked at once: one that does not answer takes seconds."""


def examine(settings: Settings, config: Path | None) -> Iterator[Check]:
    """Check every store of the settings, the home and this machine; raises nothing.

    Args:
        settings: the settings.
        config: the config file that they are from; None where there is none.
    """
    patients = _patients(settings)
    for checks in in_order(check_store, patients, AT_A_TIME):
        yield from checks
    for patient in patients:
        yield from _separation(patient, patients)
    yield from machine.check_machine(settings, config)


def _patients(settings: Settings) -> list[Patient]:
    """Return what to check; the home comes first, and only once if it has a profile."""
    stores = Stores.of(settings)
    place = stores.locate(settings.home)
    profile = stores.profile(place)
    found = [Patient("home", place, profile, home=True)]
    for name, each in settings.stores.items():
        served = stores.locate(each.url)
        if served != place:
            found.append(Patient(name, served, each))
    return found


def _separation(patient: Patient, others: list[Patient]) -> Iterator[Check]:
    """Check that what outsiders reach is apart from jobs and other things they must not reach."""
    if patient.place.local or not patient.inner:
        return
    profile = patient.profile
    if patient.home and profile and profile.role == "data":
        yield patient.fail(
            "role",
            f"the home is in a store with role = 'data' ({profile.url}), which outsiders may "
            "reach, and holds the jobs' state and logs",
            "move it to a store with role = 'control'",
        )
        return
    near = [other for other in others if not other.inner and patient.together(other)]
    inside = [other for other in near if other.place.container == patient.place.container]
    if inside:
        yield patient.fail(
            "role",
            f"{patient.place} shares a container with {_join_names(inside)}, and a SAS opens all "
            "of it",
            "give it a container of its own",
        )
    elif near:
        yield patient.note(
            "role",
            f"{patient.place} shares an account with {_join_names(near)}, and its key opens all of "
            "it",
            "give it an account of its own",
        )
    if profile is None:
        yield patient.note(
            "role", "no profile says who may reach it", "add one with role = 'control'"
        )
    elif profile.auth in {"sas", "anonymous"}:
        yield patient.note(
            "role",
            f"a control store with auth = '{profile.auth}'",
            "use an identity, or else a key: URLs are passed on too easily",
        )


def _join_names(stores: list[Patient]) -> str:
    return f"data store{'s' if len(stores) > 1 else ''} {', '.join(each.name for each in stores)}"
