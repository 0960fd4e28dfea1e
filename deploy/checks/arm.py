"""ARM's JSON schemas, made strict, and what they leave out."""

from __future__ import annotations

import functools
import json
import lzma
import re
from typing import TYPE_CHECKING, Any

from jsonschema import Draft4Validator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDED = {
    "Microsoft.ContainerRegistry/registries": {"sku"},
    "Microsoft.ContainerService/managedClusters": {"identity"},
    "Microsoft.Insights/components": {"kind"},
    "Microsoft.Storage/storageAccounts": {"kind", "sku"},
}
"""Fields at the top that the schemas do not ask for, and the services do; all need a location."""
READ_ONLY = {
    "Microsoft.ContainerRegistry/registries": {"loginServer"},
    "Microsoft.ContainerService/managedClusters": {
        "oidcIssuerProfile.issuerURL",
        "identityProfile.kubeletidentity.objectId",
        "fqdn",
    },
    "Microsoft.Insights/components": {"ConnectionString"},
    "Microsoft.KeyVault/vaults": {"vaultUri"},
    "Microsoft.ManagedIdentity/userAssignedIdentities": {"clientId", "principalId", "tenantId"},
    "Microsoft.OperationalInsights/workspaces": {"customerId"},
    "Microsoft.Storage/storageAccounts": {"primaryEndpoints.blob", "primaryEndpoints.queue"},
}
"""Properties that only services set: the schemas have what users may set."""
EVERYWHERE = {"id", "name", "type", "apiVersion", "identity.principalId", "identity.tenantId"}
"""What every resource tells of itself."""
_ALLOWED = {"comments", "dependsOn", "name", "parent", "resources", "scope", "tags", "zones"}
_EXPRESSION = {"type": "string", "pattern": r"^\[.*\]$"}
_TEXT = {"type": "string"}
_LIST = {"type": "array", "items": _TEXT}
_MAIL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["enabled", "operator", "threshold", "contactEmails"],
    "properties": {
        "enabled": {"type": "boolean"},
        "operator": {"enum": ["EqualTo", "GreaterThan", "GreaterThanOrEqualTo"]},
        "threshold": {"type": "integer", "minimum": 0, "maximum": 1000},
        "thresholdType": {"enum": ["Actual", "Forecasted"]},
        "contactEmails": {"anyOf": [_LIST, _TEXT]},
    },
}
_OURS: dict[str, Any] = {
    "Microsoft.Consumption/budgets@2024-08-01": {
        "type": "object",
        "additionalProperties": False,
        "required": ["category", "amount", "timeGrain", "timePeriod"],
        "properties": {
            "category": {"enum": ["Cost"]},
            "amount": {"type": "integer"},
            "timeGrain": {"enum": ["Monthly", "Quarterly", "Annually"]},
            "timePeriod": {
                "type": "object",
                "additionalProperties": False,
                "required": ["startDate"],
                "properties": {"startDate": _TEXT, "endDate": _TEXT},
            },
            "notifications": {"type": "object", "additionalProperties": _MAIL},
        },
    },
    "Microsoft.Insights/diagnosticSettings@2021-05-01-preview": {
        "type": "object",
        "additionalProperties": False,
        "required": ["workspaceId", "logs"],
        "properties": {
            "workspaceId": _TEXT,
            "logs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["category", "enabled"],
                    "properties": {"category": _TEXT, "enabled": {"type": "boolean"}},
                },
            },
        },
    },
}
"""Properties of types whose schema is not kept here, as far as they are used."""


def known(folder: Path, kind: str) -> dict[str, Any] | None:
    """Return the strict schema of a resource type, with what it refers to; None if there is none.

    Args:
        folder: the folder of the schemas, with one below it for each version.
        kind: the type and its version, such as `Microsoft.Storage/storageAccounts@2025-06-01`.
    """
    if kind in _OURS:
        return {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "properties"],
            "properties": {"name": {}, "scope": {}, "properties": _OURS[kind]},
        }
    return _from_files(folder, kind)


