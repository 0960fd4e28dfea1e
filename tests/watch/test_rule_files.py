"""Rules of a config file: what they say, and all that can be wrong with them at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from impasto.errors import BadInput, BadRules, Unavailable
from impasto.schema.base import change
from impasto.settings import load
from impasto.storage import store as stores_module
from support.rules import COPY, read, styles, the_rule

if TYPE_CHECKING:
    from collections.abc import Callable


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(BadRules) as wrong:
        read(folder, text)
    return [*wrong.value.problems]


def rule_with(*lines: str, base: str = COPY) -> str:
    return base + "\n".join(lines)


def test_a_rule_says_what_becomes_of_an_object(tmp_path: Path) -> None:
    styles(tmp_path, "starry.jpg", "wave.png")
    watch, rules = read(
        tmp_path,
        """
        [watch]
        jobs = 2
        grace = "1m"
        [rules.paint]
        inbox = "in/"
        patterns = ["**/*.mp4"]
        exclude = ["drafts/**"]
        style = ["starry.jpg", "wave.png"]
        strength = 0.8
        max_size = 1280
        output = "out/{path}/{name}-{style}.mp4"
        workers = 1
        memory = "2GB"
        jobs = 1
        settle = "1m"
        allow = ["strength", "crf"]
        after = "move"
        keep_jobs = "30d"
        max_bytes = "2GB"
        max_pixels = "4096x2160"
        max_per_hour = 60
        """,
    )
    (rule,) = rules
    assert (watch.jobs, watch.grace) == (2, 60.0)
    assert rule.inbox == str(tmp_path / "in")
    assert rule.output == str(tmp_path / "out/{path}/{name}-{style}.mp4")
    assert [each.name for each in rule.variants] == ["starry", "wave"]
    assert rule.variants[0].params == {"style": str(tmp_path / "starry.jpg"), "strength": 0.8}
    assert rule.spec == {"max_size": 1280}
    assert (rule.settle, rule.interval, rule.keep_jobs) == (60.0, 10.0, 30 * 86400)
    assert (rule.limits.max_bytes, rule.limits.max_pixels) == (2_000_000_000, 4096 * 2160)
    assert change(load(home="h"), rule.settings, "").workers.most == 1


def test_a_rules_values_by_name_are_beside_the_rules_as_other_files(tmp_path: Path) -> None:
    for name in ("net.onnx", "w.npy"):
        (tmp_path / name).write_bytes(b"")
    rule = the_rule(
        tmp_path,
        """
        [rules.r]
        inbox = "in/"
        scorer = "onnx:net.onnx"
        input = { w = "w.npy", rate = 16000 }
        size = "x48"
        output = "out/{name}.jsonl"
        """,
    )
    (variant,) = rule.variants
    assert variant.params["input"] == {"w": str(tmp_path / "w.npy"), "rate": 16000}
    assert variant.params["model"] == str(tmp_path / "net.onnx")


def test_what_a_rule_leaves_out_suits_its_inbox_and_output(tmp_path: Path) -> None:
    rule = the_rule(tmp_path, COPY)
    assert (rule.settle, rule.interval, rule.after, rule.triggers) == (2.0, 10.0, "stay", True)
    assert "**/*.mov" in rule.patterns
    assert "**/*.png" not in rule.patterns  # no picture becomes an .mp4
    folder = the_rule(tmp_path, COPY.replace(".mp4", "/"))
    assert {"**/*.mov", "**/*.png"} <= {*folder.patterns}


def test_a_folder_of_styles_is_a_style_each(tmp_path: Path) -> None:
    styles(tmp_path / "styles", "b.png", "a.jpg")
    (tmp_path / "styles" / "notes.md").touch()
    text = '[rules.r]\ninbox = "in"\nstyle = "%s"\noutput = "out/{name}-{style}.png"\n'
    for given in ("styles", "styles/*"):
        variants = the_rule(tmp_path, text % given).variants
        assert [each.name for each in variants] == ["a", "b"]
        assert len({each.recipe for each in variants}) == 2


def test_a_recipe_changes_with_what_determines_the_output_only(tmp_path: Path) -> None:
    def recipe(*lines: str, base: str = COPY) -> str:
        return the_rule(tmp_path, rule_with(*lines, base=base)).variants[0].recipe

    before = recipe()
    for line in ("jobs = 1", "engine = 'inline'", "settle = 9", "max_failed = 3", "after = 'move'"):
        assert recipe(line) == before
    assert recipe('labels = { show = "42" }') == before
    others = [recipe("crf = 20"), recipe(base=COPY.replace("out/", "other/"))]
    others += [recipe(base=COPY.replace('"in"', '"inbox"')), recipe('tenant = "ann"')]
    assert len({before, *others}) == 5


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    lines = problems(
        tmp_path,
        """
        [watch]
        jobs = 0
        [rules.one]
        inbox = "in"
        style = "missing.jpg"
        strenght = 0.8
        crf = 99
        tries = 0
        output = "out/{name}.mp4"
        [rules.two]
        inbox = "in"
        scorer = "styel"
        output = "out/{name}.mp4"
        [rules.three]
        scorer = "identity"
        output = "out/{nmae}.mp4"
        """,
    )
    assert all(line.startswith(("watch: ", "rule ")) and "\n" not in line for line in lines)
    text = "\n".join(lines)
    for said in (
        "watch: jobs=0: must be at least 1",
        "rule one: strenght: unknown key; did you mean strength?",
        "rule one: crf=99: must be from 0 to 51",
        "rule one: tries=0: must be from 1 to 100",
        "missing.jpg: no such picture; check the path",
        "rule two: scorer 'styel' is unknown; did you mean style?",
        "rule three: inbox: is missing",
    ):
        assert said in text
    assert "`" not in text.replace("`impasto", "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("max_size = 'big'", "max_size=big: must be a whole number"),
        ("workers = 'many'", "workers=many: is neither a number nor a range"),
        ("settle = 'soon'", "settle=soon: must be a number of seconds"),
        ("after = 'tag'", "folders have no tags"),
        ("after = 'delete'", "after=delete: must be one of stay, move, tag"),
        ("queue = 'https://a.queue.core.windows.net/q'", "only what is in az:// and s3://"),
        ("queue_secret = 'KEY'", "queue_secret: opens nothing without queue"),
        ("patterns = ['../*']", "must be a pattern of names below the inbox"),
        ("patterns = ['*.png']", "an image cannot become .mp4"),
        ("allow = ['weights']", "weights is nothing that a trigger file may set"),
        ("allow = ['crff']", "did you mean crf?"),
        ("on_done = 'http://example.com/'\nhook_secret = 'HOOK'", "is not encrypted"),
        ("on_done = 'https://example.com/'", "hook_secret: is missing"),
        ("on_failed = 'https://example.com/'\nhook_secret = 'UNSET'", "UNSET: is not set"),
        ("home = 'elsewhere'", "home: unknown key"),
        ("overwrite = true", "overwrite: unknown key"),
        ("max_pixels = 'huge'", "max_pixels=huge: must be a whole number"),
        ("requirements = 'none.txt'", "none.txt: no such file"),
    ],
)
def test_one_wrong_line_is_told(tmp_path: Path, line: str, said: str) -> None:
    (told,) = problems(tmp_path, rule_with(line))
    assert told.startswith("rule copy: ")
    assert said in told


@pytest.mark.parametrize(
    ("inbox", "output", "said"),
    [
        ("home", "out/{name}.mp4", "inbox home: is in the home of jobs"),
        ("home/jobs", "out/{name}.mp4", "is in the home of jobs"),
        (".", "out/{name}.mp4", "inbox .: holds the home of jobs"),
        ("in", "home/{name}.mp4", "is in the home of jobs"),
        ("in", "{path}/{name}.mp4", "holds the home of jobs"),
        ("in/*", "out/{name}.mp4", "is a pattern"),
        ("impasto.toml", "out/{name}.mp4", "is a file"),
        ("in", "out/clip.mp4", "is the same for all objects"),
        ("in", "out/{path}/clip.mp4", "is the same for several objects"),
        ("in", "out/{name}/{sender}", "ends in a field that may be empty"),
        ("in", "out/{nmae}.mp4", "unknown field {nmae}; did you mean name?"),
        ("in", "out/{name!r}.mp4", "unknown field"),
        ("in", "out/{name.mp4", "has a brace of its own"),
        ("in", "out/x{path}/{name}.mp4", "put slashes around it"),
        ("in", "out/{path}/../{name}.mp4", "'..' part"),
        ("in", "out/{name}-{style}.mp4", "the rule has no style"),
        ("in", "out/{name}.gif", "a video cannot become .gif"),
        (
            "in",
            "in/{path}/{name}.mp4",
            "all in it that matches **/*.mp4 counts as an output of rule copy",
        ),
        ("in", "az://{path}/{name}.mp4", "does not begin with a container"),
        ("in", "ftp://x/{name}.mp4", "scheme ftp:// is not supported"),
        ("https://acct.blob.core.windows.net/in?sig=abcdefgh", "o/{name}.mp4", "a signature"),
        ("az://media/in", "out/{name}.mp4", "account"),
    ],
)
def test_a_place_that_cannot_be_is_told(tmp_path: Path, inbox: str, output: str, said: str) -> None:
    text = COPY.replace('"in"', f'"{inbox}"').replace("out/{path}/{name}.mp4", output)
    told = problems(tmp_path, text)
    assert said in "\n".join(told)
    assert "abcdefgh" not in "\n".join(told)


def test_links_do_not_hide_where_places_are(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "home")
    assert "in the home" in problems(tmp_path, COPY.replace('"in"', '"alias"'))[0]
    (tmp_path / "in").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "in")
    text = COPY.replace("{path}/{name}.mp4", "{path}/{name}.mov")
    patterns = "patterns = ['**/*.mov']"
    assert "counts as an output" in problems(tmp_path, rule_with(patterns, base=text))[0]


def test_a_rule_that_moves_what_another_one_takes_is_told(tmp_path: Path) -> None:
    other = COPY.replace("copy", "second").replace("{name}", "{name}-2")
    assert len(read(tmp_path, COPY + other)[1]) == 2
    for text in (
        rule_with('after = "move"') + other,
        COPY + rule_with('after = "move"', base=other),
    ):
        (told,) = problems(tmp_path, text)
        assert "after=move" in told
    sub = other.replace('"in"', '"in/alice"')
    assert problems(tmp_path, rule_with('after = "move"') + sub)
    apart = rule_with('after = "move"', "patterns = ['**/*.mov']")
    assert len(read(tmp_path, apart + other + "patterns = ['**/*.mkv']")[1]) == 2


def test_two_rules_that_make_the_same_output_are_told(tmp_path: Path) -> None:
    other = COPY.replace("copy", "second")
    (told,) = problems(tmp_path, COPY + other)
    assert "rule second: output" in told
    assert "rule copy makes it of the same object" in told
    inner = other.replace('"in"', '"in/sub"').replace("{path}", "sub/{path}")
    assert len(problems(tmp_path, COPY + inner)) == 1
    apart = other.replace("out/", "out/{rule}/")
    assert len(read(tmp_path, COPY + apart)[1]) == 2
    others = rule_with("patterns = ['**/*.mkv']", base=other)
    assert len(read(tmp_path, rule_with("patterns = ['*.mp4']") + others)[1]) == 2


def test_an_inbox_that_holds_only_outputs_of_another_rule_is_told(tmp_path: Path) -> None:
    chained = '[rules.next]\ninbox = "out"\nscorer = "identity"\noutput = "end/{name}.mp4"\n'
    (told,) = problems(tmp_path, COPY + chained)
    assert "rule next: inbox: all in it that matches **/*.mp4 counts as an output" in told


def test_several_styles_need_a_place_in_the_name(tmp_path: Path) -> None:
    styles(tmp_path, "a.png", "b.png")
    text = '[rules.r]\ninbox = "in"\nstyle = ["a.png", "b.png"]\noutput = "out/{name}.mp4"\n'
    (told,) = problems(tmp_path, text)
    assert "is the same for all styles; add {style} to it" in told
    styles(tmp_path / "sub", "a.jpg")
    told = problems(tmp_path, text.replace("b.png", "sub/a.jpg"))[0]
    assert "two pictures are named a" in told


def test_a_store_that_does_not_answer_makes_no_rule_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "a" * 20)

    def away(*_: object) -> object:
        raise Unavailable("it does not answer")

    monkeypatch.setattr(stores_module.Store, "stat", away)
    monkeypatch.setattr(stores_module.Store, "read", away)
    text = """
    [stores.media]
    url = "s3://media"
    auth = "key"
    secret = "KEY"
    key_id = "KEY"
    role = "control"
    [rules.r]
    inbox = "s3://media/in/"
    style = "s3://media/styles/a.png"
    weights = "s3://media/w.safetensors"
    output = "s3://media/out/{path}/{name}.mp4"
    after = "tag"
    queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/new"
    """
    rule = the_rule(tmp_path, text)
    assert (rule.inbox, rule.settle, rule.interval) == ("s3://media/in", 0.0, 60.0)
    assert rule.output == "s3://media/out/{path}/{name}.mp4"
    wrong = text.replace("sqs.eu-west-1.amazonaws.com", "acct.queue.core.windows.net")
    assert "is not a queue for s3://" in problems(tmp_path, wrong)[0]
    secret = text + 'queue_secret = "KEY"\n'
    assert "queue_secret: is only for Azure" in problems(tmp_path, secret)[0]
    data = text.replace('role = "control"', "")
    assert "only read from the control store" in problems(tmp_path, data)[0]


def test_a_wrong_rule_breaks_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "impasto.toml"
    file.write_text("workers = 3\n[watch]\nx = 1\n[rules.copy]\ny = 2\n")
    assert load(str(file)).workers.most == 3
    file.write_text("rules = 3\n")
    assert load(str(file))
    assert problems(tmp_path, "rules = 3\n") == ["rules: must be a table; write [rules]"]


def test_a_file_without_rules_has_none_and_one_that_is_no_toml_is_told(tmp_path: Path) -> None:
    assert read(tmp_path, "")[1] == ()
    with pytest.raises(BadInput, match=r"impasto\.toml"):
        read(tmp_path, "[rules")


@pytest.mark.parametrize("name", ["Upper", "'a b'", "'../x'", "'x/y'"])
def test_a_rule_has_a_plain_name(tmp_path: Path, name: str) -> None:
    assert "must match" in problems(tmp_path, COPY.replace("copy", name))[0]


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def __init__(self, gain: float = 1.0):\n        pass\n"
        "    def score(self, batch):\n        return batch\n"
    )
    return lambda line: COPY.replace("identity", "python:mine.py:Mine") + line


def test_scorers_of_users_are_found_beside_the_file(
    tmp_path: Path, script: Callable[[str], str]
) -> None:
    rule = the_rule(tmp_path, script("gain = 2.0\nallow = ['gain']"))
    (variant,) = rule.variants
    assert rule.scorer == "python"
    assert variant.params["module"] == str(tmp_path / "mine.py")
    assert variant.params["args"] == {"gain": 2.0}
    assert "loss" in problems(tmp_path, script("loss = 2.0"))[0]


def test_reading_rules_loads_no_model_and_no_codec() -> None:
    code = "import sys, impasto.watch.rules, impasto.watch.trigger, impasto.watch.inside; "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"torch", "av", "PIL", "azure", "boto3"} & set(done.stdout.split())
