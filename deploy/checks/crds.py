"""Objects against the schemas of Kubernetes and KubeRay, as strict as the API server can be."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator

from checks.rendered import Document

KUBERNETES = "1.37.0"
RAY = ("RayCluster", "RayJob")
OTHERS: dict[str, dict[str, Any]] = {
    "ScaledObject": {
        "scaleTargetRef": ("name",),
        "minReplicaCount": 0,
        "maxReplicaCount": 1,
        "pollingInterval": int,
        "cooldownPeriod": int,
        "triggers": list,
    },
    "TriggerAuthentication": {"podIdentity": ("provider", "identityId")},
    "PodMonitor": {"selector": ("matchLabels",), "podMetricsEndpoints": list},
}
"""Fields that are used of kinds of KEDA and of Prometheus' operator, for which no schemas are here:
names, types, values."""
_DROPPED = {"default", "format", "properties", "x-kubernetes-validations"}


def faults(document: Document, schemas: Path) -> Iterator[tuple[str, str]]:
    """Return what a schema refuses in an object, each with a word that stands where it is wrong.

    Args:
        document: the object.
        schemas: the folder with KubeRay's.
    """
    kind = document["kind"]
    if kind in RAY:
        for error in _ray(kind, schemas).iter_errors(document):
            yield _worded([*error.absolute_path], error.message)
    elif kind in OTHERS:
        yield from _others_faults(document["spec"], OTHERS[kind])
    elif fault := _kubernetes_fault(json.dumps(document, default=str)):
        yield fault


@cache
def _kubernetes_fault(written: str) -> tuple[str, str] | None:
    """Return what Kubernetes refuses in an object, as JSON; overlays share most of theirs."""
    document = json.loads(written)
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        what = f"{document['apiVersion']} {document['kind']}"
        return f"{what} is unknown to Kubernetes {KUBERNETES}", ""
    except kubernetes_validate.ValidationError as error:
        return _worded([*error.path], error.message)
    return None


def _others_faults(spec: dict[str, Any], known: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in sorted(spec.keys() ^ known.keys()):
        yield f"{name} is unknown" if name in spec else f"{name} is missing", name
    for name in spec.keys() & known.keys():
        value, right = spec[name], known[name]
        if isinstance(right, type) and not isinstance(value, right):
            yield f"{name} must be of type {right.__name__}", name
        elif isinstance(right, int) and value != right:
            yield f"{name} must be {right}", name
        elif isinstance(right, tuple) and value.keys() != {*right}:
            yield f"{name} must have {' and '.join(right)}", name


def _worded(path: list[str | int], message: str) -> tuple[str, str]:
    quoted = message.split("'")[1::2]
    near = quoted[0] if "unexpected" in message and quoted else ""
    near = near or next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    return f"{'.'.join(map(str, path))}: {message[:200]}".removeprefix(": "), near


@cache
def _ray(kind: str, schemas: Path) -> Draft202012Validator:
    text = lzma.decompress((schemas / f"ray.io_{kind.lower()}s.yaml.xz").read_bytes())
    definition = yaml.load(text, Loader=yaml.CSafeLoader)
    versions = definition["spec"]["versions"]
    version = next(each for each in versions if each["name"] == "v1")
    schema = _strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return Draft202012Validator(schema)


def _strict(node: Any) -> Any:
    """Return a schema that knows no other fields, and requires none that have a default."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _strict(value) for key, value in node.items() if key not in _DROPPED}
    fields = node.get("properties")
    if isinstance(fields, dict):
        made["properties"] = {name: _strict(field) for name, field in fields.items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
        required = [name for name in node.get("required", ()) if "default" not in fields[name]]
        made["required"] = required
    if node.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if node.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    return made
