"""What KubeRay's operator refuses, or takes and gets wrong, though its schemas allow it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checks.pods import resource_faults, security_faults
from checks.rendered import Document

OLDEST = (2, 54)
"""The oldest Ray without known holes, and that does not need wget for its probes."""
GPU = "nvidia.com/gpu"
_LONGEST = {"RayCluster": 53, "RayJob": 47}
Faults = Iterator[tuple[str, str]]


def faults(document: Document, ray: str) -> Faults:
    """Return what is wrong with an object of Ray's, each with a word that stands where it is wrong.

    Args:
        document: a RayCluster or a RayJob.
        ray: the version in the image; "" if it is not known.
    """
    kind, name, spec = document["kind"], str(document["metadata"]["name"]), document["spec"]
    if len(name) > _LONGEST[kind]:
        yield f"its name may have {_LONGEST[kind]} characters", name
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name):
        yield "its name must be letters, digits and `-`, and begin with a letter", name
    if kind == "RayJob":
        yield from _job_faults(spec)
    cluster = spec if kind == "RayCluster" else spec.get("rayClusterSpec")
    if cluster:
        yield from _cluster_faults(cluster, ray)


def _cluster_faults(spec: dict[str, Any], ray: str) -> Faults:
    version = str(spec.get("rayVersion", ""))
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        yield f"rayVersion must be there, and {OLDEST[0]}.{OLDEST[1]} or later", "rayVersion"
    elif ray and version != ray:
        yield f"rayVersion {version} is not that of the image, {ray}", "rayVersion"
    if (spec.get("authOptions") or {}).get("mode") != "token":
        yield "authOptions.mode must be token: without it, anybody may run code", "authOptions"
    for gated in ("networkPolicy", "tlsOptions"):
        if gated in spec:
            yield f"{gated} is refused while its feature gate is off, as it is by default", gated
    yield from _autoscaler_faults(spec)
    head = spec["headGroupSpec"]
    if (head.get("rayStartParams") or {}).get("num-cpus") != "0":
        yield 'the head needs num-cpus: "0", or it takes workers', "rayStartParams"
    groups = spec.get("workerGroupSpecs") or []
    if len({group["groupName"] for group in groups}) < len(groups):
        yield "two groups have one name", "groupName"
    for group in groups:
        yield from _group_faults(group)
    for group in (head, *groups):
        if group["template"]["spec"].get("restartPolicy", "Never") != "Never":
            yield "restartPolicy must be Never, as the autoscaler demands", "restartPolicy"
    alike = {group.get("priority", 0) for group in groups if _gpus(group)}
    if len(alike) < sum(1 for group in groups if _gpus(group)):
        yield "groups with GPUs need different priorities: the higher is asked first", "priority"
    yield from _machine_faults([group for group in groups if _gpus(group)])


def _machine_faults(groups: list[dict[str, Any]]) -> Faults:
    """Return groups that may land on the machines of another: then a priority means nothing."""
    if len(groups) < 2:
        return
    chosen = []
    for group in groups:
        pod, name = group["template"]["spec"], group["groupName"]
        kinds = [pod.get("nodeSelector"), (pod.get("affinity") or {}).get("nodeAffinity")]
        if not any(kinds):
            yield f"group {name}: nothing says on which machines, so spot ones are no choice", name
        elif kinds in chosen:
            yield f"group {name}: takes the same machines as another group", name
        chosen.append(kinds)


def _autoscaler_faults(spec: dict[str, Any]) -> Faults:
    options = spec.get("autoscalerOptions") or {}
    if not spec.get("enableInTreeAutoscaling") or options.get("version") != "v2":
        yield "needs the autoscaler, version v2", "autoscalerOptions"
    pod = spec["headGroupSpec"]["template"]["spec"].get("securityContext") or {}
    for text, near in security_faults(options.get("securityContext") or {}, pod):
        yield f"autoscaler: {text}", near
    for text, near in resource_faults(options.get("resources") or {}):
        yield f"autoscaler: {text}", near


def _group_faults(group: dict[str, Any]) -> Faults:
    name = group["groupName"]
    low, now, most = (group.get(key, 0) for key in ("minReplicas", "replicas", "maxReplicas"))
    if not low <= now <= most or most == 0:
        yield f"group {name}: replicas must be between minReplicas and maxReplicas", name
    if low:
        yield f"group {name}: minReplicas must be 0, or it costs while nothing runs", name
    if "idleTimeoutSeconds" not in group:
        yield f"group {name}: has no idleTimeoutSeconds", name
    if name.startswith("gpu") and not _gpus(group):
        yield f"group {name}: has no limit {GPU}, so the autoscaler never starts it", name


def _gpus(group: dict[str, Any]) -> int:
    limits = group["template"]["spec"]["containers"][0].get("resources", {}).get("limits") or {}
    return int(limits.get(GPU, 0))


def _job_faults(spec: dict[str, Any]) -> Faults:
    mode = spec.get("submissionMode", "K8sJobMode")
    if spec.get("clusterSelector"):
        for key in ("backoffLimit", "suspend"):
            if spec.get(key):
                yield f"{key} is refused with clusterSelector", key
        if mode == "SidecarMode":
            yield "SidecarMode is refused with clusterSelector", "submissionMode"
    elif not spec.get("rayClusterSpec"):
        yield "needs a clusterSelector or a rayClusterSpec", ""
    if mode == "SidecarMode" and "submitterPodTemplate" in spec:
        yield "submitterPodTemplate is refused in SidecarMode", "submitterPodTemplate"
    rules = (spec.get("deletionStrategy") or {}).get("deletionRules")
    if spec.get("shutdownAfterJobFinishes") and rules:
        yield "shutdownAfterJobFinishes excludes deletionRules", "shutdownAfterJobFinishes"