def errors(schema: dict[str, Any], body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield where a resource does not fit its schema, and why."""
    validator = Draft4Validator(schema)
    for error in validator.iter_errors(body):
        # Of several branches, the one that went furthest says what is meant.
        while error.context:
            error = max(
                error.context, key=lambda one: (len(one.absolute_path), one.validator != "pattern")
            )
        yield ".".join(map(str, error.absolute_path)), error.message[:170]


def has(schema: dict[str, Any], kind: str, path: list[str]) -> bool:
    """Return whether a resource of a type has the property at a path."""
    dotted = ".".join(path)
    own = {f"properties.{one}" for one in READ_ONLY.get(kind.partition("@")[0], ())} | EVERYWHERE
    if any(one == dotted or one.startswith(f"{dotted}.") for one in own):
        return True
    top = _resolve(schema, schema)
    return _reaches(schema, top, path)


def _reaches(schema: dict[str, Any], node: Any, path: list[str]) -> bool:
    if not path:
        return True
    node = _resolve(schema, node)
    if not isinstance(node, dict):
        return False
    branches = [*node.get("anyOf", ()), *node.get("allOf", ())]
    if any(_reaches(schema, branch, path) for branch in branches):
        return True
    if node.get("type") == "array":
        return _reaches(schema, node.get("items", {}), path)
    inside = node.get("properties", {})
    if path[0] in inside:
        return _reaches(schema, inside[path[0]], path[1:])
    return isinstance(node.get("additionalProperties"), dict)


def _resolve(schema: dict[str, Any], node: Any) -> Any:
    while isinstance(node, dict) and str(node.get("$ref", "")).startswith("#/"):
        target: Any = schema
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


@functools.cache
def _from_files(folder: Path, kind: str) -> dict[str, Any] | None:
    full, _, version = kind.partition("@")
    provider, _, inner = full.partition("/")
    wanted = inner.replace("/", "_").lower()
    for path in sorted((folder / version).glob("*.json.xz")):
        if not re.fullmatch(rf"{re.escape(provider)}(\.\w+)*\.json\.xz", path.name, re.IGNORECASE):
            continue
        whole = json.loads(lzma.decompress(path.read_bytes()))
        for group in [key for key in whole if key.endswith("esourceDefinitions")]:
            for name in whole[group]:
                if name.lower() == wanted:
                    return _strict_resource(whole, group, name, full)
    return None


def _strict_resource(whole: dict[str, Any], group: str, name: str, full: str) -> dict[str, Any]:
    made: dict[str, Any] = _strict(whole)
    resource = made[group][name]
    inside = resource["properties"]
    needed = {*resource.get("required", ()), *NEEDED.get(full, ())} - {"type", "apiVersion"}
    if "location" in inside:
        needed.add("location")
    resource["required"] = sorted(needed)
    resource["additionalProperties"] = False
    for key in _ALLOWED:
        inside.setdefault(key, {})
    made["$schema"] = "http://json-schema.org/draft-04/schema#"
    made.pop("id", None)
    made["$ref"] = f"#/{group}/{name}"
    return made


def _strict(node: Any) -> Any:
    """Forbid unknown fields, and take a value that fits two branches: `oneOf` does neither."""
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    if str(node.get("$ref", "#")).partition("#")[0]:
        # Of other documents, only the one for expressions tells anything.
        return _EXPRESSION if node["$ref"].endswith("/expression") else {}
    made: dict[str, Any] = {
        ("anyOf" if key == "oneOf" else key): (value if key == "properties" else _strict(value))
        for key, value in node.items()
        if key not in ("description", "format")
    }
    if isinstance(node.get("properties"), dict):
        made["properties"] = {key: _strict(value) for key, value in node["properties"].items()}
        branches = {"oneOf", "anyOf", "allOf"} & set(node)
        if "additionalProperties" not in node and not branches:
            made["additionalProperties"] = False
    return made
