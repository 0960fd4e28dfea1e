"""Signatures stay beside what names their URLs, in memory, and are written nowhere."""

from __future__ import annotations

import copy
import pickle

import pytest

from impasto import secrecy
from impasto.errors import BadInput
from impasto.schema.base import parse
from impasto.schema.job import JobSpec
from impasto.schema.plan import Plan, Shard
from impasto.schema.profile import StoreProfile
from impasto.schema.signatures import Signatures
from impasto.secrecy import HIDDEN, explain, redact
from impasto.settings import Settings
from impasto.worker.task import Task

SIGNATURE = "q9Rk3Zx%2BTfVb0Hn1%2FJmLw7Yc2Pd5Sg8Uo4Ai6Ee%3D"
SAS = f"sv=2025-01-05&sp=rl&se=2030-01-01T00%3A00%3A00Z&sr=c&sig={SIGNATURE}"
BOX = "https://acct.blob.core.windows.net/box"
NAMED = {
    "source": f"{BOX}/in.mp4?{SAS}",
    "output": f"{BOX}2/out.mp4?{SAS}",
    "params": {"style": f"{BOX}3/style.jpg?{SAS}", "strength": 1},
    "requirements": f"{BOX}4/requirements.txt?{SAS}",
}
PLACES = (f"{BOX}/in.mp4", f"{BOX}2/out.mp4", f"{BOX}3/style.jpg", f"{BOX}4/requirements.txt")


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins as a process does."""
    monkeypatch.setattr(secrecy, "_known", set())


def signed() -> JobSpec:
    return JobSpec.model_validate(NAMED)


def held(spec: JobSpec) -> list[str]:
    return [spec.signatures.nearest(place) for place in PLACES]


def check_unsigned(value: object, *texts: str) -> None:
    for text in (repr(value), str(value), pickle.dumps(value).decode("latin"), *texts):
        assert SIGNATURE not in text
        assert "sig=" not in text


# Which signature goes where.


def test_the_nearest_signature_above_is_taken() -> None:
    signatures = Signatures(
        {BOX: "sig=container", f"{BOX}/a/": "sig=folder", f"{BOX}/a/b.mp4": "sig=object"}
    )
    wanted = {
        BOX: "container",
        f"{BOX}/": "container",
        f"{BOX}/x/y": "container",
        f"{BOX}/ab": "container",
        f"{BOX}/a": "folder",
        f"{BOX}/a/": "folder",
        f"{BOX}/a/c/d": "folder",
        f"{BOX}/a/b.mp4": "object",
    }
    assert {url: signatures.nearest(url)[4:] for url in wanted} == wanted
    for url in (f"{BOX}2/a", "https://acct.blob.core.windows.net/", "az://box/a", "/box/a", ""):
        assert signatures.nearest(url) == ""


def test_an_accounts_own_signature_serves_all_its_containers() -> None:
    account = "https://acct.blob.core.windows.net/"
    signatures = JobSpec(source=f"{account}?{SAS}", output="o").signatures
    assert signatures.nearest(f"{BOX}/a") == SAS
    assert signatures.nearest("https://other.blob.core.windows.net/box/a") == ""


def test_of_two_signatures_of_a_url_the_later_counts() -> None:
    both = Signatures({f"{BOX}/a": "sig=old", BOX: "sig=box"}) | Signatures({f"{BOX}/a": "sig=new"})
    assert both.nearest(f"{BOX}/a") == "sig=new"
    assert both.nearest(f"{BOX}/b") == "sig=box"


def test_signatures_are_in_no_text_pickle_or_comparison() -> None:
    signatures = Signatures({BOX: SAS})
    check_unsigned(signatures)
    assert signatures == Signatures()
    assert pickle.loads(pickle.dumps(signatures)).reveal() == {}


def test_whoever_is_handed_signatures_hides_them() -> None:
    revealed = Signatures({f"{BOX}/a": "sv=1&sig=notseenbefore"}).reveal()
    assert revealed == {f"{BOX}/a": "sv=1&sig=notseenbefore"}
    assert redact("x notseenbefore") == f"x {HIDDEN}"


# Jobs.


def test_a_job_names_its_urls_without_signatures() -> None:
    spec = signed()
    assert (spec.source, spec.output, spec.requirements) == (PLACES[0], PLACES[1], PLACES[3])
    assert spec.params == {"style": PLACES[2], "strength": 1}
    check_unsigned(spec, spec.model_dump_json(), str(spec.model_dump()))
    assert held(spec) == [SAS] * 4


@pytest.mark.parametrize(
    ("before", "after"), [("onnx:", ""), ("checkpoint:", ""), ("python:", ":Paint")]
)
def test_a_scorer_names_its_model_without_a_signature(before: str, after: str) -> None:
    spec = JobSpec(source="a", output="b", scorer=f"{before}{BOX}/m.x?{SAS}{after}")
    assert spec.scorer == f"{before}{BOX}/m.x{after}"
    assert spec.signatures.nearest(f"{BOX}/m.x") == SAS
    check_unsigned(spec)


def test_a_job_is_the_same_with_and_without_signatures() -> None:
    bare = JobSpec.model_validate_json(signed().model_dump_json())
    assert bare == signed()
    assert held(bare) == [""] * 4


def test_a_job_made_from_another_keeps_its_signatures() -> None:
    spec = signed()
    copies = [spec.model_copy(update={"crf": 20}), copy.copy(spec), copy.deepcopy(spec)]
    copies += [spec.model_copy(deep=True), parse(JobSpec, NAMED, "see --help")]
    assert [held(each) for each in copies] == [[SAS] * 4] * 5


def test_a_task_takes_no_signature_along() -> None:
    settings = Settings(home=f"{BOX}/jobs?{SAS}")
    shard = Shard(index=0, start=0, stop=1, names=("a",))
    plan = Plan(source="files", output="records", items="files", shards=(shard,))
    task = Task(
        home=settings.home,
        stores={"it": StoreProfile(url=f"{BOX}?{SAS}", auth="anonymous")},
        job="0123456789ab",
        spec=signed(),
        plan=plan,
        sample=shard,
    )
    check_unsigned(task, task.model_dump_json())
    sent = pickle.loads(pickle.dumps(task))
    assert sent == task
    assert held(sent.spec) == [""] * 4
    assert sent.stores["it"].signatures.reveal() == {}


@pytest.mark.parametrize("url", [f"az://box/in.mp4?{SAS}", f"ftp://host/a?{SAS}"])
def test_a_job_refuses_a_signature_that_it_could_not_use(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        JobSpec(source=url, output="out.mp4")
    assert SIGNATURE not in explain(refused.value)


# Settings.


def test_settings_name_their_urls_without_signatures() -> None:
    profile = {"url": f"{BOX}2?{SAS}", "auth": "anonymous"}
    fields = {"home": f"{BOX}/jobs?{SAS}", "stores": {"a": profile}}
    there = parse(Settings, fields, "correct it")
    assert (there.home, there.stores["a"].url) == (f"{BOX}/jobs", f"{BOX}2")
    check_unsigned(there, there.model_dump_json())
    for settings in (there, there.model_copy(update={"engine": "ray"})):
        assert settings.signatures.reveal() == {f"{BOX}/jobs": SAS, f"{BOX}2": SAS}
    assert pickle.loads(pickle.dumps(there)) == there
    assert pickle.loads(pickle.dumps(there)).signatures.reveal() == {}


def test_settings_sent_by_value_are_signed_again_where_they_arrive() -> None:
    profile = {"url": f"{BOX}2?{SAS}", "auth": "anonymous"}
    how = {"memory": "8GB", "workers": "2:4", "stores": {"a": profile}}
    given = parse(Settings, {"home": f"{BOX}/jobs?{SAS}", **how})
    fields, queries = given.model_dump(), given.signatures.reveal()
    check_unsigned(given, repr(fields))
    arrived = parse(Settings, fields).signed(Signatures(queries))
    assert arrived == given
    assert arrived.signatures.reveal() == queries
