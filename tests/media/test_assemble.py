"""Assembled videos keep every frame's time and all that the source held besides pictures."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from impasto.errors import BadInput, Unavailable
from impasto.media.join.assemble import assemble
from impasto.media.read.index import scan
from impasto.media.write import sink
from impasto.media.write.segment import SegmentWriter
from impasto.media.write.target import target
from impasto.schema.plan import Encoding
from support.clips import Clip, frame_number, make_clip
from support.remake import FAST, Remade, frame_times, remake, samples, sounds, subtitles, verify
from support.retimed import make_slides, retimed

if TYPE_CHECKING:
    from av.packet import Packet

    from conftest import MakeClip

MS = Fraction(1, 1000)
UNEVEN = tuple(accumulate([40, 33, 50, 17, 80, 1] * 8))
GAP = tuple(40 * n + (3000 if n >= 24 else 0) for n in range(48))
NTSC = Fraction(30000, 1001)
DEEP = {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"x265-params": "log-level=none"}}
VP9 = {"codec": "libvpx-vp9", "bframes": 0}
AVI = {"codec": "mpeg4", "bframes": 0}
TS = {"container": "mpegts", "time_base": Fraction(1, 90000)}

CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "silent": (".mp4", {}, ".mp4"),
    "one frame": (".mp4", {"frames": 1, "audio": ("aac",)}, ".mp4"),
    "two tracks": (".mp4", {"audio": ("aac", "ac3")}, ".mp4"),
    "quicktime": (".mov", {"rate": Fraction(24000, 1001), "audio": ("pcm_s16le",)}, ".mov"),
    "ntsc": (".mp4", {"rate": NTSC, "audio": ("aac",)}, ".mp4"),
    "ntsc matroska": (".mkv", {"rate": NTSC, "audio": ("aac", "libopus", "ac3", "flac")}, ".mkv"),
    "opus in mp4": (".mp4", {"audio": ("libopus",)}, ".mp4"),
    "pcm in mp4": (".mp4", {"audio": ("pcm_s16le", "flac")}, ".mp4"),
    "uneven": (".mp4", {"time_base": MS, "pts": UNEVEN, "audio": ("aac",)}, ".mp4"),
    "uneven matroska": (".mkv", {"time_base": MS, "pts": UNEVEN, "audio": ("aac",)}, ".mkv"),
    "uneven, crossing": (".mp4", {"time_base": MS, "pts": UNEVEN, "audio": ("aac",)}, ".mkv"),
    "gap": (".mp4", {"time_base": MS, "pts": GAP, "audio": ("aac",)}, ".mp4"),
    "late pictures": (".mp4", {"start": 37, "audio": ("aac",)}, ".mp4"),
    "late pictures, matroska": (".mkv", {"start": 37, "audio": ("aac",)}, ".mkv"),
    "late sound": (".mp4", {"audio": ("aac",), "audio_start": Fraction(1, 3)}, ".mp4"),
    "negative": (".nut", {"start": -10, "audio": ("aac",)}, ".mp4"),
    "negative to matroska": (".nut", {"start": -10, "audio": ("aac",)}, ".mkv"),
    "edit list": (".mp4", {"start": -10, "gop": 24, "audio": ("aac",)}, ".mp4"),
    "transport stream": (
        ".ts",
        TS | {"pts": tuple(range(270_000, 440_000, 3600)), "frames": 48, "audio": ("aac",)},
        ".mp4",
    ),
    "avi": (".avi", AVI | {"rate": NTSC, "audio": ("pcm_s16le",)}, ".mp4"),
    "avi, late sound": (".avi", AVI | {"audio": ("ac3",), "audio_start": Fraction(1, 10)}, ".mp4"),
    "ten bits": (".mp4", DEEP | {"audio": ("aac",)}, ".mp4"),
    "ten bits, matroska": (".mkv", DEEP, ".mkv"),
    "odd size": (".mkv", VP9 | {"size": (97, 63), "audio": ("libopus",)}, ".mp4"),
    "webm": (".webm", VP9 | {"audio": ("libopus", "libopus")}, ".webm"),
    "odd size, webm": (".webm", VP9 | {"size": (97, 63)}, ".webm"),
}
EXACT = {".mp4", ".mov"}
FAMILY = {".mp4": "mp4", ".mov": "mp4", ".mkv": "mkv", ".webm": "mkv"}


@pytest.fixture(scope="session")
def made(clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``made(case)``: the source's path and what was made of it, once a session."""
    found: dict[str, tuple[Path, Remade]] = {}

    def get(case: str) -> tuple[Path, Remade]:
        if case not in found:
            before, fields, after = CASES[case]
            source = clip(before, **fields)
            output = tmp_path_factory.mktemp("made") / f"output{after}"
            found[case] = source, remake(source, output)
        return found[case]

    return get


