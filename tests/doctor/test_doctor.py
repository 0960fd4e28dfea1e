"""The doctor finds what is wrong, says what to do, harms nothing and gives nothing away."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import metadata
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from impasto.cli.main import app
from impasto.doctor import machine, rights
from impasto.schema.profile import StoreProfile
from impasto.schema.url import parse
from impasto.storage import identities
from impasto.storage.store import Store
from impasto.storage.stores import Stores
from support.cloud import CONTROL, DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.cloud import Azurite, MotoS3

    Lines = dict[tuple[str, str], dict[str, str]]

ALL = "racwdl"


class Doctor:
    """Writes a config file, runs the command and reads what it says."""

    def __init__(self, folder: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = str(folder / "home")
        self.code = -1
        self._folder = folder
        self._azurite = azurite
        self._env = monkeypatch
        self._stores: dict[str, dict[str, str]] = {}
        self._secrets = list(azurite.accounts.values())

    def store(self, name: str, url: str, **fields: str) -> None:
        """Add a profile for the test server, by the account's key unless ``fields`` say else."""
        account = fields.setdefault("account", DATA)
        fields.setdefault("endpoint", self._azurite.endpoint(account))
        fields.setdefault("ca", str(self._azurite.ca))
        if "auth" not in fields:
            fields |= {"auth": "key", "secret": self.secret(self._azurite.accounts[account])}
        self._stores[name] = {"url": url} | {key: value for key, value in fields.items() if value}

    def bare(self, name: str, **fields: str) -> None:
        """Add a profile as it stands."""
        self._stores[name] = fields

    def by_sas(self, name: str, container: str, allows: str, **hours: float) -> None:
        """Add a profile of a container by a SAS."""
        sas = self._azurite.container_sas(DATA, container, allows, **hours)
        self._secrets += [sas, sas.rpartition("sig=")[2]]
        self.store(name, f"az://{container}/in", auth="sas", secret=self.secret(sas))

    def secret(self, value: str) -> str:
        """Put a secret into the environment; returns where."""
        name = f"SECRET_{len(self._secrets)}"
        self._env.setenv(name, value)
        self._secrets.append(value)
        return name

    def lines(self) -> Lines:
        """Run the command and return its lines by whose they are and what they are about."""
        config = self._folder / "impasto.toml"
        config.write_text(
            f"home = {json.dumps(self.home)}\n"
            + "".join(
                f"[stores.{name}]\n"
                + "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())
                for name, fields in self._stores.items()
            )
        )
        done = CliRunner().invoke(app, ["doctor", "--config", str(config), "--json"])
        self.code = done.exit_code
        assert not any(secret in done.output for secret in self._secrets)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert (done.exit_code == 4) == any(line["state"] == "FAIL" for line in found)
        return {(line["place"], line["item"]): line for line in found}

    def states(self, name: str) -> dict[str, str]:
        """Run the command and return what was looked at in one place, and its state."""
        return {
            item: each["state"] for (place, item), each in self.lines().items() if place == name
        }


