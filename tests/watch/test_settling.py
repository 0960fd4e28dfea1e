"""When an object counts as whole."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from impasto.watch.arrival import Arrival
from impasto.watch.settling import EMPTY_SECONDS, MOST, Renames, Settling
from impasto.watch.temporary import is_draft_of, is_temporary

if TYPE_CHECKING:
    from pathlib import Path

CLIP = Arrival("a.mp4", 5, "v1", 1.0, "s1")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_object_settles_once_it_has_not_changed_for_long_enough(clock: Clock) -> None:
    settling = Settling(2, clock)
    assert not settling.settled(CLIP)
    clock.now += 1.9
    assert not settling.settled(CLIP)
    assert settling.due() == []
    clock.now += 0.1
    assert settling.due() == ["a.mp4"]
    assert settling.settled(CLIP)
    assert len(settling) == 0


def test_every_change_begins_the_wait_anew(clock: Clock) -> None:
    settling = Settling(2, clock)
    for stamp in ("s1", "s2", "s3"):
        assert not settling.settled(replace(CLIP, stamp=stamp))
        clock.now += 1.5
    assert settling.next() == clock.now + 0.5


def test_without_a_wait_an_object_is_taken_at_once_unless_it_is_empty(clock: Clock) -> None:
    settling = Settling(0, clock)
    empty = replace(CLIP, size=0)
    assert settling.settled(CLIP)
    assert not settling.settled(empty)
    clock.now += EMPTY_SECONDS
    assert settling.settled(empty)


def test_what_was_renamed_when_it_was_whole_is_taken_at_once(clock: Clock) -> None:
    settling = Settling(2, clock)
    assert not settling.settled(CLIP)
    assert settling.settled(replace(CLIP, renamed=True))
    assert settling.next() is None


def test_what_is_gone_is_forgotten(clock: Clock) -> None:
    settling = Settling(2, clock)
    for n in range(10):
        settling.settled(replace(CLIP, key=f"{n}.mp4"))
    settling.listed()
    settling.settled(replace(CLIP, key="3.mp4"))
    settling.listed()
    assert len(settling) == 1
    settling.forget("3.mp4")
    assert settling.next() is None


@pytest.mark.parametrize(
    "name",
    ["a.mp4.part", "a.CRDOWNLOAD", "a.mp4~", "~$a.docx", ".a.mp4.Xy12zA", "a.tmp", "a.mp4#12"],
)
def test_temporary_names_are_known(name: str) -> None:
    assert is_temporary(name)


@pytest.mark.parametrize("name", ["a.mp4", "part.mp4", "take#1.mp4", "a.party", "tmp"])
def test_other_names_are_final(name: str) -> None:
    assert not is_temporary(name)


def test_a_temporary_name_belongs_to_the_final_one_it_is_made_of() -> None:
    for name in ("a.mp4.part", "a.part", ".a.mp4", ".a.mp4.Xy12zA", ".a.mp4.tmp", "a.mp4#1"):
        assert is_draft_of(name, "a.mp4"), name
    for name in ("b.mp4.part", "a.mp4", "ba.mp4.part", ".part"):
        assert not is_draft_of(name, "a.mp4"), name


def test_a_file_that_is_renamed_from_a_temporary_name_is_known_by_its_number(
    tmp_path: Path,
) -> None:
    renames = Renames()
    draft, final = tmp_path / "Unconfirmed 12.crdownload", tmp_path / "a.mp4"
    draft.write_bytes(b"whole")
    assert not renames.see("Unconfirmed 12.crdownload", draft.stat())
    draft.rename(final)
    assert renames.see("a.mp4", final.stat())
    assert not renames.see("a.mp4", final.stat()), "a rename counts once"


def test_a_new_file_with_the_number_of_an_old_one_is_not_a_rename(tmp_path: Path) -> None:
    renames = Renames()
    draft, other = tmp_path / "old.part", tmp_path / "new.mp4"
    draft.write_bytes(b"draft")
    renames.see("old.part", draft.stat())
    draft.rename(other)
    other.write_bytes(b"half of ano")
    os.utime(other, ns=(1, 1))
    assert not renames.see("new.mp4", other.stat())


def test_a_rename_is_known_by_what_happened_in_one_moment(tmp_path: Path) -> None:
    renames, file = Renames(), tmp_path / "a.mp4"
    file.write_bytes(b"whole")
    renames.changed(["in/a.mp4", "in/b.mp4", "a.mp4"], ["in/a.mp4.part", "in/b.part"], ["in/b.mp4"])
    assert renames.see("in/a.mp4", file.stat())
    assert not renames.see("in/b.mp4", file.stat()), "it was written to under its final name"
    assert not renames.see("a.mp4", file.stat()), "the draft was in another folder"


def test_renames_that_nobody_asks_for_are_bounded(tmp_path: Path) -> None:
    renames, file = Renames(), tmp_path / "a.mp4"
    file.write_bytes(b"whole")
    for n in range(MOST + 1):
        renames.changed([f"{n}.mp4"], [f"{n}.mp4.part"], [])
    assert not renames.see("0.mp4", file.stat())
    assert renames.see(f"{MOST}.mp4", file.stat())
