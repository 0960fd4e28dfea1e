"""Sound that an output cannot carry is refused with advice that works, or encoded again in step."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from impasto import JobSpec, Settings
from impasto.driver import api
from impasto.errors import BadInput
from impasto.jobs import find
from impasto.media.join.sound import CODECS, fitting_layout
from impasto.media.verify import verify as checker
from impasto.storage.stores import Stores
from support import inprocess
from support.remake import verify

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import MakeClip

RATE = 48000
LATM: dict[str, Any] = {"audio": ("aac",), "muxing": {"mpegts_flags": "latm"}}


@pytest.fixture(autouse=True)
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inprocess.install(monkeypatch)


def run(source: Path, output: Path, home: Path, **fields: Any) -> tuple[str, ...]:
    spec = JobSpec(source=str(source), output=str(output), scorer="identity", **fields)
    return api.run(spec, settings=Settings(home=str(home))).notes


def heard(path: Path) -> tuple[NDArray[Any], int]:
    """Return a video's sound, one channel, and the sample that is heard with the first picture."""
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
        shown = (picture.pts or 0) * (picture.time_base or Fraction(1))
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    first = (frames[0].pts or 0) * (frames[0].time_base or Fraction(1))
    parts = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]
    return np.concatenate(parts), round((shown - first) * RATE)


def without_packets(source: Path, path: Path, lost: range) -> Path:
    """Copy a video without some packets of its sound."""
    options = {"mpegts_flags": "latm"}
    with av.open(str(source)) as given, av.open(str(path), "w", container_options=options) as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in given.streams}
        sound = 0
        for packet in given.demux():
            if not packet.size:
                continue
            sound += packet.stream.type == "audio"
            if packet.stream.type == "video" or sound not in lost:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return path


def assert_in_step(source: Path, output: Path) -> None:
    """Check that the same sound is heard with the same picture, to the sample where times allow."""
    (before, at), (after, now) = heard(source), heard(output)
    wanted = before[at + 9600 : at + 48000]
    start = now + 9600
    # Matroska rounds times to a millisecond, 48 samples; the tone repeats after 109.
    errors = {
        shift: float(np.square(after[start + shift :][: len(wanted)] - wanted).mean())
        for shift in range(-54, 55)
    }
    best = min(errors, key=lambda shift: errors[shift])
    exact = {source.suffix, output.suffix} <= {".mp4", ".mov", ".ts"}
    assert abs(best) <= (0 if exact else 48)
    assert errors[best] < np.square(wanted).mean() / 500


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".webm"])
def test_sound_is_encoded_again_in_step_with_the_pictures(
    clip: MakeClip, tmp_path: Path, suffix: str
) -> None:
    source, output = clip(".ts", **LATM), tmp_path / f"o{suffix}"
    notes = run(source, output, tmp_path / "home", audio="auto")
    assert any("sound track 1 is AAC (LATM); it is encoded again as" in note for note in notes)
    assert verify(str(source), str(output)).ok
    assert_in_step(source, output)


@pytest.mark.parametrize(
    ("source", "sound", "audio", "suffix", "made"),
    [
        (".mp4", {"audio": ("aac",)}, "auto", ".webm", "opus 48000 stereo"),
        (".mp4", {"audio": ("aac",), "audio_rate": 44100}, "opus", ".webm", "opus 48000 stereo"),
        (".mp4", {"audio": ("aac",), "audio_layout": "5.1"}, "opus", ".mkv", "opus 48000 5.1"),
        (".mkv", {"audio": ("ac3",), "audio_layout": "5.1"}, "opus", ".webm", "opus 48000 5.1"),
        (".mkv", {"audio": ("ac3",), "audio_layout": "5.1"}, "aac", ".mp4", "aac 48000 5.1"),
        (".mkv", {"audio": ("libopus",)}, "aac", ".mkv", "aac 48000 stereo"),
        (".mkv", {"audio": ("eac3",), "audio_rate": 44100}, "aac", ".mov", "aac 44100 stereo"),
        (".mp4", {"audio": ("libmp3lame",)}, "flac", ".mkv", "flac 48000 stereo"),
        (".mkv", {"audio": ("flac",), "audio_layout": "3.0"}, "opus", ".mp4", "opus 48000 3.0"),
        (".mp4", {"audio": ("aac",)}, "opus", ".mp4", "opus 48000 stereo"),
    ],
)  # fmt: skip
def test_sound_becomes_what_was_asked_for_in_step_with_the_pictures(
    clip: MakeClip,
    tmp_path: Path,
    source: str,
    sound: dict[str, Any],
    audio: str,
    suffix: str,
    made: str,
) -> None:
    given, output = clip(source, languages=("deu",), **sound), tmp_path / f"o{suffix}"
    run(given, output, tmp_path / "home", audio=audio)
    report = verify(str(given), str(output))
    assert [check for check in report.checks if check.ok is False] == []
    with av.open(str(output)) as container:
        track = container.streams.audio[0]
        context = track.codec_context
        name = context.name.removeprefix("lib")
        assert f"{name} {context.rate} {context.layout.name}" == made
        assert track.language in {"deu", "ger"}
    assert_in_step(given, output)


def test_lost_sound_leaves_silence_and_what_follows_stays_in_its_place(
    clip: MakeClip, tmp_path: Path
) -> None:
    source = without_packets(clip(".ts", **LATM), tmp_path / "gap.ts", range(30, 50))
    output = tmp_path / "o.mkv"
    run(source, output, tmp_path / "home", audio="auto")
    whole, at = heard(clip(".ts", **LATM))
    after, now = heard(output)
    assert len(after) == pytest.approx(len(whole), abs=2048)
    silent = np.abs(after[now + 40 * 1024 - at :][:2048]).max()
    assert silent < 1e-4
    assert np.abs(after[-8192:]).max() > 0.1