def source_times(made: Remade) -> list[Fraction]:
    return [t * made.index.facts.time_base for t in made.index.pts]


@pytest.mark.parametrize("case", CASES)
def test_every_frame_keeps_its_time(made: Any, case: str) -> None:
    _, output = made(case)
    before, after = source_times(output), frame_times(output.path)
    assert len(after) == len(before) == len(output.index)
    moved = [b - a for a, b in zip(before, after, strict=True)]
    if output.path.suffix in EXACT:
        assert len(set(moved)) == 1
        assert moved[0] == 0 or case in {"negative", "transport stream"}
    else:
        assert max(moved) - min(moved) <= MS


@pytest.mark.parametrize("case", [c for c in CASES if CASES[c][0] in {".mp4", ".mkv"}])
def test_the_frames_are_the_sources_in_order(made: Any, case: str) -> None:
    _, output = made(case)
    with av.open(str(output.path)) as container:
        frames = container.decode(container.streams.video[0])
        numbers = [frame_number(_luma(f)) for f in frames]
    hidden = 10 if case == "edit list" else 0
    assert numbers == list(range(hidden, hidden + len(output.index)))


@pytest.mark.parametrize("case", [c for c in CASES if "audio" in CASES[c][1]])
def test_sound_is_the_same_packets_at_the_same_times(made: Any, case: str) -> None:
    source, output = made(case)
    before, after = sounds(source), sounds(output.path)
    assert len(before) == len(after) == len(CASES[case][1]["audio"])
    pictures = frame_times(output.path)[0] - source_times(output)[0]
    slack = Fraction(1, 90_000) if output.path.suffix in EXACT else MS
    for old, new in zip(before, after, strict=True):
        header = 7 if case == "transport stream" else 0
        assert [p[header:] for p in old.payloads] == new.payloads
        moved = [b - a - pictures for a, b in zip(old.times, new.times, strict=True)]
        assert max(map(abs, moved)) <= slack


SAME_FAMILY = [
    c
    for c, (before, fields, after) in CASES.items()
    if "audio" in fields and FAMILY.get(before) == FAMILY[after]
]


@pytest.mark.parametrize("case", SAME_FAMILY)
def test_sound_decodes_to_the_same_samples(made: Any, case: str) -> None:
    source, output = made(case)
    for track in range(len(CASES[case][1]["audio"])):
        assert np.array_equal(samples(source, track), samples(output.path, track))


def _luma(frame: av.VideoFrame) -> Any:
    plane = frame.planes[0]
    if frame.format.components[0].bits > 8:
        deep = np.frombuffer(bytes(plane), np.uint16).reshape(plane.height, -1)
        return (deep >> 2)[:, : plane.width]
    return np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_two_runs_give_the_same_bytes(clip: MakeClip, tmp_path: Path, suffix: str) -> None:
    audio = ("libopus",) if suffix in {".webm", ".mp4"} else ("aac",)
    source = clip(".mkv", audio=audio, chapters=((0, 1, "a"),), metadata={"title": "t"})
    outputs = []
    for run in "ab":
        (tmp_path / run).mkdir()
        outputs.append(remake(source, tmp_path / run / f"output{suffix}").path.read_bytes())
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_range_starts_at_its_first_frame(clip: MakeClip, tmp_path: Path, suffix: str) -> None:
    fields: dict[str, Any] = {
        "frames": 100,
        "audio": ("ac3",),
        "chapters": ((0, 1, "before"), (1, 3, "in"), (3, 4, "after")),
        "subtitles": ((0, 2, "reaches in"), (2, 3, "within")),
    }
    output = remake(clip(".mp4", **fields), tmp_path / f"output{suffix}", clip=(25, 75))
    times = frame_times(output.path)
    assert len(times) == 50
    assert times[0] == 0
    before, after = sounds(clip(".mp4", **fields))[0], sounds(output.path)[0]
    kept = [n for n, time in enumerate(before.times) if 1 <= time < 3]
    assert after.payloads == [before.payloads[n] for n in kept]
    slack = Fraction(1, 90_000) if suffix == ".mp4" else MS
    moved = [new - before.times[n] for n, new in zip(kept, after.times, strict=True)]
    assert all(abs(move + 1) <= slack for move in moved)
    assert subtitles(output.path) == [(0, b"reaches in"), (1, b"within")]
    with av.open(str(output.path)) as container:
        assert [c["metadata"]["title"] for c in container.chapters()] == ["in"]


