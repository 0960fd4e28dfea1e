"""The overlay of a cluster on Azure has the names that a deployment gave."""

from __future__ import annotations

import json
import re

import fill

from checks.bicep_tree import BicepFile
from support.deployment import DEPLOY


def test_every_name_comes_from_an_output_of_the_deployment() -> None:
    main = BicepFile.read(DEPLOY / "azure" / "main.bicep", DEPLOY)
    outputs = {name: f"the-{name}" for name in main.outputs}

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
    assert {patch["target"]["name"] for patch in overlay["patches"]} == {
        *fill.IDENTITIES,
        "impasto-queue",
    }


def test_no_two_accounts_share_an_identity() -> None:
    assert len({*fill.IDENTITIES.values()}) == len(fill.IDENTITIES)
