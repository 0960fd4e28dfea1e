"""Names that objects have of one another: each must be there in what the cluster gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checks.finding import Finding
from checks.pods import Pod, pods
from checks.rendered import Document, Rendered

_MADE = r"create secret (?:generic|docker-registry) ([-a-z0-9]+)"
"""A command of the README: secrets are made by hand, and stand in no file."""


def check(overlay: Rendered, examples: list[Document]) -> Iterator[Finding]:
    """Return references to what is not there, and selectors that select nothing.

    Args:
        overlay: what the cluster gets.
        examples: what may be applied to it, then.
    """
    there = {(each["kind"], each["metadata"]["name"]) for each in overlay.documents}
    there |= {("Secret", name) for name in _secrets(overlay.deploy)}
    every = [pod for each in overlay.documents for pod in pods(each)]
    for document in (*overlay.documents, *examples):
        for kind, name in sorted({*_named(document)}):
            if (kind, name) not in there:
                near = re.sub(r"-[a-z0-9]{10}$", "", name)
                yield overlay.find(document, f"names {kind} {name}, which is not there", near)
        for labels in _selectors(document):
            if not any(labels.items() <= pod.labels.items() for pod in every):
                near = next(iter(labels.values()), "")
                yield overlay.find(document, f"selects {labels}, which no pod has", near)
    yield from _address(overlay)
    for monitor in overlay.of("PodMonitor"):
        labels = monitor["spec"]["selector"]["matchLabels"]
        chosen = [pod for pod in every if labels.items() <= pod.labels.items()]
        ports = {
            port.get("name")
            for pod in chosen
            for container in pod.spec["containers"]
            for port in container.get("ports") or []
        }
        for port in (each["port"] for each in monitor["spec"]["podMetricsEndpoints"]):
            if port not in ports:
                yield overlay.find(monitor, f"scrapes port {port}, which no pod has", port)


def _secrets(deploy: Path) -> set[str]:
    return {*re.findall(_MADE, (deploy / "kubernetes/README.md").read_text())}


def _named(document: Document) -> Iterator[tuple[str, str]]:
    spec = document.get("spec") or {}
    for pod in pods(document):
        yield from _named_by_pod(pod)
    if secret := (spec.get("authOptions") or {}).get("secretName"):
        yield "Secret", secret
    if cluster := (spec.get("clusterSelector") or {}).get("ray.io/cluster"):
        yield "RayCluster", cluster
    for pull in document.get("imagePullSecrets") or []:
        yield "Secret", pull["name"]
    if document["kind"] == "PodMonitor":
        for endpoint in spec["podMetricsEndpoints"]:
            yield "Secret", endpoint["authorization"]["credentials"]["name"]
    if document["kind"] == "ScaledObject":
        yield spec["scaleTargetRef"].get("kind", "Deployment"), spec["scaleTargetRef"]["name"]
        for trigger in spec["triggers"]:
            if "authenticationRef" in trigger:
                yield "TriggerAuthentication", trigger["authenticationRef"]["name"]


def _named_by_pod(pod: Pod) -> Iterator[tuple[str, str]]:
    if account := pod.spec.get("serviceAccountName"):
        yield "ServiceAccount", account
    for volume in pod.spec.get("volumes") or []:
        for source in (volume, *((volume.get("projected") or {}).get("sources") or [])):
            if "configMap" in source:
                yield "ConfigMap", source["configMap"]["name"]
            if "secret" in source:
                yield "Secret", source["secret"].get("secretName") or source["secret"]["name"]
            if "persistentVolumeClaim" in source:
                yield "PersistentVolumeClaim", source["persistentVolumeClaim"]["claimName"]
    for container in (*(pod.spec.get("initContainers") or []), *pod.spec["containers"]):
        for variable in container.get("env") or []:
            yield from _named_by_variable(variable.get("valueFrom") or {}, "KeyRef")
        for source in container.get("envFrom") or []:
            yield from _named_by_variable(source, "Ref")


def _named_by_variable(source: dict[str, Any], end: str) -> Iterator[tuple[str, str]]:
    for kind, key in (("ConfigMap", f"configMap{end}"), ("Secret", f"secret{end}")):
        if key in source:
            yield kind, source[key]["name"]


def _selectors(document: Document) -> Iterator[dict[str, str]]:
    spec, kind = document.get("spec") or {}, document["kind"]
    if kind == "Service" and spec.get("selector"):
        yield spec["selector"]
    if kind in {"Deployment", "PodDisruptionBudget", "PodMonitor"}:
        yield spec["selector"]["matchLabels"]
    if kind == "NetworkPolicy":
        yield spec["podSelector"].get("matchLabels") or {}
        for rule in (*(spec.get("ingress") or []), *(spec.get("egress") or [])):
            for peer in (*(rule.get("from") or []), *(rule.get("to") or [])):
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    yield peer["podSelector"].get("matchLabels") or {}


def _address(overlay: Rendered) -> Iterator[Finding]:
    """Return settings whose cluster is not there: KubeRay names the service of a head after it."""
    heads = {f"{each['metadata']['name']}-head-svc" for each in overlay.of("RayCluster")}
    for settings in overlay.of("ConfigMap"):
        for text in (settings.get("data") or {}).values():
            for host in re.findall(r'^address = "https?://([^:/"]+)', text, re.MULTILINE):
                if host not in heads:
                    said = f"address names {host}, which is the service of no head"
                    yield overlay.find(settings, said)
