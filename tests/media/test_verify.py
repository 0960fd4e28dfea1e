"""Verification passes what is whole, and names whatever is not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

from impasto.errors import BadInput
from impasto.media.verify import verify as checker
from impasto.media.write.sink import open_output
from impasto.schema.source import Colour
from support.remake import remake, verify
from support.retimed import make_slides

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.container import OutputContainer
    from av.packet import Packet

    from conftest import MakeClip
    from impasto.media.verify.report import Report

    Change = Callable[[Packet[Any]], list[Packet[Any]]]

EIGHTH = 1536 * 8 - 256
"""When AC-3's eighth packet is heard, in samples."""

TURNED = (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)
STRAIGHT = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)

RICH: dict[str, Any] = {
    "audio": ("aac", "ac3"),
    "languages": ("deu", "fra"),
    "subtitles": ((0, 1, "one"), (1, 2, "two")),
    "chapters": ((0, 1, "first"), (1, 2, "second")),
    "metadata": {"title": "A title"},
    "titles": {1: "Director"},
    "rotation": 90,
    "sample_aspect": Fraction(16, 11),
    "colour": Colour(matrix=1, full_range=False, primaries=1, transfer=1),
}


def broken(report: Report) -> set[str]:
    return {check.item for check in report.checks if check.ok is False}


def lost(report: Report) -> set[str]:
    return {check.item for check in report.checks if check.ok is None}


