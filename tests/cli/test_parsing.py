"""Words that a command does not understand get one clear line, and the most likely remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.command import call, parsed

if TYPE_CHECKING:
    from pathlib import Path


def refused(*words: object) -> str:
    """The one line with which a command is refused."""
    done = call(*words, inline=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line.removeprefix("impasto: ")


RUN = ("run", "in.mp4", "-o", "o.mp4")
COPY = (*RUN, "--scorer", "identity")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*RUN, "--strenght", "1"), "--strenght: unknown option; did you mean --strength?"),
        ((*RUN, "--shard-frame=9"), "--shard-frame: unknown option; did you mean --shard-frames?"),
        ((*RUN, "--size", "9"), "--size: unknown option; write --max-size 9, the longer"),
        ((*RUN, "-output", "x"), "-output: unknown option; did you mean --output?"),
        ((*RUN, "--gibberish"), "--gibberish: unknown option; 'impasto run --help' lists the opt"),
        (("show", "--jsno", "x"), "--jsno: unknown option; did you mean --json?"),
        (("--verison",), "--verison: unknown option; did you mean --version?"),
        (("runn",), "runn: unknown command; did you mean run?"),
        (("gibberish",), "gibberish: unknown command; 'impasto --help' lists the commands"),
        (("cluster", "stat"), "stat: unknown command; did you mean status?"),
        ((*RUN, "--crf"), "--crf: needs a value; see 'impasto run --help'"),
        ((*RUN, "--crf", "--preset", "fast"), "--crf: needs a value"),
        ((*RUN, "--crf", "low"), "--crf low: must be a whole number; see 'impasto run --help'"),
        ((*RUN, "--scorer", "identity", "--workers", "0"), "--workers 0: must be 1 at least"),
        (("preview", "a.jpg", "-o", "s.png", "-n", "0"), "-n 0: must be from 1 to 60; see"),
        ((*RUN, "--timeout", "x"), "--timeout x: must be a number"),
        ((*RUN, "--engine", "loca"), "--engine loca: must be one of local, ray, inline; did you"),
        ((*RUN, "-o", "p.mp4"), "-o: is given twice; leave one out"),
        (("run", "-o", "o.mp4"), "SOURCE: is missing (videos, images, tables or files);"),
        (("run", "in.mp4"), "--output: is missing; name the output: -o out.mp4"),
        (("cp", "a"), "SOURCE: is missing (URLs and paths); see 'impasto cp --help'"),
        (("show",), "JOB: is missing (a job's id, or its beginning); see 'impasto show --help'"),
        (("run", "a.jpg"), "--output: is missing; name the output: -o out.jpg"),
        (("run", "in.mp4", "--style", "p.jpg", "x.mp4"), "--output: is missing; write -o x.mp4"),
        (("run", "p*.jpg"), "--output: is missing; name the output: -o out/"),
        (("preview", "in.mp4"), "--output: is missing; name the output: -o sheet.png"),
        ((*RUN, "-q", "20"), "-q 20: -q is --quiet; for quality, write --crf 20"),
        ((*RUN, "--width", "640"), "--width: unknown option; write --max-size 640, the longer"),
        ((*RUN, "--from", "0:01"), "--from: unknown option; write --start 0:01"),
        ((*RUN, "--to", "3"), "--to: unknown option; write --end 3"),
        ((*RUN, "--no-audio"), "--no-audio: unknown option; write --audio none"),
        ((*RUN, "--duration", "3"), "--duration: unknown option; write --end, a time in the clip"),
        ((*COPY, "--codec", "x"), "--codec x: must be one of auto, h264, hevc, av1, vp9, prores"),
        ((*COPY, "--quality", "high"), "--quality high: must be a whole number or lossless"),
        ((*COPY, "--quality", "101"), "--quality 101: must be at most 100 or lossless"),
        (
            (*RUN, "-threads", "2", "-loglevel", "error", "-hide_banner", "-nostdin"),
            "-threads, -loglevel, -hide_banner, -nostdin: options of ffmpeg; here: --workers 2; "
            "--quiet or --verbose; there is no banner; standard input is never read",
        ),
        (("help",), "help: unknown command; 'impasto --help' lists the commands"),
        (("help", "run"), "help: unknown command; write impasto run --help"),
        (("list",), "list: unknown command; 'impasto jobs' lists the jobs, and 'impasto ls'"),
        (("ps",), "ps: unknown command; 'impasto jobs' lists the jobs"),
        (("status",), "status: unknown command; 'impasto jobs' lists the jobs, and 'impasto show"),
        (("info", "a.mp4"), "info: unknown command; 'impasto probe FILE' describes a file"),
        (("paint",), "paint: unknown command; 'impasto run' paints: impasto run clip.mp4"),
        (("stop", "a"), "stop: unknown command; 'impasto cancel JOB' stops a job"),
        (("delete", "a"), "delete: unknown command; 'impasto gc' removes jobs"),
        (
            ("a b.mp4", "-o", "o.mp4"),
            "a b.mp4: unknown command; to score a file, write impasto run 'a b.mp4' -o o.mp4",
        ),
        (("plan", *RUN[1:], "yes"), "yes: is one too many; the command takes one SOURCE; see 'imp"),
        (("verify", "a", "b", "c"), "c: is one too many; the command takes SOURCE OUTPUT"),
    ],
)
def test_a_word_that_is_not_understood_is_one_line(words: tuple[str, ...], said: str) -> None:
    assert refused(*words).startswith(said)


@pytest.mark.parametrize(
    ("words", "option", "value"),
    [
        (("--maxsize", "640"), "max_size", 640),
        (("--max_size=640",), "max_size", 640),
        (("--Overwrite",), "overwrite", True),
    ],
)
def test_other_spellings_of_an_option_are_accepted(
    words: tuple[str, ...], option: str, value: object
) -> None:
    own, _ = parsed("in.mp4", "--out", "o.mp4", *words)
    assert (own["output"], own[option]) == ("o.mp4", value)


def test_other_spellings_of_a_scorers_parameters_are_accepted() -> None:
    _, given = parsed("in.mp4", "-o", "o.mp4", "--preserve-color", "--stylescale=2")
    assert given == {"preserve_colour": True, "style_scale": "2"}


def test_what_looks_like_an_option_may_be_a_value() -> None:
    own, given = parsed("in.mp4", "-o", "--o.mp4", "--scorer", "script:s.py", "--args", "--top 3")
    assert (own["output"], given) == ("--o.mp4", {"args": "--top 3"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-ss", "0:10"), "-ss: an option of ffmpeg; here: --start 0:10"),
        (("-to", "9"), "-to: an option of ffmpeg; here: --end 9"),
        (("-crf", "20"), "-crf: an option of ffmpeg; here: --crf 20"),
        (("-vf", "scale=1280:-1"), "-vf: an option of ffmpeg; here: --max-size 1280"),
        (("-y",), "-y: an option of ffmpeg; here: --overwrite"),
        (
            ("-i", "b.mp4", "-r", "30", "-an"),
            "-i, -r, -an: options of ffmpeg; here: b.mp4 without an option; --fps 30, for a video "
            "made from images; --audio none",
        ),
        (("-c:v", "libx264"), "-c:v: an option of ffmpeg; here: --codec, such as h264"),
    ],
)
def test_options_of_ffmpeg_are_translated(words: tuple[str, ...], said: str) -> None:
    assert refused(*RUN, *words).startswith(said)


def test_a_pattern_that_the_shell_replaced_is_written_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my photos").mkdir()
    names = [f"my photos/{n}.jpg" for n in range(3)]
    for name in names:
        (tmp_path / name).touch()
    assert refused("plan", *names, "--style", "p.jpg", "-o", "out/") == (
        "3 sources (my photos/0.jpg, my photos/1.jpg, ...): a command takes one; quote the "
        "pattern: impasto plan 'my photos/*.jpg' --style p.jpg -o out/"
    )
    (tmp_path / "b.jpg").touch()
    said = refused("plan", "b.jpg", *names, "--style", "p.jpg", "-o", "out/")
    assert said.endswith(" > sources.txt; impasto plan sources.txt --style p.jpg -o out/")
