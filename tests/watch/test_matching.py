"""What becomes of an object, judged by its name and the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import BadInput
from impasto.planning.template import below, fields_of, fill, makes, parse_template
from impasto.schema.base import read as read_record
from impasto.schema.url import parse
from impasto.schema.watch import Ticket
from impasto.watch.matching import Passed, decide, is_output
from impasto.watch.rule import Rule, Variant
from support.rules import COPY, arrival, read, styles, the_rule

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.watch.arrival import Arrival


def rule(
    inbox: str = "s3://media/in", output: str = "s3://media/out/{path}/{name}.mp4", **fields: object
) -> Rule:
    given: dict[str, object] = {
        "patterns": ("**/*.mp4",),
        "variants": (Variant(recipe="r"),),
        "name": "copy",
    }
    given |= {"scorer": "identity", "inbox": inbox, "output": output, **fields}
    return Rule.model_validate(given)


def passed(mine: Rule, it: Arrival | str, *others: Rule) -> str:
    found = decide(mine, (mine, *others), arrival(it) if isinstance(it, str) else it)
    assert isinstance(found, Passed)
    assert found.reason.isprintable()
    return found.kind


def tickets(mine: Rule, key: str, *others: Rule, version: str = "v1") -> tuple[Ticket, ...]:
    found = decide(mine, (mine, *others), arrival(key, version=version))
    assert not isinstance(found, Passed), found
    return found


def test_an_object_becomes_a_job_for_each_style(tmp_path: Path) -> None:
    styles(tmp_path, "starry.jpg", "wave.png")
    mine = the_rule(
        tmp_path,
        """
        [rules.paint]
        inbox = "in"
        style = ["starry.jpg", "wave.png"]
        strength = 0.5
        crf = 20
        output = "out/{rule}/{path}/{sender}-{name}-{style}-{version}.{ext}"
        """,
    )
    one, two = tickets(mine, "alice/day 1/Clip.MP4")
    assert one.name != two.name
    assert (one.sender, one.key, one.size) == ("alice", "alice/day 1/Clip.MP4", 1000)
    assert one.spec.source == str(tmp_path / "in/alice/day 1/Clip.MP4")
    version = one.spec.output[-12:-4]
    above = tmp_path / "out/paint/alice/day 1"
    assert one.spec.output == str(above / f"alice-Clip-starry-{version}.MP4")
    assert two.spec.params == {"style": str(tmp_path / "wave.png"), "strength": 0.5}
    assert (one.spec.crf, one.spec.exact, one.spec.overwrite) == (20, True, False)
    again = tickets(mine, "alice/day 1/Clip.MP4", version="v2")[0]
    assert again.name != one.name
    assert again.spec.output != one.spec.output
    assert tickets(mine, "clip.mp4")[0].spec.output.startswith(str(tmp_path / "out/paint/-clip"))


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("notes.md", "pattern"),
        ("list.txt", "pattern"),
        ("folder/", "pattern"),
        ("sub/deep/clip.avi", "pattern"),
        ("drafts/a/clip.mp4", "excluded"),
        (".hidden.mp4", "hidden"),
        (".git/clip.mp4", "hidden"),
        (".clip.mp4.aB3dE6", "hidden"),
        ("clip.mp4.part", "temporary"),
        ("clip.mp4.PARTIAL", "temporary"),
        ("clip.crdownload", "temporary"),
        ("clip.mp4.filepart", "temporary"),
        ("a/clip.mp4.tmp", "temporary"),
        ("clip.mp4~", "temporary"),
        ("~$clip.mp4", "temporary"),
        ("clip.mp4#12", "temporary"),
        ("done/clip.mp4", "moved"),
        ("painted/a/x-copy.mp4", "output"),
        ("painted/a/x-copy.failed.jsonl", "output"),
        ("painted/a/x-copy.mp4.failed.jsonl", "output"),
        ("trigger", "trigger"),
        ("alice/Trigger-1.JSON", "trigger"),
        ("trigger.mp4.sh", "pattern"),
        ("../clip.mp4", "refused"),
        ("a//clip.mp4", "refused"),
        ("a/./clip.mp4", "refused"),
        ("a\\b.mp4", "refused"),
        ("a\nb.mp4", "refused"),
        ("bad\udcff.mp4", "refused"),
        ("x" * 1100 + ".mp4", "refused"),
    ],
)
def test_what_is_no_new_object_is_passed_over(key: str, kind: str) -> None:
    mine = rule(
        exclude=("drafts/**",),
        after="move",
        output="s3://media/in/painted/{path}/{name}-{rule}.mp4",
    )
    assert passed(mine, key) == kind


def test_patterns_keep_to_folders_and_ignore_the_case_of_suffixes() -> None:
    flat = rule(patterns=("*.mp4",))
    assert tickets(flat, "clip.MP4")
    assert passed(flat, "a/clip.mp4") == "pattern"
    deep = rule(patterns=("shots/**/*.MOV", "[ab]?.mp4"))
    assert tickets(deep, "shots/clip.mov")
    assert tickets(deep, "shots/x/y/clip.MoV")
    assert tickets(deep, "a1.mp4")
    assert passed(deep, "Shots/clip.mov") == "pattern"
    assert passed(deep, "c1.mp4") == "pattern"


def test_limits_refuse_what_is_too_large_and_empty_objects_wait() -> None:
    mine = rule(limits={"max_bytes": 10})
    assert passed(mine, arrival("clip.mp4", size=11)) == "refused"
    assert passed(mine, arrival("clip.mp4", size=0)) == "empty"
    assert passed(rule(), arrival("trigger.json", size=(1 << 16) + 1)) == "refused"
    assert passed(rule(triggers=False), "trigger.json") == "pattern"


def test_times_that_a_writer_makes_up_are_kept_sane() -> None:
    found = decide(rule(), (rule(),), arrival("clip.mp4", modified=-1e15))
    assert isinstance(found, tuple)
    assert found[0].modified == 0.0


@pytest.mark.parametrize(
    ("output", "own"),
    [
        ("s3://media/in/out/{path}/{name}.mp4", "out/x.mp4"),
        ("s3://media/in/out/{path}/{name}.mp4", "out/a/b/x.mp4"),
        ("s3://media/in/{path}/{name}-copy.mp4", "a/b/x-copy.mp4"),
        ("s3://media/in/{path}/{sender}/{name}.mkv.mp4", "x.mkv.mp4"),
        ("s3://media/{path}/in/{name}-{version}.mp4", "x-0123abcd.mp4"),
        ("s3://media/in/frames-{name}/", "frames-x/000001.mp4"),
        ("s3a://media/in/out/{path}/{name}.mp4", "out/x.mp4"),
    ],
)
def test_outputs_in_and_beside_the_inbox_are_no_new_objects(output: str, own: str) -> None:
    mine = rule(output=output)
    assert passed(mine, own) == "output"
    assert tickets(mine, "x.mp4")
    made = parse(tickets(mine, "a/b.mp4")[0].spec.output)
    assert is_output((mine,), made) == "copy"


def test_outputs_of_other_rules_are_no_new_objects() -> None:
    other = rule("s3://media/photos", "s3://media/in/films/{name}.mp4", name="film")
    assert passed(rule(), "films/x.mp4", other) == "output"
    account = rule("s3://media/photos", "s3://media2/in/films/{name}.mp4", name="film")
    assert tickets(rule(), "films/x.mp4", account)


def test_of_two_rules_that_make_the_same_output_the_first_does() -> None:
    first = rule("s3://media/in/sub", "s3://media/out/{name}.mp4", name="a")
    second = rule(output="s3://media/out/{name}.mp4", name="b")
    assert tickets(first, "x.mp4", second)
    assert passed(second, "sub/x.mp4", first) == "refused"
    assert tickets(second, "x.mp4", first)


def test_rows_are_no_list_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    text = '[rules.r]\ninbox = "in"\nscorer = "onnx:model.onnx"\noutput = "out/{name}.jsonl"\n'
    mine = the_rule(tmp_path, text + 'patterns = ["**"]\n')
    assert tickets(mine, "rows.csv")
    assert passed(mine, "list.txt") == "pattern"
    copies = rule(patterns=("**",))
    for name in ("rows.csv", "list.txt", "x.parquet", "x.jsonl", "x.LST"):
        assert passed(copies, name) == "pattern"


ODD = (
    "a b+é.mp4",
    "%2F.mp4",
    "%2e%2e%2f.mp4",
    "clip #1.mp4",
    "*[x].mp4",
    "?sig.mp4",
    "a{b}.mp4",
    "{name}.mp4",
    "~root.mp4",
    "file:x.mp4",
    "x" * 251 + ".mp4",
    "é" * 125 + ".mp4",
)


@pytest.mark.parametrize("key", ODD)
@pytest.mark.parametrize(
    "base", ["/srv", "s3://media", "az://media", "https://acct.blob.core.windows.net/media"]
)
def test_odd_names_work(base: str, key: str) -> None:
    mine = rule(f"{base}/in", f"{base}/out/{{path}}/{{name}}-painted.mp4")
    (ticket,) = tickets(mine, f"alice/{key}")
    source, output = parse(ticket.spec.source), parse(ticket.spec.output)
    assert source == parse(f"{base}/in").child(f"alice/{key}")
    assert below(parse(f"{base}/out"), output)
    assert output.key.endswith("-painted.mp4")
    assert len(output.name.encode()) <= 255
    assert read_record(Ticket, ticket.model_dump_json().encode()) == ticket


def test_long_names_that_are_cut_stay_apart() -> None:
    mine = rule(output="s3://media/out/{path}/{name}-painted.mp4")
    one, two = (parse(tickets(mine, f"{'x' * 250}{n}.mp4")[0].spec.output) for n in "12")
    assert one != two
    assert len(one.name) == len(two.name) == 255


PART = st.text(st.characters(codec=None), max_size=12)
KEYS = st.lists(PART, min_size=1, max_size=4).map("/".join)
TEMPLATES = st.sampled_from(
    [
        "{base}/{{path}}/{{name}}.mp4",
        "{base}/{{sender}}/{{name}}-{{style}}-{{version}}.{{ext}}",
        "{base}/{{rule}}/{{path}}/x{{name}}/",
        "{base}/{{name}}{{ext}}",
    ]
)
BASES = st.sampled_from(
    ["/srv/in/out", "s3://media/out", "https://acct.blob.core.windows.net/media"]
)


@given(key=KEYS, template=TEMPLATES, base=BASES, style=PART)
@settings(max_examples=200, deadline=None)
def test_whatever_a_name_is_the_output_is_below_the_templates_folder(
    key: str, template: str, base: str, style: str
) -> None:
    text = template.format(base=base)
    variant = Variant(name=style, recipe="r")
    mine = rule("/srv/in", text, patterns=("**",), variants=(variant,))
    found = decide(mine, (mine,), arrival(key))
    assert isinstance(found, Passed) or found
    if isinstance(found, Passed):
        assert found.reason.isprintable()
        return
    output = parse(found[0].spec.output)
    inside = below(parse(base), output)
    assert inside
    assert ".." not in inside.split("/")
    assert below(parse("/srv/in"), parse(found[0].spec.source)) == key
    assert makes(text, "copy", [style], output)


@given(key=KEYS)
@settings(max_examples=100, deadline=None)
def test_whatever_a_name_is_its_refusal_is_printable(key: str) -> None:
    first, second = (rule("/srv/in", "/out/{path}/{name}", name=name) for name in "ab")
    both = [each.model_copy(update={"patterns": ("**",)}) for each in (first, second)]
    found = decide(both[1], both, arrival(key))
    assert isinstance(found, Passed)
    assert found.reason.isprintable()


@given(key=KEYS, style=PART, base=BASES, template=TEMPLATES)
@settings(max_examples=200, deadline=None)
def test_filling_a_template_raises_bad_input_alone(
    key: str, style: str, base: str, template: str
) -> None:
    text = template.format(base=base)
    try:
        url = fill(parse_template(text), fields_of(key, "v", style, "rule"))
    except BadInput:
        return
    assert below(parse(base), parse(url))


def test_decisions_of_rules_read_from_a_file_agree_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "in").symlink_to(tmp_path / "real")
    (mine,) = read(tmp_path, COPY.replace("out/", "real/out/"))[1]
    assert passed(mine, "out/x.mp4") == "output"
    (ticket,) = tickets(mine, "x.mp4")
    assert ticket.spec.source == str(tmp_path / "real" / "x.mp4")