@pytest.fixture
def doctor(tmp_path: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    return Doctor(tmp_path, azurite, monkeypatch)


@pytest.fixture
def container(azurite: Azurite) -> str:
    return azurite.make_container()


@pytest.fixture
def owner(azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The container's owner, who may do all."""
    monkeypatch.setenv("OWNER", azurite.accounts[DATA])
    profile = StoreProfile(
        url=f"{azurite.endpoint()}/{container}", auth="key", secret="OWNER", ca=str(azurite.ca)
    )
    return Store(parse(profile.url), profile)


def keys(store: Store) -> list[str]:
    return [stat.key for stat in store.list_all()]


def test_without_settings_home_and_machine_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("IMPASTO_CONFIG", raising=False)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert not (tmp_path / "home").exists()
    places = {line.split()[1] for line in done.stdout.splitlines()[:-1]}
    assert places == {"home", "machine"}
    assert done.stdout.splitlines()[-1] == "all checks passed"


def test_a_store_with_every_right_is_fit_for_all(
    doctor: Doctor, container: str, owner: Store
) -> None:
    owner.put("in/clip.mp4", b"theirs")
    before = owner.list_all()
    doctor.store("media", f"az://{container}/in")
    lines = doctor.lines()
    items = [item for place, item in lines if place == "media"]
    assert items == [
        *("who", "https", "encryption", "reach"),
        *("read", "list", "write", "replace", "conditional", "delete", "clock"),
    ]
    assert {line["state"] for line in lines.values()} == {"ok"}
    assert lines["media", "who"]["detail"].startswith("the key in SECRET_")
    assert lines["media", "encryption"]["detail"] == "encrypted at rest with the service's own keys"
    assert "encrypted in transit" in lines["media", "https"]["detail"]
    assert owner.list_all() == before


def test_a_reading_sas_makes_a_source(doctor: Doctor, container: str, owner: Store) -> None:
    doctor.by_sas("media", container, "rl", hours=48)
    lines = doctor.lines()
    assert doctor.code == 0
    assert lines["media", "read"]["detail"] == "yes"
    assert lines["media", "list"]["detail"] == "yes"
    assert lines["media", "write"]["detail"] == "no: it can only be a source"
    assert lines["media", "write"]["state"] == "note"
    assert "'rl'" in lines["media", "who"]["detail"]
    assert keys(owner) == []


def test_a_writing_sas_makes_a_drop_box_and_leaves_one_object(
    doctor: Doctor, container: str, owner: Store
) -> None:
    doctor.by_sas("box", container, "cw", hours=48)
    for _ in range(2):
        lines = doctor.lines()
        assert doctor.code == 0
        assert lines["box", "read"]["detail"].startswith("no: it can take outputs only")
        assert (
            lines["box", "conditional"]["detail"] == "yes: only one of two concurrent writers wins"
        )
        assert "stays behind" in lines["box", "delete"]["detail"]
        assert "not compared" in lines["box", "clock"]["detail"]
        states = {item: line["state"] for (place, item), line in lines.items() if place == "box"}
        assert (states["write"], states["replace"]) == ("ok", "ok")
        assert keys(owner) == ["in/.impasto-doctor"]


def test_what_was_left_behind_goes_when_it_may(
    doctor: Doctor, container: str, owner: Store
) -> None:
    owner.put("in/.impasto-doctor", b"of an earlier one")
    doctor.by_sas("media", container, ALL, hours=48)
    assert set(doctor.states("media").values()) == {"ok"}
    assert keys(owner) == []


def test_a_box_that_only_takes_new_objects(doctor: Doctor, container: str, owner: Store) -> None:
    doctor.by_sas("box", container, "c", hours=48)
    first, second = doctor.lines(), doctor.lines()
    assert doctor.code == 0
    assert first["box", "write"]["state"] == "ok"
    assert first["box", "replace"]["detail"] == "no: --overwrite fails"
    assert "is in the way" in second["box", "write"]["detail"]
    assert keys(owner) == ["in/.impasto-doctor"]


def test_a_sas_that_ends_soon_is_worth_a_word(doctor: Doctor, container: str) -> None:
    doctor.by_sas("media", container, ALL, hours=3)
    line = doctor.lines()["media", "who"]
    assert line["state"] == "note"
    assert "expires in" in line["detail"]


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ({"hours": -1, "start_hours": -2}, "it has expired"),
        ({"hours": 9, "start_hours": 5}, "it is not valid before"),
    ],
)
def test_a_sas_out_of_its_hours(
    hours: dict[str, float], words: str, doctor: Doctor, container: str
) -> None:
    doctor.by_sas("media", container, ALL, **hours)
    line = doctor.lines()["media", "who"]
    assert doctor.code == 4
    assert words in line["detail"]
    assert line["remedy"]