def test_images_become_a_video_without_a_source(clip: MakeClip, tmp_path: Path) -> None:
    made = remake(clip(".mp4", rate=NTSC), tmp_path / "unused.mp4")
    facts = made.index.facts.model_copy(update={"container": "images"})
    notes = assemble(
        tmp_path / "a.mp4", None, "images", facts, made.target, made.index.pts, made.segments
    )
    assert notes == []
    assert frame_times(tmp_path / "a.mp4") == source_times(made)


def test_segments_may_come_from_anywhere(clip: MakeClip, tmp_path: Path) -> None:
    made = remake(clip(".mp4"), tmp_path / "a.mp4")
    openers = [lambda path=path: path.open("rb") for path in made.segments]
    facts, pts = made.index.facts, made.index.pts
    assemble(tmp_path / "b.mp4", None, "a", facts, made.target, pts, made.segments)
    assemble(tmp_path / "c.mp4", None, "a", facts, made.target, pts, openers)
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "c.mp4").read_bytes()


def test_segments_that_do_not_fit_are_refused(clip: MakeClip, tmp_path: Path) -> None:
    made = remake(clip(".mp4"), tmp_path / "a.mp4")
    facts, pts = made.index.facts, made.index.pts
    first, second, third = made.segments

    def join(*segments: Path) -> None:
        assemble(tmp_path / "b.mp4", None, "a", facts, made.target, pts, segments)

    with pytest.raises(BadInput, match="hold 40 frames where the plan has 48"):
        join(first, second)
    with pytest.raises(BadInput, match="segment 3 has a frame"):
        join(first, second, third, second)
    other = tmp_path / "other.mp4"
    aim = target(facts, ".mp4", 96, 64)
    with SegmentWriter(other, aim, Encoding(preset="medium")) as writer:
        writer.write([np.zeros((h, w), np.uint8) for h, w in [(64, 96), (32, 48), (32, 48)]], 0)
    with pytest.raises(BadInput, match="segment 1 was encoded with different settings"):
        join(first, other, third)
    other.write_bytes(second.read_bytes()[: second.stat().st_size * 6 // 10])
    with pytest.raises(BadInput, match="remove the job's segments and run it again"):
        join(first, other, third)
    other.write_bytes(b"")
    with pytest.raises(BadInput, match="segment 0 is empty"):
        join(other, second, third)


def test_a_segment_of_other_frames_is_refused(clip: MakeClip, tmp_path: Path) -> None:
    made = remake(clip(".mp4", time_base=MS, pts=UNEVEN), tmp_path / "a.mp4")
    swapped = [made.segments[1], made.segments[0], made.segments[2]]
    facts, pts = made.index.facts, made.index.pts
    with pytest.raises(BadInput, match="segment 0 has a frame"):
        assemble(tmp_path / "b.mp4", None, "a", facts, made.target, pts, swapped)


def test_a_full_disk_is_unavailable(clip: MakeClip, tmp_path: Path) -> None:
    made = remake(clip(".mp4"), tmp_path / "a.mp4")
    (tmp_path / "full.mp4").symlink_to("/dev/full")
    facts, pts = made.index.facts, made.index.pts
    with pytest.raises(Unavailable, match="No space left"):
        assemble(tmp_path / "full.mp4", None, "a", facts, made.target, pts, made.segments)


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "file/b.mp4", "folder"])
def test_a_name_that_cannot_be_written_is_bad_input(
    clip: MakeClip, tmp_path: Path, name: str
) -> None:
    made = remake(clip(".mp4"), tmp_path / "a.mp4")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    facts, pts = made.index.facts, made.index.pts
    with pytest.raises(BadInput, match=r"cannot be written \(.*\); choose another name"):
        assemble(tmp_path / name, None, "a", facts, made.target, pts, made.segments)


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "missing/b.mp4"])
def test_errors_at_the_very_opening_are_told_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """FFmpeg opens files late as of now; it may do so at once."""

    def eager(path: str, *_: object, **__: object) -> object:
        return Path(path).open("wb")

    monkeypatch.setattr(av, "open", eager)
    with pytest.raises((BadInput, Unavailable), match="cannot be written"):
        sink.open_output(tmp_path / name, "mp4", Fraction(1, 25))


