#!/usr/bin/env python3
"""Write the overlay of one cluster: deploy/kubernetes/overlays/aks with the names of a deployment.

Reads the outputs of main.bicep, as JSON, from stdin:
`az deployment group show ... --query properties.outputs --output json | deploy/azure/fill.py`.
Settings that are there already are kept, and the new ones are put beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CLUSTER = HERE / "cluster"
IDENTITIES = {
    "impasto-watch": "watcherClientId",
    "impasto-serve": "serverClientId",
    "impasto-head": "driverClientId",
    "impasto-worker": "workerClientId",
}
"""The output with the identity of each ServiceAccount."""

SETTINGS = """\
home = "az://control/impasto"
engine = "ray"
address = "http://impasto-head-svc:8265"
gpus_per_worker = 1
workers = "0:{gpuMax}"

[stores.inbox]
url = "az://inbox"
account = "{dataAccount}"

[stores.media]
url = "az://media"
account = "{dataAccount}"

[stores.control]
url = "az://control"
account = "{controlAccount}"
role = "control"

[rules.paint]
inbox = "az://inbox"
style = "az://media/paintings/starry.jpg"
output = "az://media/out/{{path}}/{{name}}-painted.mp4"
queue = "{queueUrl}"
max_bytes = "5GB"
keep_jobs = "30d"

[serve]
read = ["az://inbox", "az://media"]
write = ["az://media/out"]
code = ["az://control/code"]
"""


def fill(outputs: dict[str, Any]) -> dict[str, str]:
    """Return the text of each file of the overlay.

    Args:
        outputs: the values of main.bicep's outputs by name.
    """
    patches = [
        _patch("ServiceAccount", name, "add", "/metadata/annotations", _client(outputs[output]))
        for name, output in IDENTITIES.items()
    ]
    account, identity = outputs["dataAccount"], outputs["watcherClientId"]
    queue = "/spec/triggers/0/metadata/accountName"
    asker = "/spec/podIdentity/identityId"
    patches += [
        {"target": {"kind": "RayCluster"}, "patch": json.dumps(_groups(outputs))},
        _patch("ScaledObject", "impasto-watch", "replace", queue, account),
        _patch("TriggerAuthentication", "impasto-queue", "replace", asker, identity),
    ]
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "impasto",
        "resources": ["../../kubernetes/overlays/aks"],
        "configMapGenerator": [
            {"name": "impasto-settings", "behavior": "replace", "files": ["impasto.toml"]}
        ],
        "images": [
            {"name": "ghcr.io/impasto/impasto", "newName": f"{outputs['registryServer']}/impasto"}
        ],
        "patches": patches,
    }
    # JSON is YAML, and needs no library.
    whole = json.dumps(overlay, indent=2) + "\n"
    return {"kustomization.yaml": whole, "impasto.toml": SETTINGS.format_map(outputs)}


def _groups(outputs: dict[str, Any]) -> list[dict[str, object]]:
    """Return the steps that give each group of workers as many machines as its pool may have."""
    spot, other = ("/spec/workerGroupSpecs/0", "/spec/workerGroupSpecs/1")
    most = {"op": "replace", "value": outputs["gpuMax"]}
    steps: list[dict[str, object]] = [{**most, "path": f"{other}/maxReplicas"}]
    if outputs["gpuSpot"]:
        return [{**most, "path": f"{spot}/maxReplicas"}, *steps]
    # Else each job would first wait for machines of a pool that is not there.
    return [*steps, {"op": "remove", "path": spot}]


def _client(identity: str) -> dict[str, str]:
    return {"azure.workload.identity/client-id": identity}


def _patch(kind: str, name: str, operation: str, path: str, value: object) -> dict[str, object]:
    steps = [{"op": operation, "path": path, "value": value}]
    return {"target": {"kind": kind, "name": name}, "patch": json.dumps(steps)}


def main() -> int:
    """Write the files, and return an exit code."""
    try:
        given = {name: one["value"] for name, one in json.load(sys.stdin).items()}
        files = fill(given)
    except (AttributeError, KeyError, TypeError, ValueError):
        fact = "stdin has not the outputs of main.bicep as JSON"
        print(f"fill.py: {fact}; deploy it first, and give az --output json", file=sys.stderr)
        return 2
    CLUSTER.mkdir(exist_ok=True)
    for name, content in files.items():
        path = CLUSTER / name
        if name == "impasto.toml" and path.exists() and path.read_text() != content:
            path = CLUSTER / f"{name}.new"
            print(f"{CLUSTER / name} is kept, as it may hold rules of yours; see {path.name}")
        path.write_text(content)
    print(f"{CLUSTER} is ready: kubectl apply -k {CLUSTER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
