from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from impasto.cli.blends import blend
from impasto.errors import BadInput


def asked(styles: list[str], scorer: str = "style", **more: Any) -> Any:
    several = ("style", styles) if len(styles) > 1 else ("", [])
    return blend(scorer, {"style": styles[0], **more}, several)


@pytest.mark.parametrize(
    ("styles", "mix"),
    [
        (["a.jpg:0.7", "b.jpg:.3"], {"b.jpg": 0.3}),
        (["a.jpg:2", "s3://bucket/b.jpg:1", "c.jpg:1"], {"s3://bucket/b.jpg": 0.25, "c.jpg": 0.25}),
    ],
)
def test_styles_with_weights_are_one_job(styles: list[str], mix: dict[str, float]) -> None:
    params, several = asked(styles, strength="0.5")
    assert several == ("", [])
    assert params == {"style": "a.jpg", "strength": "0.5", "mix": pytest.approx(mix)}


@pytest.mark.parametrize(
    "styles",
    [["a.jpg"], ["a.jpg", "b.jpg"], ["https://h/a.jpg?st=2026-01-01T10:30", "https://h/b.jpg?s=1"]],
)
def test_styles_without_weights_are_jobs_of_their_own(styles: list[str]) -> None:
    params, several = asked(styles)
    assert params == {"style": styles[0]}
    assert several == (("style", styles) if len(styles) > 1 else ("", []))


def test_a_file_of_that_very_name_has_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jpg:0.7").touch()
    assert asked(["a.jpg:0.7"])[0] == {"style": "a.jpg:0.7"}
    with pytest.raises(BadInput, match=r"^--style a\.jpg:0\.7: has no weight, but b\.jpg has; "):
        asked(["a.jpg:0.7", "b.jpg:0.3"])


@pytest.mark.parametrize(
    ("styles", "scorer", "said"),
    [
        (["a.jpg:0.7"], "style", "--style a.jpg:0.7: is the only one; leave"),
        (["a.jpg:0.7", "b.jpg"], "style", "--style b.jpg: has no weight, but a.jpg has; give"),
        (["a.jpg:1", "a.jpg:2"], "style", "--style a.jpg: is given twice; leave"),
        (["a.jpg:1", "b.jpg:0"], "style", "--style b.jpg:0: weighs nothing; leave"),
        (["a.jpg:1", "b.jpg:1"], "gatys", "scorer gatys: takes one style; leave"),
    ],
)
def test_weights_that_make_no_sense_are_refused(styles: list[str], scorer: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        asked(styles, scorer)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("0s=a.jpg 10s=b.jpg", {"style": "a.jpg", "fade": {"10": "b.jpg"}}),
        (
            "0=my a.jpg  1:02.5=s3://bucket/b.jpg\n90s=my a.jpg",
            {"style": "my a.jpg", "fade": {"62.5": "s3://bucket/b.jpg", "90": "my a.jpg"}},
        ),
        ("5s=a.jpg 10s=b.jpg", {"style": "a.jpg", "fade": {"5": "a.jpg", "10": "b.jpg"}}),
        ("0s=a.jpg", {"style": "a.jpg"}),
        ("a.jpg 10s=b.jpg", {"style": "a.jpg 10s=b.jpg"}),
    ],
)
def test_styles_at_times_are_one_job(text: str, params: dict[str, Any]) -> None:
    assert asked([text]) == (params, ("", []))


def test_a_file_of_that_very_name_is_not_read_as_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("0s=a.jpg").touch()
    assert asked(["0s=a.jpg"])[0] == {"style": "0s=a.jpg"}


@pytest.mark.parametrize("text", ["10s=a.jpg 5s=b.jpg", "0s=a.jpg 0s=b.jpg", "0s= 1s=b.jpg"])
def test_times_must_ascend(text: str) -> None:
    with pytest.raises(BadInput, match="is no list of paintings at later and later times"):
        asked([text])


def test_a_scorer_of_one_style_takes_no_times() -> None:
    with pytest.raises(BadInput, match="scorer gatys: takes one style; leave its times out"):
        asked(["0s=a.jpg 1s=b.jpg"], "gatys")


def test_weights_and_shares_are_not_both_given() -> None:
    with pytest.raises(BadInput, match="say the same"):
        asked(["a.jpg:1", "b.jpg:1"], mix={"c.jpg": "0.5"})