@given(
    st.integers(-(2**62), 2**62),
    st.fractions(Fraction(1, 10**9), 10),
    st.fractions(Fraction(1, 10**9), 10),
)
@example(1, Fraction(1, 2), Fraction(1))
@example(3, Fraction(1, 2), Fraction(1))
@example(-1, Fraction(1, 2), Fraction(1))
@example(7, Fraction(1001, 30000), Fraction(1001, 30000))
def test_rescaling_in_integers_is_rounding_in_fractions(
    ticks: int, unit: Fraction, other: Fraction
) -> None:
    assert sink.rescale(ticks, unit, other) == round(ticks * unit / other)


@pytest.mark.parametrize("after", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("before", [".mp4", ".mkv"])
def test_the_last_frame_stands_as_long_as_it_did(tmp_path: Path, before: str, after: str) -> None:
    output = remake(make_slides(tmp_path / f"slides{before}"), tmp_path / f"output{after}")
    assert frame_times(output.path) == [0, 1, 3]
    with av.open(str(output.path)) as container:
        assert container.duration == 8_000_000
    facts = scan(str(output.path), "output").facts
    assert facts.last_duration * facts.time_base == 5


def test_the_last_frame_of_a_range_ends_where_the_next_began(tmp_path: Path) -> None:
    output = remake(make_slides(tmp_path / "slides.mp4"), tmp_path / "output.mp4", clip=(0, 2))
    with av.open(str(output.path)) as container:
        assert container.duration == 3_000_000


def test_a_clock_that_jumps_back_keeps_its_sound(tmp_path: Path) -> None:
    """Two transport streams joined end to end, as recorders do."""
    fields: dict[str, Any] = {**TS, "pts": tuple(range(0, 3600 * 48, 3600)), "audio": ("aac",)}
    part = make_clip(tmp_path / "part.ts", Clip(**fields))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    output = remake(joined, tmp_path / "output.mp4", shard=1000)
    assert output.index.whole
    assert len(frame_times(output.path)) == len(output.index) == 96
    (sound,) = sounds(output.path)
    assert len(sound.times) == 2 * len(sounds(part)[0].times)
    assert all(a < b for a, b in zip(sound.times, sound.times[1:], strict=False))
    frames, half = frame_times(output.path), len(sound.times) // 2
    moved = [b - a for a, b in zip(sound.times, sound.times[half:], strict=False)]
    assert sum(abs(by - (frames[48] - frames[0])) > MS for by in moved) <= 3


def out_of_order(place: int, packet: Packet[Any]) -> None:
    """Number pictures as they are decoded: all that some tools know of their order."""
    packet.pts = packet.dts = round(place / (25 * packet.time_base))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("codec", ["libopus", "aac"])
def test_sound_before_counted_pictures_stays_before_them(
    clip: MakeClip, tmp_path: Path, suffix: str, codec: str
) -> None:
    """By the few milliseconds of its codec's delay, where pictures move by whole frames only."""
    whole = clip(".mkv", audio=(codec,))
    source = retimed(whole, tmp_path / "counted.mkv", {"video": out_of_order})
    output = remake(source, tmp_path / f"output{suffix}")
    assert output.index.facts.sequential
    pictures = frame_times(output.path)[0]
    off = sounds(output.path)[0].times[0] - pictures - sounds(whole)[0].times[0]
    assert abs(off) <= MS
    assert verify(str(source), str(output.path)).ok


def test_sound_before_pictures_on_a_coarse_clock_stays_before_them(
    clip: MakeClip, tmp_path: Path
) -> None:
    source = clip(".mp4", audio=("aac",), muxing={"video_track_timescale": "25"})
    output = remake(source, tmp_path / "output.mkv")
    assert output.index.facts.time_base == Fraction(1, 25)
    moved = frame_times(output.path)[0] - source_times(output)[0]
    before, after = sounds(source)[0].times[0], sounds(output.path)[0].times[0]
    assert before < 0
    assert abs(after - before - moved) <= MS


def test_the_default_encoding_joins_as_well(clip: MakeClip, tmp_path: Path) -> None:
    output = remake(clip(".mp4"), tmp_path / "a.mp4", shard=7, encoding=Encoding())
    assert frame_times(output.path) == source_times(output)
    assert FAST.preset != Encoding().preset