def test_a_sas_of_another_container_allows_nothing(
    doctor: Doctor, azurite: Azurite, container: str
) -> None:
    sas = azurite.container_sas(DATA, azurite.make_container(), ALL)
    doctor.store("media", f"az://{container}", auth="sas", secret=doctor.secret(sas))
    line = doctor.lines()["media", "rights"]
    assert line["state"] == "FAIL"
    assert "neither reading nor writing" in line["detail"]


def test_a_missing_container_is_named(doctor: Doctor) -> None:
    doctor.store("media", "az://nothere")
    line = doctor.lines()["media", "reach"]
    assert line["state"] == "FAIL"
    assert "no such container" in line["detail"]


def test_a_missing_variable_is_named(doctor: Doctor) -> None:
    doctor.store("media", "az://data", auth="key", secret="NOT_SET_ANYWHERE")
    line = doctor.lines()["media", "access"]
    assert line["state"] == "FAIL"
    assert "NOT_SET_ANYWHERE" in line["detail"]
    assert "environment" in line["remedy"]


@pytest.mark.parametrize(
    ("fields", "words", "remedy"),
    [
        ({"endpoint": "https://nowhere.invalid"}, "DNS does not know nowhere.invalid", "account"),
        ({"endpoint": "https://127.0.0.1:1/a"}, "127.0.0.1:1: Connection refused", "endpoint"),
        ({"ca": ""}, "its TLS certificate is refused", "set ca in impasto.toml"),
    ],
)
def test_a_service_that_is_not_reached(
    fields: dict[str, str], words: str, remedy: str, doctor: Doctor, container: str
) -> None:
    doctor.store("media", f"az://{container}", **fields)
    line = doctor.lines()["media", "reach"]
    assert line["state"] == "FAIL"
    assert words in line["detail"]
    assert remedy in line["remedy"]


def test_plain_http_where_tls_is_spoken(doctor: Doctor, azurite: Azurite, s3: MotoS3) -> None:
    doctor.store("media", "az://data", endpoint=f"https://127.0.0.1:{s3.port}/{DATA}")
    assert "does not speak TLS" in doctor.lines()["media", "reach"]["detail"]


def test_a_missing_file_of_certificates_is_named(doctor: Doctor, container: str) -> None:
    doctor.store("media", f"az://{container}", ca="/no/such.pem")
    line = doctor.lines()["media", "access"]
    assert "/no/such.pem" in line["detail"]


def test_an_identity_is_asked_to_sign_in(
    doctor: Doctor, azurite: Azurite, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"token": azurite.token(), "expires_at": datetime.now(UTC) + timedelta(hours=1)}
    doctor.store("media", f"az://{container}", auth="identity")
    monkeypatch.setattr(identities, "azure", lambda: lambda: fields)
    assert set(doctor.states("media").values()) == {"ok"}

    def nobody() -> None:
        raise RuntimeError(f"many lines and a {fields['token']}")

    monkeypatch.setattr(identities, "azure", lambda: nobody)
    line = doctor.lines()["media", "who"]
    assert line["state"] == "FAIL"
    assert "nobody is signed in (RuntimeError)" in line["detail"]


def test_a_control_store_needs_every_right(doctor: Doctor, azurite: Azurite) -> None:
    container = azurite.make_container(CONTROL)
    sas = azurite.container_sas(CONTROL, container, "rl", hours=48)
    doctor.store(
        "jobs",
        f"az://{container}",
        account=CONTROL,
        role="control",
        auth="sas",
        secret=doctor.secret(sas),
    )
    lines = doctor.lines()
    assert doctor.code == 4
    assert lines["jobs", "write"]["state"] == "FAIL"
    assert "Storage Blob Data Contributor" in lines["jobs", "write"]["remedy"]
    assert lines["jobs", "role"]["state"] == "note"
    assert "auth = 'sas'" in lines["jobs", "role"]["detail"]


