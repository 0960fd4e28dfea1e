"""The tags that cameras and editors write survive, in whatever way a container spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from impasto.media.join.tags import in_keys, same_tag
from support.remake import remake, verify

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeClip

MAKE, PLACE = "com.apple.quicktime.make", "com.apple.quicktime.location.ISO6709"
CAMERA = {
    MAKE: "Maker",
    PLACE: "+37.7749-122.4194+010.500/",
    "title": "A title",
    "creation_time": "2020-01-01T00:00:00Z",
}


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_a_cameras_own_tags_are_kept(clip: MakeClip, tmp_path: Path, suffix: str) -> None:
    source = clip(".mov", metadata=CAMERA, muxing={"movflags": "use_metadata_tags"}, frames=5)
    output = remake(source, tmp_path / f"o{suffix}")
    with av.open(str(output.path)) as container:
        found = {name.lower(): value for name, value in container.metadata.items()}
        names = set(container.metadata)
    assert output.notes == []
    wanted = {name.lower(): value for name, value in CAMERA.items() if name != "creation_time"}
    assert wanted.items() <= found.items()
    assert suffix == ".mkv" or PLACE in names
    report = verify(str(source), str(output.path))
    assert all(check.ok for check in report.checks)


def test_only_a_source_with_keys_gets_keys() -> None:
    usual = {"title": "A title", "director": "Somebody", "iTunSMPB": "0"}
    assert not in_keys(usual, "mov,mp4", "mp4", cover=False)
    assert in_keys(usual | {MAKE: "Maker"}, "mov,mp4", "mp4", cover=False)
    assert not in_keys({MAKE: "Maker"}, "mov,mp4", "mp4", cover=True)
    assert not in_keys({"MOOD": "calm"}, "matroska,webm", "mp4", cover=False)


@pytest.mark.parametrize(
    ("name", "before", "after", "same"),
    [
        ("creation_time", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000000Z", True),
        ("creation_time", "2020-01-01T02:00:00+0200", "2020-01-01T00:00:00.000000Z", True),
        ("creation_time", "2020-01-01T00:00:00Z", "2020-01-01T00:00:01Z", False),
        ("creation_time", "yesterday", "2020-01-01T00:00:00Z", False),
        ("location", "+52.37-005.1/", "+52.3700-005.1000/", True),
        ("location", "+52.37-005.1/", "+52.3700+005.1000/", False),
        ("title", "One", "one", False),
        ("title", "One", None, False),
    ],
)
def test_a_tag_is_the_same_in_another_spelling(
    name: str, before: str, after: str | None, same: bool
) -> None:
    assert same_tag(name, before, after, "mp4") is same
