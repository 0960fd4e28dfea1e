from __future__ import annotations

from typing import Annotated

import pytest

from impasto.driver.identity import job_id
from impasto.schema.base import Frozen
from impasto.schema.job import JobSpec
from impasto.scorers.entry import Entry
from impasto.scorers.params import Newer
from impasto.scorers.registry import SCORERS
from impasto.scorers.style.params import StyleParams


class Before(Frozen):
    strength: int = 1
    fit: str = "resize"


class Today(Frozen):
    strength: int = 1
    fit: Annotated[str, Newer("resize")] = "auto"
    size: Annotated[str, Newer()] = ""
    more: Annotated[tuple[int, ...], Newer()] = ()


def identity(params: Frozen) -> str:
    spec = JobSpec(source="a.mp4", output="b.mp4", scorer="net")
    entry = Entry("m:C", type(params), "")
    return job_id(spec, entry, params, ("a.mp4", "1"), "video", {})


def test_jobs_that_leave_newer_parameters_out_keep_their_ids() -> None:
    assert identity(Today()) == identity(Before())
    assert identity(Today(strength=2)) == identity(Before(strength=2))


@pytest.mark.parametrize("given", [Today(fit="tile"), Today(size="8x8"), Today(more=(1,))])
def test_a_newer_parameter_that_is_given_makes_another_job(given: Today) -> None:
    assert identity(given) != identity(Today())


def test_a_mix_is_known_by_what_its_pictures_hold() -> None:
    def mixed(**mix: float) -> str:
        params = StyleParams(style="a", mix=mix)
        spec = JobSpec(source="a.mp4", output="b.mp4")
        pictures = {"style": b"A", **{f"mix.{name}": name[:1].encode() for name in mix}}
        entry = SCORERS["style"]
        return job_id(spec, entry, params, ("a.mp4", "1"), "video", pictures)

    assert mixed(b=0.25, c=0.5) == mixed(c2=0.5, b2=0.25)
    assert len({mixed(), mixed(b=0.25), mixed(c=0.25), mixed(b=0.5)}) == 4


def test_a_fade_is_known_by_its_times_and_what_its_pictures_hold() -> None:
    def faded(letter: str, **fade: str) -> str:
        params = StyleParams(style="a", fade={at[1:]: name for at, name in fade.items()})
        spec = JobSpec(source="a.mp4", output="b.mp4")
        pictures = {"style": b"A", **{f"fade.{at}": letter.encode() for at in params.fade}}
        entry = SCORERS["style"]
        return job_id(spec, entry, params, ("a.mp4", "1"), "video", pictures)

    assert faded("B", t5="b") == faded("B", t5="elsewhere/b")
    assert len({faded("B"), faded("B", t5="b"), faded("C", t5="b"), faded("B", t6="b")}) == 4


def test_a_former_default_that_is_given_is_not_todays() -> None:
    assert identity(Today(fit="resize")) != identity(Today())