def test_a_range_has_the_sound_of_its_time(clip: MakeClip, tmp_path: Path) -> None:
    output = tmp_path / "o.mp4"
    times = {"start": Fraction(1, 2), "end": Fraction(3, 2)}
    run(clip(".ts", **LATM), output, tmp_path / "home", audio="auto", **times)
    after, _ = heard(output)
    assert len(after) == pytest.approx(RATE, abs=3 * 1024)


@pytest.mark.parametrize("codec", ["aac", "libopus", "libmp3lame"])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_sound_of_a_range_is_whole_from_its_first_packet_on(
    clip: MakeClip, tmp_path: Path, suffix: str, codec: str
) -> None:
    source, output = clip(suffix, audio=(codec,)), tmp_path / "o.mkv"
    times = {"start": Fraction(1, 2), "end": Fraction(3, 2)}
    run(source, output, tmp_path / "home", audio="flac", **times)
    part = (times["start"], times["end"])
    report = checker.verify(str(source), str(output), source.name, output.name, part=part)
    assert [check for check in report.checks if check.ok is False] == []
    (before, at), (after, now) = heard(source), heard(output)
    # Matroska rounds times to a millisecond, 48 samples; the tone repeats after 109.
    late = max(-now, 0)
    assert late <= 1152 + 48
    errors = [
        np.abs(before[at + RATE // 2 + late + by :][:2048] - after[max(now, 0) :][:2048]).max()
        for by in range(-54, 55)
    ]
    assert min(errors) < 0.05


def test_verify_finds_sound_that_moved_while_it_was_encoded_again(
    clip: MakeClip, tmp_path: Path
) -> None:
    source = clip(".ts", **LATM, audio_start=Fraction(1, 2))
    late = clip(".ts", **LATM, audio_start=Fraction(1, 2) + Fraction(1, 25))
    run(late, tmp_path / "o.mp4", tmp_path / "home", audio="auto")
    report = verify(str(source), str(tmp_path / "o.mp4"))
    assert {check.item for check in report.checks if check.ok is False} == {"sound 1 offset"}


@pytest.mark.parametrize(
    ("source", "suffix", "remedy"),
    [
        ((".ts", LATM), ".mkv", "choose `audio=auto` to encode it"),
        (
            (".mkv", {"audio": ("flac",)}),
            ".mov",
            "choose an output that ends in .mkv or .mp4, or `audio=auto` to encode it",
        ),
    ],
)
def test_what_the_refusal_advises_works(
    clip: MakeClip, tmp_path: Path, source: tuple[str, dict[str, Any]], suffix: str, remedy: str
) -> None:
    given, home = clip(source[0], **source[1]), tmp_path / "home"
    with pytest.raises(BadInput) as refused:
        run(given, tmp_path / f"o{suffix}", home)
    assert refused.value.remedy == remedy
    assert list(find.jobs(Stores({}).open_home(Stores({}).locate(str(home))))) == []
    run(given, tmp_path / f"o{suffix}", home, audio="auto")
    for other in (".mkv", ".mp4"):
        if other in remedy:
            run(given, tmp_path / f"o{other}", home)


def test_sound_that_the_output_carries_is_copied_even_so(clip: MakeClip, tmp_path: Path) -> None:
    source, output = clip(".mp4", audio=("aac",)), tmp_path / "o.mp4"
    assert run(source, output, tmp_path / "home", audio="auto") == ()
    packets = [
        check for check in verify(str(source), str(output)).checks if "packets" in check.item
    ]
    assert [check.ok for check in packets] == [True]


def test_a_track_in_the_codec_that_was_asked_for_is_copied(clip: MakeClip, tmp_path: Path) -> None:
    source, output = clip(".mp4", audio=("aac",)), tmp_path / "o.mkv"
    assert run(source, output, tmp_path / "home", audio="aac") == ()
    packets = [
        check for check in verify(str(source), str(output)).checks if "packets" in check.item
    ]
    assert [check.ok for check in packets] == [True]


def test_sound_is_left_out_where_none_was_asked_for(clip: MakeClip, tmp_path: Path) -> None:
    source = clip(".mkv", audio=("flac", "ac3"), subtitles=((0, 1, "said"),))
    run(source, tmp_path / "o.mov", tmp_path / "home", audio="none")
    with av.open(str(tmp_path / "o.mov")) as container:
        assert not container.streams.audio
        assert container.streams.video
        assert container.streams.subtitles


@pytest.mark.parametrize(
    ("codec", "given", "made"),
    [
        ("opus", "2.1", "5.1"),
        ("opus", "5.1(side)", "5.1"),
        ("aac", "7.0", "7.1"),
        ("flac", "5.1(side)", "5.1(side)"),
        ("aac", "6 channels", "5.1"),
    ],
)
def test_speakers_that_a_codec_lacks_become_a_layout_that_has_them(
    codec: str, given: str, made: str
) -> None:
    assert fitting_layout(CODECS[codec], av.AudioLayout(given)) == made


@pytest.mark.parametrize("codec", CODECS)
def test_too_many_channels_for_a_codec_are_refused(codec: str) -> None:
    with pytest.raises(LookupError, match="has no layout like 'hexadecagonal'"):
        fitting_layout(CODECS[codec], av.AudioLayout("hexadecagonal"))