def test_a_home_in_a_control_store_of_its_own_account_is_as_it_should_be(
    doctor: Doctor, azurite: Azurite, container: str
) -> None:
    control = azurite.make_container(CONTROL)
    doctor.home = f"az://{control}/jobs"
    doctor.store("media", f"az://{container}")
    doctor.store("jobs", f"az://{control}/jobs", account=CONTROL, role="control")
    lines = doctor.lines()
    assert {line["state"] for line in lines.values()} == {"ok"}
    assert {place for place, _ in lines} == {"home", "media", "machine"}


def test_a_home_that_outsiders_may_reach_fails(doctor: Doctor, container: str) -> None:
    doctor.home = f"az://{container}/jobs"
    doctor.store("media", f"az://{container}")
    line = doctor.lines()["home", "role"]
    assert line["state"] == "FAIL"
    assert "role = 'control'" in line["remedy"]


@pytest.mark.parametrize(("apart", "state"), [(True, "note"), (False, "FAIL")])
def test_jobs_beside_data(
    apart: bool, state: str, doctor: Doctor, azurite: Azurite, container: str
) -> None:
    control = azurite.make_container() if apart else container
    doctor.store("media", f"az://{container}/media")
    doctor.store("jobs", f"az://{control}/jobs", role="control")
    line = doctor.lines()["jobs", "role"]
    assert line["state"] == state
    assert "data store media" in line["detail"]


def test_s3_is_looked_at_alike(doctor: Doctor, s3: MotoS3) -> None:
    doctor.bare(
        "bucket",
        url=f"s3://{s3.make_bucket()}/in",
        endpoint=s3.endpoint,
        auth="key",
        key_id=doctor.secret(s3.key_id),
        secret=doctor.secret(s3.secret),
        kms_key="my-key",
    )
    lines = doctor.lines()
    assert doctor.code == 0
    assert (
        lines["bucket", "conditional"]["detail"] == "yes: only one of two concurrent writers wins"
    )
    assert lines["bucket", "encryption"]["detail"].endswith("with the KMS key my-key")
    assert lines["bucket", "https"]["state"] == "note"
    assert lines["bucket", "delete"]["state"] == "ok"


def test_a_missing_bucket_is_named(doctor: Doctor, s3: MotoS3) -> None:
    doctor.bare("bucket", url="s3://nothere", endpoint=s3.endpoint, auth="anonymous")
    assert "no such container" in doctor.lines()["bucket", "reach"]["detail"]


