"""The file of Ray's launcher: Ray's own validation, what that leaves out, and rules of ours."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from checks.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "Ray's launcher: its own validation, unknown keys, and who may reach the machines"
CANNOT: tuple[str, ...] = (
    "no machine was started: images, sizes and quotas of Azure are unchecked",
    "Ray's rule that opens port 22 to everybody is Ray's own; only missing addresses close it",
)
PROVIDER = frozenset(
    {
        "availability_zone",
        "cache_stopped_nodes",
        "location",
        "msi_name",
        "msi_resource_group",
        "resource_group",
        "subnet_mask",
        "subscription_id",
        "tags",
        "type",
        "unique_id",
        "use_external_head_ip",
        "use_internal_ips",
    }
)
"""Keys of `provider` that Ray's code for Azure reads; its validation takes any."""
MUST: dict[str, Any] = {
    "use_internal_ips": True,
    "use_external_head_ip": False,
    "cache_stopped_nodes": False,
}
"""Without these, machines have public addresses, or are paid for when they are stopped."""


def check(deploy: Path) -> list[Finding]:
    """Return what is wrong with the files of the launcher in `ray` in the folder `deploy`."""
    found = []
    for path in sorted((deploy / "ray").glob("*.yaml")):
        lines = path.read_text().splitlines()
        name = str(path.relative_to(deploy))
        try:
            config = yaml.safe_load("\n".join(lines))
        except yaml.YAMLError as error:
            at = getattr(getattr(error, "problem_mark", None), "line", 0)
            found.append(Finding(name, at + 1, f"no YAML: {getattr(error, 'problem', error)}"))
            continue
        found += [
            Finding(name, _line(lines, key), words)
            for key, words in [*_refused(config), *_unknown(config), *_open(config)]
        ]
    return found


def _refused(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    # Ray takes half a second to import, and other checks do without it.
    logging.getLogger("ray.autoscaler").setLevel(logging.WARNING)
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        validate_config(prepare_config(copy.deepcopy(config)))
    except Exception as error:  # noqa: BLE001  # Ray raises many kinds.
        words = str(error).strip().splitlines()
        yield "", f"Ray refuses it: {words[0][:200] if words else type(error).__name__}"


def _unknown(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    provider = config.get("provider") or {}
    for key in provider.keys() - PROVIDER:
        yield key, f"provider has no key {key}"
    for key in {"location", "resource_group"} - provider.keys():
        yield "provider", f"provider.{key} is missing"
    allowed = _vm_parameters() | {"availability_zone"}
    for name, kind in (config.get("available_node_types") or {}).items():
        held = ((kind or {}).get("node_config") or {}).get("azure_arm_parameters") or {}
        for key in held.keys() - allowed:
            yield key, f"{name}: Ray's template of a machine has no parameter {key}"
        if not {"vmSize", "imageOffer"} <= held.keys():
            yield name, f"{name}: vmSize or imageOffer is missing"


def _vm_parameters() -> set[str]:
    import ray.autoscaler

    inside = Path("_private", "_azure", "azure-vm-template.json")
    template = json.loads((Path(ray.autoscaler.__file__).parent / inside).read_text())
    return set(template["parameters"])


def _open(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    provider = config.get("provider") or {}
    for key, value in MUST.items():
        if provider.get(key) is not value:
            yield key, f"provider.{key} must be {str(value).lower()}"
    options = (config.get("docker") or {}).get("run_options") or []
    if "--entrypoint=/usr/bin/env" not in options:
        yield "run_options", "the image's entrypoint would take Ray's `bash` for a command"
    for group in ("head_start_ray_commands", "worker_start_ray_commands"):
        starts = [line for line in config.get(group) or () if "ray start" in line]
        if not starts:
            yield group, f"{group} start no Ray"
        for line in starts:
            if "RAY_AUTH_MODE=token " not in line:
                yield group, f"{group}: Ray starts without RAY_AUTH_MODE=token, open to everybody"
            if "--head" in line and "--dashboard-host=127.0.0.1" not in line:
                yield group, f"{group}: the dashboard must listen on 127.0.0.1"
    for name, kind in (config.get("available_node_types") or {}).items():
        head = name == config.get("head_node_type")
        if not head and (kind or {}).get("min_workers") != 0:
            yield name, f"{name}: min_workers must be 0, or machines stay while nothing runs"


def _line(lines: list[str], key: str) -> int:
    """Return the first line with a key, or the first line."""
    return next((n for n, line in enumerate(lines, 1) if line.strip().startswith(f"{key}:")), 1)
