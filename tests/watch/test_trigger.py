"""Trigger files: what they may ask for, and that they can ask for nothing else."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import BadInput
from impasto.planning.template import below
from impasto.schema.url import parse
from impasto.watch.rule import Rule, Variant
from impasto.watch.trigger import read_trigger
from support.rules import arrival, styles, the_rule

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.watch import Ticket

INBOX, OUT = "s3://media/in", "s3://media/out"


def painting(output: str = f"{OUT}/{{path}}/{{name}}-{{style}}.mp4", **fields: Any) -> Rule:
    variants = [
        Variant(name=name, recipe=name, params={"style": f"s3://media/styles/{name}.png"})
        for name in ("starry", "wave")
    ]
    facts: dict[str, Any] = {"name": "paint", "inbox": INBOX, "output": output}
    facts["patterns"] = ("**/*.mp4",)
    facts |= {"variants": variants, "allow": ("strength", "crf", "fps", "audio")}
    return Rule.model_validate(facts | fields)


RULE = painting()


def asked(content: object, key: str = "trigger.json", rule: Rule = RULE) -> tuple[Ticket, ...]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_trigger(rule, (rule,), arrival(key), data)


def refused(content: object, key: str = "trigger.json", rule: Rule = RULE) -> str:
    with pytest.raises(BadInput) as wrong:
        asked(content, key, rule)
    text = str(wrong.value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 400
    return text


@pytest.mark.parametrize("key", ["trigger", "trigger-7.txt", "TRIGGER_x"])
def test_a_plain_line_names_a_folder_of_frames(key: str) -> None:
    tickets = asked(b"\n shoot 1/frames.v2/ \n", key)
    assert [each.spec.source for each in tickets] == [f"{INBOX}/shoot 1/frames.v2"] * 2
    assert [each.spec.output for each in tickets] == [
        f"{OUT}/shoot 1/frames.v2-{style}.mp4" for style in ("starry", "wave")
    ]
    assert len({each.name for each in tickets}) == 2
    assert tickets[0].spec.exact


def test_json_and_toml_set_what_the_rule_allows() -> None:
    (one,) = asked({"source": "a/clip.mp4", "style": "wave", "strength": 0.5, "crf": 20})
    assert one.spec.params == {"style": "s3://media/styles/wave.png", "strength": 0.5}
    assert (one.spec.crf, one.spec.output) == (20, f"{OUT}/a/clip-wave.mp4")
    toml = b'source = "a/clip.mp4"\nstyle = "wave"\nstrength = 0.5\ncrf = 20\n'
    (two,) = asked(toml, "trigger.toml")
    assert two.spec == one.spec
    assert asked({"source": "frames"}, "trigger.txt")


def test_a_rate_may_be_a_ratio() -> None:
    assert asked({"source": "a", "fps": "24000/1001"})[0].spec.fps == Fraction(24000, 1001)
    assert asked({"source": "a", "fps": 12.5})[0].spec.fps == Fraction(25, 2)


def test_a_picture_of_the_sender_is_a_style_of_its_own() -> None:
    fields = {"source": "alice/clip.mp4", "style": "alice/mine.png"}
    (one,) = asked(fields, "alice/trigger.json")
    (two,) = asked(fields | {"style": "alice/other.png"}, "alice/trigger.json")
    assert one.spec.params["style"] == f"{INBOX}/alice/mine.png"
    assert one.spec.output == f"{OUT}/alice/clip-mine.mp4"
    assert one.name != two.name
    assert "not below 'alice'" in refused(fields | {"style": "bob/x.png"}, "alice/trigger.json")
    assert "none of the rule's" in refused(fields | {"style": "/etc/passwd"})


def test_an_output_is_below_the_templates_folder_and_the_senders() -> None:
    fields = {"source": "alice/frames", "output": "best.mov", "style": "wave"}
    assert asked(fields)[0].spec.output == f"{OUT}/best.mov"
    assert "is not below 'alice'" in refused(fields, "alice/trigger.json")
    (mine,) = asked(fields | {"output": "alice/best.mov"}, "alice/trigger.json")
    assert mine.spec.output == f"{OUT}/alice/best.mov"
    both = asked({"source": "frames", "output": "x/best.mp4"})
    assert [parse(each.spec.output).name for each in both] == ["best-starry.mp4", "best-wave.mp4"]
    assert "use one of .mp4" in refused(fields | {"output": "best.png"})
    assert "wrong suffix" in refused(fields | {"output": "best.sh"})
    assert "hidden" in refused(fields | {"output": ".ssh/x.mp4"})


def test_an_output_inside_an_inbox_is_taken_only_if_it_is_known_as_one() -> None:
    beside = painting(f"{INBOX}/{{path}}/{{name}}-{{style}}.mp4")
    assert len(asked({"source": "frames"}, rule=beside)) == 2
    fields = {"source": "frames", "output": "x.mp4", "style": "wave"}
    assert "would be taken for a new object" in refused(fields, rule=beside)
    assert asked(fields | {"output": "x-wave.mp4"}, rule=beside)
    assert "new object" in refused({"source": "frames", "style": "mine.png"}, rule=beside)


@pytest.mark.parametrize(
    "source",
    [
        "../other/frames",
        "a/../../frames",
        "/etc/passwd",
        "/",
        "",
        "://",
        "a//",
        ".",
        "..",
        "file:///etc/passwd",
        "s3://other/frames",
        "https://example.com/x.mp4",
        "a//b",
        "a/./b",
        ".hidden/frames",
        "a/.git",
        "x.part",
        "a\\..\\b",
        "a\nb",
        "a\u0000b",
        "x" * 1100,
        "list.txt",
        "rows.csv",
        "trigger-2.json",
        7,
        None,
        ["frames"],
        {"url": "frames"},
    ],
)
def test_a_source_is_only_a_name_below_the_inbox(source: object) -> None:
    assert refused({"source": source})
    assert refused({"source": source}, "alice/trigger.json")


@pytest.mark.parametrize("source", ["frames", "bob/frames", "alicex/frames", "alice"])
def test_a_sender_names_only_what_is_its_own(source: str) -> None:
    refused({"source": source}, "alice/trigger.json")
    assert asked({"source": source})


@pytest.mark.parametrize("name", ["*", "[ab].png", "?.png", "a/*/x.mp4"])
def test_a_name_that_looks_like_a_pattern_is_only_a_name(name: str) -> None:
    (one, _) = asked({"source": name})
    assert one.spec.exact
    assert one.spec.source == f"{INBOX}/{name}"


@pytest.mark.parametrize(
    "field",
    [
        "weights",
        "scorer",
        "script",
        "home",
        "engine",
        "workers",
        "address",
        "requirements",
        "overwrite",
        "exact",
        "pins",
        "items",
        "inbox",
        "rule",
        "params",
        "max_failed",
        "a\x1b[31mb",
    ],
)
def test_what_the_rule_does_not_allow_is_refused(field: str) -> None:
    assert "lets trigger files set" in refused({"source": "frames", field: 1})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"strength": 7}, "must be from 0 to 1"),
        ({"strength": "strong"}, "must be a number"),
        ({"crf": 99}, "must be from 0 to 51"),
        ({"crf": {"x": 1}}, "must be a number, a word"),
        ({"fps": [25]}, "must be a number, a word"),
        ({"fps": "1e999999999"}, "must be a number, a word"),
        ({"fps": "1/0"}, "must be a number, a word"),
        ({"fps": 0}, "must be more than 0"),
        ({"fps": "x"}, "must be a number"),
        ({"strength": "nan"}, "must be a"),
        ({"strength": "9" * 60}, "must be from 0 to 1"),
        ({"audio": "../x"}, "must be a number, a word"),
        ({"audio": "loud"}, "must be one of"),
        ({"style": "stary"}, "did you mean starry?"),
        ({"output": 3}, "must be a name"),
    ],
)
def test_wrong_values_are_told(fields: dict[str, Any], said: str) -> None:
    assert said in refused({"source": "frames", **fields})


def test_what_is_moved_away_or_made_is_no_source() -> None:
    assert "has been done" in refused({"source": "done/x"}, rule=painting(after="move"))
    beside = painting(f"{INBOX}/out/{{name}}-{{style}}.mp4")
    assert "where outputs are" in refused({"source": "out/x-wave.mp4"}, rule=beside)


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("trigger", b""),
        ("trigger", b"a\nb\n"),
        ("trigger.txt", b"\xff\xfe"),
        ("trigger.json", b""),
        ("trigger.json", b"[]"),
        ("trigger.json", b"3"),
        ("trigger.json", b'{"source": "a", "source": "b"}'),
        ("trigger.json", b'{"source": NaN}'),
        ("trigger.json", b"[" * 60_000),
        ("trigger.json", b'{"a":' * 10_000),
        ("trigger.json", b'{"source": "a", "crf": ' + b"9" * 60_000 + b"}"),
        ("trigger.json", b'{"source": "a", "crf": ' + b"9" * 4000 + b"}"),
        ("trigger.json", b'{"source": "a", "crf": 1e999}'),
        ("trigger.json", json.dumps({f"f{n}": n for n in range(2000)}).encode()),
        ("trigger.json", b'{"source": "' + b"x" * 65_000 + b'"}'),
        ("trigger.json", b" " * 70_000),
        ("trigger.toml", b"a = [" * 12_000),
        ("trigger.toml", b"a." * 30_000 + b"b = 1"),
        ("trigger.toml", b"[" + b"a." * 30_000 + b"b]"),
        ("trigger.toml", b'source = "a"\nsource = "b"'),
        ("trigger.toml", b'source = "a"\ncrf = ' + b"9" * 60_000),
        ("trigger.toml", b'source = "a"\ncrf = inf'),
        ("trigger.toml", b'source = "a"\ncrf = 2020-01-01'),
        ("trigger.toml", b"\x00"),
    ],
)
def test_what_is_malformed_or_a_bomb_is_refused(key: str, content: bytes) -> None:
    assert refused(content, key)


def test_arguments_of_a_users_class_are_numbers_only(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def __init__(self, gain: float = 1.0, lut: str = ''):\n        pass\n"
        "    def score(self, batch):\n        return batch\n"
    )
    rule = the_rule(
        tmp_path,
        '[rules.r]\ninbox = "in"\nscorer = "python:mine.py:Mine"\noutput = "out/{name}.mp4"\n'
        'allow = ["gain", "lut"]\n',
    )
    (one,) = asked({"source": "frames", "gain": 2.5}, rule=rule)
    assert one.spec.params["args"] == {"gain": 2.5}
    assert "must be a number" in refused({"source": "frames", "lut": "/etc/passwd"}, rule=rule)


def test_a_rule_of_a_file_takes_a_style_by_name(tmp_path: Path) -> None:
    styles(tmp_path, "starry.png")
    text = '[rules.r]\ninbox = "in"\nstyle = "starry.png"\noutput = "out/{path}/{name}.mp4"\n'
    rule = the_rule(tmp_path, text)
    (one,) = asked({"source": "frames", "style": "starry"}, rule=rule)
    assert one.spec.output == str(tmp_path / "out/frames.mp4")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
NAMES = st.text(st.sampled_from("ab./\\~:*%{}# \x00\udcffé"), max_size=12) | st.text(max_size=12)
FIELDS = st.fixed_dictionaries(
    {"source": NAMES | JUNK},
    optional={
        "style": st.sampled_from(["wave", "a.png", "../x.png"]) | NAMES | JUNK,
        "output": NAMES.map(lambda name: f"{name}.mp4") | NAMES | JUNK,
        "crf": JUNK,
        "fps": JUNK | st.from_regex(r"[0-9]{1,9}/[0-9]{1,9}", fullmatch=True),
        "strength": JUNK,
    },
)
KEYS = st.sampled_from(["trigger.json", "a/trigger.json", "a/b/trigger.json", "ab/trigger"])


def check_within(tickets: tuple[Ticket, ...], key: str) -> None:
    sender = key.partition("/")[0] if "/" in key else ""
    for ticket in tickets:
        source = below(parse(INBOX), parse(ticket.spec.source))
        assert source
        assert source.startswith(f"{sender}/" if sender else "")
        assert below(parse(OUT), parse(ticket.spec.output))
        assert (ticket.spec.exact, ticket.spec.overwrite) == (True, False)
        style = ticket.spec.params["style"]
        assert below(parse(INBOX), parse(style)) or style.startswith("s3://media/styles/")


@given(fields=FIELDS, key=KEYS)
@settings(max_examples=400, deadline=None)
def test_whatever_fields_it_has_it_stays_in_its_place(fields: dict[str, Any], key: str) -> None:
    try:
        tickets, said = asked(fields, key), ""
    except BadInput as error:
        tickets, said = (), str(error)
    assert said.isprintable()
    check_within(tickets, key)


@given(
    content=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8")),
    key=st.sampled_from(["trigger", "a/trigger.json", "trigger.toml", "trigger.txt"]),
)
@settings(max_examples=200, deadline=None)
def test_whatever_it_holds_it_raises_bad_input_alone(content: bytes, key: str) -> None:
    try:
        tickets, said = asked(content, key), ""
    except BadInput as error:
        tickets, said = (), str(error)
    assert said.isprintable()
    check_within(tickets, key)