def test_a_service_that_lets_the_second_writer_win_is_not_safe_for_jobs(
    doctor: Doctor, container: str, owner: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(store: Store, key: str, data: bytes) -> bool:
        store.put(key, data)
        return True

    monkeypatch.setattr(Store, "create", create)
    doctor.store("jobs", f"az://{container}", role="control")
    doctor.store("media", f"az://{container}")
    lines = doctor.lines()
    assert lines["jobs", "conditional"]["state"] == "FAIL"
    assert lines["home", "conditional"]["state"] == "FAIL"
    assert keys(owner) == []


@pytest.mark.parametrize(("shift", "side"), [(400.0, "ahead of"), (-400.0, "behind")])
def test_a_clock_that_is_off_is_told(
    shift: float,
    side: str,
    doctor: Doctor,
    container: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Clock:
        @staticmethod
        def time() -> float:
            return time.time() + shift

    monkeypatch.setattr(rights, "time", Clock)
    doctor.store("media", f"az://{container}")
    line = doctor.lines()["media", "clock"]
    assert line["state"] == "note"
    assert f"s {side} the service's" in line["detail"]
    assert line["remedy"]


def test_a_home_that_cannot_be_made_fails(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    doctor.home = str(tmp_path / "file" / "home")
    assert doctor.lines()["home", "access"]["state"] == "FAIL"


def test_lines_for_people_say_what_to_do(doctor: Doctor, tmp_path: Path) -> None:
    doctor.store("media", "az://nothere")
    doctor.lines()
    config = str(tmp_path / "impasto.toml")
    done = CliRunner().invoke(app, ["doctor", "--config", config])
    assert done.exit_code == 4
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert line.split()[:3] == ["FAIL", "media", "reach"]
    assert line.endswith("no such container; create it, or check its name")
    assert done.stdout.splitlines()[-1].startswith("1 check failed")


MACHINE: dict[str, tuple[Callable[[pytest.MonkeyPatch], Any], str, str, str]] = {
    "devices that torch cannot use": (
        lambda patch: patch.setattr(machine, "cuda_devices", lambda: 2),
        "cuda",
        "FAIL",
        "devices: 2, but torch",
    ),
    "a device that is asked for and absent": (
        lambda patch: patch.setenv("IMPASTO_DEVICE", "cuda"),
        "cuda",
        "FAIL",
        "there is none",
    ),
    "a codec that PyAV lacks": (
        lambda patch: patch.setattr(machine, "SUBTITLES", ("libnothing",)),
        "codecs",
        "FAIL",
        "lacks libnothing",
    ),
    "little memory": (
        lambda patch: patch.setattr(machine, "_bytes_of_memory", lambda: (10**9, 10**8)),
        "memory",
        "note",
        "0.1 of 1.0 GB available",
    ),
    "little disk": (
        lambda patch: patch.setattr(machine, "SPARE", 10**18),
        "disk home",
        "note",
        "GB free",
    ),
}


@pytest.mark.parametrize("case", MACHINE)
def test_what_this_machine_lacks(
    case: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case != "a device that is asked for and absent":
        monkeypatch.delenv("IMPASTO_DEVICE", raising=False)
    harm, item, state, words = MACHINE[case]
    monkeypatch.setattr(machine, "cuda_devices", lambda: 0)
    harm(monkeypatch)
    line = doctor.lines()["machine", item]
    assert line["state"] == state
    assert words in line["detail"]
    assert line["remedy"]


def test_the_machine_is_known(doctor: Doctor) -> None:
    lines = doctor.lines()
    items = [item for place, item in lines if place == "machine"]
    assert items == [
        "settings",
        "version",
        "cpu",
        "cuda",
        "codecs",
        "extras",
        "memory",
        "disk temp",
        "disk home",
    ]
    assert "libx265" in lines["machine", "codecs"]["detail"]
    assert Stores({}).profile(parse(doctor.home)) is None


def test_the_config_file_that_was_read_is_named(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.lines()["machine", "settings"]["detail"] == f"from {tmp_path / 'impasto.toml'}"
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(empty))
    (tmp_path / "home").mkdir()
    done = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path / "home")])
    assert "settings    no config file" in done.stdout


def test_extras_that_are_not_installed_are_named_with_the_command_that_adds_one(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "EXTRAS", {"tables": ("json",), "ray": ("json", "nothing.here")})
    line = doctor.lines()["machine", "extras"]
    assert line["state"] == "ok"
    assert line["detail"] == "installed: tables; not installed: ray"
    assert line["remedy"] == "if you need one, run pip install 'impasto[ray]'"


def test_every_extra_is_looked_for() -> None:
    offered = set(metadata("impasto").get_all("Provides-Extra") or ())
    assert set(machine.EXTRAS) == offered - {"deploy", "dev"}


def test_a_profile_for_a_folder_is_refused_with_the_file_to_correct(tmp_path: Path) -> None:
    config = tmp_path / "impasto.toml"
    config.write_text(f'[stores.media]\nurl = "file://{tmp_path}"\n')
    done = CliRunner().invoke(app, ["doctor", "--config", str(config)])
    assert str(done.exception) == (
        f"{config}: stores.media: url names a folder, which needs no profile: remove this one"
    )
