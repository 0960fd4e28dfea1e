"""Rules for pods: Pod Security's profile ``restricted``, and limits for all that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checks.rendered import Document

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
"""Kinds of volumes that ``restricted`` allows."""


@dataclass(frozen=True)
class Pod:
    """A template of pods.

    Attributes:
        owner: the object that it is in.
        name: what it is within its owner, for people.
        labels: those that its pods will have.
        spec: the pods' spec.
        role: ``head`` or ``worker`` in a Ray cluster, else "".
    """

    owner: Document
    name: str
    labels: dict[str, str]
    spec: dict[str, Any]
    role: str = ""


def pods(document: Document) -> Iterator[Pod]:
    """Return the templates of pods in an object, with the labels that KubeRay adds."""
    spec = document.get("spec") or {}
    kind, name = document["kind"], str(document["metadata"]["name"])
    if kind == "Deployment":
        template = spec["template"]
        labels = (template.get("metadata") or {}).get("labels") or {}
        yield Pod(document, name, labels, template["spec"])
    cluster = spec if kind == "RayCluster" else spec.get("rayClusterSpec")
    if kind in {"RayCluster", "RayJob"} and cluster:
        groups = [("head", cluster["headGroupSpec"])]
        groups += [("worker", group) for group in cluster.get("workerGroupSpecs") or []]
        for role, group in groups:
            called = str(group.get("groupName", "headgroup"))
            template = group["template"]
            labels = (template.get("metadata") or {}).get("labels") or {}
            labels = labels | {
                "ray.io/is-ray-node": "yes",
                "ray.io/cluster": name,
                "ray.io/node-type": role,
                "ray.io/group": called,
            }
            yield Pod(document, called, labels, template["spec"], role)


def faults(pod: Pod) -> Iterator[tuple[str, str]]:
    """Return what is wrong with a pod, each with a word that stands where it is wrong."""
    spec, context = pod.spec, pod.spec.get("securityContext") or {}
    containers = [*(spec.get("initContainers") or []), *spec["containers"]]
    volumes = {each["name"]: each for each in spec.get("volumes") or []}
    if (context.get("seccompProfile") or {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile must be RuntimeDefault", "seccompProfile"
    for host in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(host):
            yield f"{host} shares the machine's own", host
    for name, volume in volumes.items():
        if not _VOLUMES & volume.keys():
            yield f"volume {name} is of a kind that Pod Security `restricted` refuses", name
    if spec.get("serviceAccountName", "default") == "default":
        yield "needs a serviceAccountName of its own", ""
    if pod.role != "head" and spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken must be false", "automountServiceAccountToken"
    for container in () if pod.role else spec["containers"]:
        if "livenessProbe" not in container:
            yield f"container {container['name']}: has no livenessProbe: who hangs, stays", ""
    for container in containers:
        for text, near in _container_faults(container, context, volumes.keys()):
            yield f"container {container['name']}: {text}", near


def _container_faults(
    container: dict[str, Any], context: dict[str, Any], volumes: object
) -> Iterator[tuple[str, str]]:
    yield from security_faults(container.get("securityContext") or {}, context)
    if not (container.get("securityContext") or {}).get("readOnlyRootFilesystem"):
        yield "readOnlyRootFilesystem must be true", "readOnlyRootFilesystem"
    yield from resource_faults(container.get("resources") or {})
    for mount in container.get("volumeMounts") or []:
        if mount["name"] not in volumes:  # type: ignore[operator]
            yield f"mounts {mount['name']}, which is no volume of the pod", mount["name"]
    for port in container.get("ports") or []:
        if "hostPort" in port:
            yield "hostPort opens a port of the machine", "hostPort"
    named = {port.get("name") for port in container.get("ports") or []}
    yield from _probe_faults(container)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        port = ((container.get(probe) or {}).get("httpGet") or {}).get("port")
        if isinstance(port, str) and port not in named:
            yield f"{probe} asks port {port}, which is no port of the container", port
    if str(container.get("image", "")).rpartition("/")[2].partition(":")[2] in {"", "latest"}:
        yield "its image must have a tag, and not `latest`", "image"


def _probe_faults(container: dict[str, Any]) -> Iterator[tuple[str, str]]:
    command = (container.get("livenessProbe") or {}).get("exec", {}).get("command") or []
    for file in re.findall(r"(?<![\w/])/[\w./-]+", " ".join(command)):
        if file not in (container.get("args") or []):
            yield f"livenessProbe looks at {file}, which no argument names", file
    for probe in ("livenessProbe", "readinessProbe"):
        if ((container.get(probe) or {}).get("httpGet") or {}).get("path") == "/v1/ready":
            yield f"{probe} fails while the home does not answer, for every pod alike", probe
    if any(word.startswith(("impasto", "python")) for word in command):
        yield "livenessProbe starts Python again at each try", "livenessProbe"


def security_faults(own: dict[str, Any], context: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what ``restricted`` refuses in a container.

    Args:
        own: the container's securityContext.
        context: its pod's, which counts where the container's own says nothing.
    """
    if not own.get("runAsNonRoot", context.get("runAsNonRoot")):
        yield "runAsNonRoot must be true", "runAsNonRoot"
    if own.get("runAsUser", context.get("runAsUser")) == 0:
        yield "runs as root: runAsUser must not be 0", "runAsUser"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation must be false", "allowPrivilegeEscalation"
    if own.get("privileged"):
        yield "privileged is root on the machine", "privileged"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []) or capabilities.get("add"):
        yield "capabilities must drop ALL and add none", "capabilities"


def resource_faults(resources: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what a container's resources lack."""
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for what in ("cpu", "memory"):
        if what not in requests:
            yield f"has no request for {what}", "requests"
        if what not in limits:
            yield f"has no limit for {what}", "limits"
