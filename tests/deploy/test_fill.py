"""The overlay of a cluster on Azure has the names that a deployment gave."""

from __future__ import annotations

import io
import json
import re
import shutil
from typing import TYPE_CHECKING

import fill
import pytest

from checks import network, references, settings
from checks.bicep_tree import BicepFile
from checks.rendered import render
from support.deployment import DEPLOY

if TYPE_CHECKING:
    from pathlib import Path


def test_every_name_comes_from_an_output_of_the_deployment() -> None:
    main = BicepFile.read(DEPLOY / "azure" / "main.bicep", DEPLOY)
    outputs: dict[str, object] = {name: f"the-{name}" for name in main.outputs}
    outputs |= {"gpuMax": 8, "gpuSpot": True}

    files = fill.fill(outputs)

    overlay = json.loads(files["kustomization.yaml"])
    named = set(re.findall(r"the-(\w+)", "".join(files.values())))
    assert named == {
        "controlAccount",
        "dataAccount",
        "driverClientId",
        "queueUrl",
        "registryServer",
        "serverClientId",
        "watcherClientId",
        "workerClientId",
    }
    assert 'output = "az://media/out/{path}/{name}-painted.mp4"' in files["impasto.toml"]
    assert {patch["target"].get("name", "") for patch in overlay["patches"]} == {
        "",
        *fill.IDENTITIES,
        "impasto-queue",
    }


@pytest.mark.parametrize("spot", [True, False])
def test_groups_have_the_machines_of_their_pools(spot: bool, tmp_path: Path) -> None:
    main = BicepFile.read(DEPLOY / "azure" / "main.bicep", DEPLOY)
    outputs: dict[str, object] = dict.fromkeys(main.outputs, "name")
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    folder = tmp_path / "kubernetes/overlays/filled"
    folder.mkdir()
    for name, text in fill.fill(outputs | {"gpuMax": 3, "gpuSpot": spot}).items():
        (folder / name).write_text(text.replace("../../kubernetes/overlays/", "../"))

    overlays, wrong = render(tmp_path)

    assert not wrong
    (filled,) = (each for each in overlays if each.name == "filled")
    (cluster,) = filled.of("RayCluster")
    groups = cluster["spec"]["workerGroupSpecs"]
    assert {each["groupName"]: each["maxReplicas"] for each in groups} == (
        {"gpu-spot": 3, "gpu-on-demand": 3} if spot else {"gpu-on-demand": 3}
    )
    (held,) = filled.of("ConfigMap")
    assert 'workers = "0:3"' in held["data"]["impasto.toml"]
    assert [each.text for each in network.check(filled)] == []
    assert [*references.check(filled, []), *settings.check(filled)] == []


def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> int:
    """Run it with that as its input, in a folder that is empty at first."""
    monkeypatch.setattr(fill, "CLUSTER", tmp_path / "cluster")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return fill.main()


def test_rules_of_the_user_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    main = BicepFile.read(DEPLOY / "azure" / "main.bicep", DEPLOY)
    outputs = {name: {"value": f"the-{name}"} for name in main.outputs}
    assert given(monkeypatch, tmp_path, json.dumps(outputs)) == 0
    path = tmp_path / "cluster/impasto.toml"
    made = path.read_text()
    path.write_text("# mine\n")

    assert given(monkeypatch, tmp_path, json.dumps(outputs)) == 0

    assert path.read_text() == "# mine\n"
    assert path.with_name("impasto.toml.new").read_text() == made


@pytest.mark.parametrize("text", ["", "null", "[]", '{"name": 1}', '{"name": {"value": 1}}'])
def test_a_deployment_that_gave_nothing_is_one_line(
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert given(monkeypatch, tmp_path, text) == 2
    assert "deploy it first" in capsys.readouterr().err
    assert not (tmp_path / "cluster").exists()


def test_no_two_accounts_share_an_identity() -> None:
    assert len({*fill.IDENTITIES.values()}) == len(fill.IDENTITIES)
