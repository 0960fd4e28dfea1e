"""A job's spec, also one that an earlier version wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from impasto.errors import BadInput
from impasto.schema.job import JobSpec
from impasto.schema.outcome import ItemError, Result
from impasto.settings import Settings

DIGEST = "e6b9d5f9ae4a769f8057704464de79ba5e94aaeb667c00bc0b9523eadc35a59e"
OLD = f"""{{
 "source": "/in/rows.csv",
 "output": "/out/o.jsonl",
 "scorer": "script",
 "params": {{
  "model": "/in/model",
  "script": "/in/score.py",
  "script_sha256": "{DIGEST}",
  "model_digest": "b497",
  "args": "--x 1"
 }},
 "items": null, "frames": null, "fps": null, "max_size": null, "start": null, "end": "1/3",
 "crf": 18, "preset": "veryfast", "shard_frames": null, "mini_batch": null, "timeout": null,
 "max_failed": 0, "max_failed_percent": null, "max_failed_batches": -1,
 "requirements": "/in/needs.txt", "requirements_sha256": "e09f", "overwrite": false
}}"""


def test_a_spec_of_the_time_before_pins_is_read_with_its_digests() -> None:
    spec = JobSpec.model_validate_json(OLD)
    assert spec.params == {"model": "/in/model", "script": "/in/score.py", "args": "--x 1"}
    assert spec.pins == {"script": DIGEST, "model": "b497", "requirements": "e09f"}
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


def test_an_old_spec_without_digests_is_read_as_it_is() -> None:
    params = {"style": "/in/p.jpg", "weights_sha256": None}
    fields = {"source": "a", "output": "b", "params": params, "requirements_sha256": None}
    spec = JobSpec.model_validate(fields)
    assert (spec.params, spec.pins) == ({"style": "/in/p.jpg"}, {})


def test_a_parameter_of_another_package_may_be_called_like_an_old_digest() -> None:
    params = {"model": "m", "model_sha256": "mine"}
    spec = JobSpec(source="a", output="b", scorer="other", params=params)
    assert (spec.params, spec.pins) == (params, {})
    assert JobSpec.model_validate_json(spec.model_dump_json()).params == params


@pytest.mark.parametrize(
    ("given", "items", "percent"), [(3, 3, None), ("3", 3, None), ("all", -1, None), ("5%", 0, 5)]
)
def test_the_items_that_may_fail_are_written_as_on_the_command_line(
    given: object, items: int, percent: float | None
) -> None:
    spec = JobSpec.model_validate({"source": "a", "output": "b", "max_failed": given})
    assert (spec.max_failed, spec.max_failed_percent) == (items, percent)
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


def test_any_number_of_mini_batches_may_be_called_all() -> None:
    fields = {"source": "a", "output": "b", "max_failed_batches": "all"}
    assert JobSpec.model_validate(fields).max_failed_batches == -1


def test_a_strange_number_of_items_that_may_fail_is_refused() -> None:
    with pytest.raises(BadInput, match="is not a number, a percentage or 'all'; write 10, 5% or"):
        JobSpec.model_validate({"source": "a", "output": "b", "max_failed": "some"})


def test_paths_are_taken_as_their_text() -> None:
    given: Any = {"source": Path("photos"), "output": Path("/o") / "out.mp4"}
    spec = JobSpec(**given, params={"style": Path("p.jpg"), "strength": 0.5})
    assert (spec.source, spec.output) == ("photos", "/o/out.mp4")
    assert spec.params == {"style": "p.jpg", "strength": 0.5}
    home: Any = Path("/jobs")
    assert Settings(home=home).home == "/jobs"


def test_fields_are_given_by_name() -> None:
    kinds: Any = (JobSpec, Settings)
    for kind, example in zip(kinds, ("source=..., output=...", "home=..."), strict=True):
        with pytest.raises(BadInput) as caught:
            kind("photos", "out")
        name = kind.__name__
        assert str(caught.value) == f"{name}: takes its fields by name; write {name}({example})"


@pytest.mark.parametrize(("seconds", "already"), [(0.0, True), (2.5, False)])
def test_a_result_is_a_short_line_in_a_notebook(seconds: float, already: bool) -> None:
    aside = (ItemError(item=1, key="a.png", error="ValueError: no", traceback="Traceback ..."),)
    result = Result(
        job="96ae0765f462",
        output="/out.mp4",
        items=24,
        failed=1,
        aside=aside,
        concealed=0,
        seconds=seconds,
        fps=9.6,
        bytes=1,
        sha256="e6b9",
    )
    assert result.done_already is already
    assert repr(result) == (
        f"Result(output='/out.mp4', items=24, failed=1, seconds={seconds}, job='96ae0765f462')"
    )
