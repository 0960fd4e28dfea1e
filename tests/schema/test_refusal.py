"""Values out of range, of the wrong type or unknown are refused in plain words, wherever given."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto.errors import BadInput
from impasto.schema.job import JobSpec
from impasto.schema.profile import StoreProfile
from impasto.scorers import registry
from impasto.settings import Settings, load

FIELDS = [
    ({"crf": 99}, "`crf=99`: must be from 0 to 51"),
    ({"crf": "low"}, "`crf=low`: must be a whole number"),
    ({"crf": 1.5}, "`crf=1.5`: must be a whole number"),
    ({"fps": 0}, "`fps=0`: must be more than 0 and at most 1000"),
    ({"max_size": 3}, "`max_size=3`: must be at least 16"),
    ({"timeout": float("inf")}, "`timeout=inf`: must be a finite number"),
    ({"shard_frames": 0}, "`shard_frames=0`: must be at least 1 or auto"),
    ({"shard_frames": "x"}, "`shard_frames=x`: must be a whole number or auto"),
    ({"frames": "bmp"}, "`frames=bmp`: must be one of png, jpg, npy, npz"),
    ({"overwrite": "maybe"}, "`overwrite=maybe`: must be true or false"),
    ({"params": "style"}, "`params=style`: must be a table of names and values"),
    ({"source": 3}, "`source=3`: must be text"),
    ({"max_sise": 1}, "`max_sise`: unknown field; did you mean max_size?"),
    ({"colour": 1}, "`colour`: unknown field"),
]
PARAMS = [
    ("style", {"strength": 2}, "`strength=2`: must be from 0 to 1"),
    ("style", {"strngth": 2}, "`strngth`: unknown parameter; did you mean strength?"),
    ("gatys", {"tolerance": 1}, "`tolerance=1`: must be at least 0 and less than 1"),
]


@pytest.mark.parametrize(("fields", "said"), FIELDS)
def test_a_spec_names_the_field_its_value_and_what_it_may_be(
    fields: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInput) as refused:
        JobSpec(**{"source": "a.mp4", "output": "b.mp4", **fields})  # type: ignore[arg-type]
    assert str(refused.value).partition("; did")[0] == said.partition("; did")[0]
    assert refused.value.remedy in said


def test_a_choice_that_was_probably_meant_is_named() -> None:
    with pytest.raises(BadInput, match=r"slower, veryslow; did you mean fast\?"):
        JobSpec(source="a", output="b", preset="fasst")  # type: ignore[arg-type]


@pytest.mark.parametrize(("scorer", "params", "said"), PARAMS)
def test_a_scorers_parameters_do_too(scorer: str, params: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        registry.find(scorer).parse({"style": "p.jpg", **params})
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("wrokers = 3", "wrokers: unknown setting; did you mean workers?"),
        ('workers = "4:2"', "workers=4:2: has a minimum above its maximum"),
        ('memory = "lots"', "memory=lots: must be a size such as 8GB"),
        ("stores = 3", "stores=3: must be a table of names and values"),
        ("[stores.my-own]\nauth = 'sas'", "stores.my-own.url: is missing"),
        (
            "[stores.my-own]\nurl = 'az://media'\nacount = 'x'",
            "stores.my-own.acount: unknown setting; did you mean account?",
        ),
    ],
)
def test_a_config_file_is_named_with_the_setting(tmp_path: Path, config: str, said: str) -> None:
    path = tmp_path / "impasto.toml"
    path.write_text(config)
    with pytest.raises(BadInput) as refused:
        load(str(path))
    assert str(refused.value) == f"{path}: {said}"


def test_a_setting_is_named_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "impasto.toml"
    path.write_text('device = "gpu"')
    fact = "must be one of auto, cpu, cuda"
    with pytest.raises(BadInput) as refused:
        load(str(path))
    assert str(refused.value) == f"{path}: device=gpu: {fact}"
    monkeypatch.setenv("IMPASTO_DEVICE", "tpu")
    with pytest.raises(BadInput) as refused:
        load(str(path))
    assert str(refused.value) == f"IMPASTO_DEVICE=tpu: {fact}"
    with pytest.raises(BadInput) as refused:
        load(str(path), device="npu")
    assert str(refused.value) == f"`device=npu`: {fact}"


def test_what_may_be_a_secret_is_not_repeated() -> None:
    with pytest.raises(BadInput) as refused:
        Settings(stores={"media": {"url": "az://media", "auth": "hunter2"}})  # type: ignore[dict-item]
    assert "hunter2" not in str(refused.value)
    with pytest.raises(BadInput) as refused:
        Settings(workers="x" * 25)  # type: ignore[arg-type]
    assert "xxx" not in str(refused.value)
    with pytest.raises(BadInput) as refused:
        StoreProfile(url="az://media", auth="sas", secret="hunter-2")
    assert "hunter" not in str(refused.value)