@pytest.fixture(scope="module")
def pair(clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A source that has everything, and its output."""
    source = clip(".mp4", **RICH, cover=True)
    return source, remake(source, tmp_path_factory.mktemp("verify") / "output.mp4").path


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (".mp4", ".mp4", set()),
        (".mp4", ".mkv", set()),
        (".mp4", ".mov", {"cover 1"}),
        (".mkv", ".mkv", set()),
        (".mkv", ".mp4", set()),
    ],
)
def test_a_whole_output_passes(
    clip: MakeClip, tmp_path: Path, before: str, after: str, gone: set[str]
) -> None:
    source = clip(before, **RICH, cover=before == ".mp4")
    report = verify(str(source), str(remake(source, tmp_path / f"output{after}").path))
    assert report.ok
    assert broken(report) == set()
    assert lost(report) == gone
    items = {check.item for check in report.checks}
    assert {"frames", "timestamps", "last frame"} <= items
    assert {"rotation", "sample aspect", "colour", "chapters"} <= items
    assert {"sound 1 packets", "sound 1 offset", "sound 2 language", "subtitles 1 packets"} <= items
    assert {"tags", "sound 1 title", "sound 1 flags", "picture language"} <= items


@pytest.mark.parametrize(
    ("suffix", "fields"),
    [
        (".nut", {"start": -10, "audio": ("aac",)}),
        (".ts", {"container": "mpegts", "audio": ("aac",)}),
        (".mp4", {"start": -10, "gop": 24, "audio": ("aac",)}),
        (".avi", {"codec": "mpeg4", "bframes": 0, "audio": ("pcm_s16le",)}),
        (".h264", {"container": "h264"}),
    ],
)
def test_an_output_moved_for_a_reason_passes(
    clip: MakeClip, tmp_path: Path, suffix: str, fields: dict[str, Any]
) -> None:
    source = clip(suffix, **fields)
    assert verify(str(source), str(remake(source, tmp_path / "output.mp4").path)).ok


def test_what_the_container_cannot_carry_is_no_failure(clip: MakeClip, tmp_path: Path) -> None:
    source = clip(".mkv", metadata={"mood": "calm"}, attachment=True)
    report = verify(str(source), str(remake(source, tmp_path / "output.mp4").path))
    assert report.ok
    assert lost(report) == {"tag mood", "attachment 1"}


def test_a_padded_picture_is_told(clip: MakeClip, tmp_path: Path) -> None:
    source = clip(".mkv", size=(97, 63), codec="libvpx-vp9", bframes=0)
    report = verify(str(source), str(remake(source, tmp_path / "output.mp4").path))
    assert report.ok
    assert lost(report) == {"picture size", "picture format"}


@pytest.mark.parametrize(("size", "ok"), [((97, 63), True), ((98, 64), True), ((95, 63), False)])
def test_a_size_that_was_asked_for_may_be_padded(
    clip: MakeClip, tmp_path: Path, size: tuple[int, int], ok: bool
) -> None:
    source = clip(".mkv", size=(97, 63), codec="libvpx-vp9", bframes=0)
    output = remake(source, tmp_path / "output.mp4").path
    report = checker.verify(str(source), str(output), "a", output.name, size=size)
    assert report.ok is ok
    (check,) = (check for check in report.checks if check.item == "picture size")
    assert check.detail == ("98x64" if ok else "98x64, expected 96x64")


def same(packet: Packet[Any]) -> list[Packet[Any]]:
    return [packet]


def doctor(
    path: Path,
    output: Path,
    change: Change = same,
    before: Callable[[OutputContainer], None] = lambda _: None,
    matrix: tuple[int, ...] = TURNED,
    without: int | None = None,
) -> Path:
    """Copies a video; ``change`` alters packets and ``before`` the header."""
    with av.open(str(path)) as container:
        units = [s.time_base for s in container.streams if s.time_base]
        out = open_output(output, "mp4", units[0], units)
        out.metadata.update(container.metadata)
        out.set_chapters(container.chapters())
        streams = {}
        for stream in container.streams:
            if stream.type == "data" or stream.index == without:
                continue
            copy = streams[stream.index] = out.add_stream_from_template(stream, opaque=True)
            copy.metadata.update(stream.metadata)
            copy.metadata["title"] = stream.metadata.get("name", "")
            copy.disposition = stream.disposition
        out.streams.video[0].set_display_matrix(matrix)
        before(out)
        for packet in container.demux():
            if packet.size and packet.stream_index in streams:
                packet.stream = streams[packet.stream_index]
                for changed in change(packet):
                    out.mux(changed)
        out.close()
    return output


def test_a_copy_by_the_doctor_is_whole(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """So that what the tests below find is what they broke."""
    source, output = pair
    assert broken(verify(str(source), str(doctor(output, tmp_path / "a.mp4")))) == set()


def drop_frame(packet: Packet[Any]) -> list[Packet[Any]]:
    return [] if packet.stream_index == 0 and packet.pts == 512 * 30 else [packet]


def drop_last_frame(packet: Packet[Any]) -> list[Packet[Any]]:
    return [] if packet.stream_index == 0 and packet.pts == 512 * 47 else [packet]


def move_frame(packet: Packet[Any]) -> list[Packet[Any]]:
    if packet.stream_index == 0 and packet.pts == 512 * 30:
        packet.pts += 1
    return [packet]


def later(packet: Packet[Any], ticks: int) -> Packet[Any]:
    assert packet.pts is not None
    assert packet.dts is not None
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
    return packet


def delay_sound(packet: Packet[Any]) -> list[Packet[Any]]:
    return [later(packet, 1024) if packet.stream_index == 1 else packet]


def nudge_sound(packet: Packet[Any]) -> list[Packet[Any]]:
    return [later(packet, 1) if packet.stream_index == 2 else packet]


def drop_sound(packet: Packet[Any]) -> list[Packet[Any]]:
    return [] if packet.stream_index == 2 and packet.pts == EIGHTH else [packet]


def spoil_sound(packet: Packet[Any]) -> list[Packet[Any]]:
    if packet.stream_index != 2 or packet.pts != EIGHTH:
        return [packet]
    spoiled: Packet[Any] = av.Packet(bytes(packet)[:-1] + b"\x55")
    spoiled.pts, spoiled.dts, spoiled.duration = packet.pts, packet.dts, packet.duration
    spoiled.time_base, spoiled.stream = packet.time_base, packet.stream
    return [spoiled]


@pytest.mark.parametrize(
    ("change", "items"),
    [
        (drop_frame, {"frames", "timestamps"}),
        (drop_last_frame, {"frames", "timestamps"}),
        (move_frame, {"timestamps"}),
        (delay_sound, {"sound 1 offset"}),
        (nudge_sound, {"sound 2 offset"}),
        (drop_sound, {"sound 2 packets", "sound 2 offset"}),
        (spoil_sound, {"sound 2 packets"}),
    ],
)
def test_altered_packets_are_named(
    pair: tuple[Path, Path], tmp_path: Path, change: Change, items: set[str]
) -> None:
    source, output = pair
    report = verify(str(source), str(doctor(output, tmp_path / "a.mp4", change)))
    assert not report.ok
    assert broken(report) == items


def test_a_last_frame_cut_short_is_named(tmp_path: Path) -> None:
    source = make_slides(tmp_path / "source.mp4")
    output = remake(source, tmp_path / "output.mp4").path
    assert verify(str(source), str(output)).ok
    short = make_slides(tmp_path / "short.mp4", last=4)
    assert broken(verify(str(short), str(output))) == {"last frame"}


def lose_chapter(out: OutputContainer) -> None:
    out.set_chapters(out.chapters()[:1])


def rename_chapter(out: OutputContainer) -> None:
    chapters = out.chapters()
    chapters[1]["metadata"]["title"] = "third"
    out.set_chapters(chapters)


def change_language(out: OutputContainer) -> None:
    out.streams.audio[0].metadata["language"] = "ita"


def change_title(out: OutputContainer) -> None:
    out.streams.audio[0].metadata["title"] = "Nobody"


def change_tag(out: OutputContainer) -> None:
    out.metadata["title"] = "Another"


def lose_flags(out: OutputContainer) -> None:
    first, second = out.streams.audio
    first.disposition, second.disposition = second.disposition, first.disposition


@pytest.mark.parametrize(
    ("before", "items"),
    [
        (lose_chapter, {"chapters"}),
        (rename_chapter, {"chapters"}),
        (change_language, {"sound 1 language"}),
        (change_title, {"sound 1 title"}),
        (change_tag, {"tags"}),
        (lose_flags, {"sound 1 flags"}),
    ],
)
def test_an_altered_header_is_named(
    pair: tuple[Path, Path],
    tmp_path: Path,
    before: Callable[[OutputContainer], None],
    items: set[str],
) -> None:
    source, output = pair
    report = verify(str(source), str(doctor(output, tmp_path / "a.mp4", before=before)))
    assert not report.ok
    assert broken(report) == items


def test_a_lost_rotation_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    source, output = pair
    report = verify(str(source), str(doctor(output, tmp_path / "a.mp4", matrix=STRAIGHT)))
    assert broken(report) == {"rotation"}


@pytest.mark.parametrize(
    ("kind", "items"),
    [("audio", {"sound 2"}), ("subtitle", {"subtitles 1"}), ("video", {"cover 1"})],
)
def test_a_lost_track_is_named(
    pair: tuple[Path, Path], tmp_path: Path, kind: str, items: set[str]
) -> None:
    source, output = pair
    with av.open(str(output)) as container:
        last = [s.index for s in container.streams if s.type == kind][-1]
    report = verify(str(source), str(doctor(output, tmp_path / "a.mp4", without=last)))
    assert broken(report) == items


@pytest.mark.parametrize(
    ("changed", "item"),
    [
        ({"colour": Colour(matrix=6, full_range=False, primaries=6, transfer=6)}, "colour"),
        ({"sample_aspect": Fraction(4, 3)}, "sample aspect"),
    ],
)
def test_altered_picture_tags_are_named(
    clip: MakeClip, pair: tuple[Path, Path], tmp_path: Path, changed: dict[str, Any], item: str
) -> None:
    source = clip(".mp4", **RICH | changed, cover=True)
    assert broken(verify(str(source), str(pair[1]))) == {item}


def test_matroska_may_move_all_streams_but_not_one(clip: MakeClip, tmp_path: Path) -> None:
    source = clip(".mp4", audio=("aac",))
    late = clip(".mp4", audio=("aac",), audio_start=Fraction(1, 100))
    output = remake(late, tmp_path / "output.mkv").path
    assert verify(str(late), str(output)).ok
    assert broken(verify(str(source), str(output))) == {"sound 1 offset"}


def test_a_suffix_without_a_container_is_refused(pair: tuple[Path, Path]) -> None:
    with pytest.raises(BadInput, match="no video container has the suffix"):
        verify(str(pair[0]), str(Path("output.xyz")))
