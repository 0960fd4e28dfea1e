"""Rules for the network: all is denied but what is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checks.finding import Finding
from checks.rendered import Document, Rendered

DASHBOARD = 8265
"""Port on which a head takes jobs."""


def check(overlay: Rendered) -> Iterator[Finding]:
    """Return what is open, and what is closed to those who need it."""
    policies = overlay.of("NetworkPolicy")
    if not any(_denies_all(each["spec"]) for each in policies):
        yield Finding(overlay.file, 1, "has no policy that denies all to all pods, in and out")
    if not any(_admits_operator(each["spec"]) for each in policies):
        said = f"no policy lets KubeRay's operator reach port {DASHBOARD} of the head"
        yield Finding(overlay.file, 1, said)
    for policy in policies:
        for text, near in _open(policy):
            yield overlay.find(policy, text, near)
    for service in overlay.of("Service"):
        kind = service["spec"].get("type", "ClusterIP")
        if kind != "ClusterIP" or service["spec"].get("externalIPs"):
            yield overlay.find(service, f"{kind} opens it beyond the cluster", "type")
    for ingress in overlay.of("Ingress"):
        if not ingress["spec"].get("tls"):
            yield overlay.find(ingress, "has no tls: tokens would cross the network unencrypted")
    for namespace in overlay.of("Namespace"):
        labels = namespace["metadata"].get("labels") or {}
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            said = "Pod Security must enforce `restricted`"
            yield overlay.find(namespace, said, "pod-security.kubernetes.io/enforce")
    for role in overlay.of("RoleBinding", "ClusterRole", "ClusterRoleBinding"):
        yield overlay.find(role, "gives an account rights that nothing here needs")


def _denies_all(spec: dict[str, Any]) -> bool:
    kinds = {*(spec.get("policyTypes") or [])}
    rules = spec.get("ingress") or spec.get("egress")
    return spec["podSelector"] == {} and kinds == {"Ingress", "Egress"} and not rules


def _admits_operator(spec: dict[str, Any]) -> bool:
    head = (spec["podSelector"].get("matchLabels") or {}).get("ray.io/node-type") == "head"
    return head and any(
        peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
        == "kuberay-operator"
        for rule in spec.get("ingress") or []
        if DASHBOARD in {port.get("port") for port in rule.get("ports") or []}
        for peer in rule.get("from") or []
    )


def _open(policy: Document) -> Iterator[tuple[str, str]]:
    for rule in policy["spec"].get("ingress") or []:
        peers = rule.get("from") or []
        if not peers:
            yield "admits everybody: a rule of ingress needs `from`", "ingress"
        for peer in peers:
            if "ipBlock" in peer and peer["ipBlock"]["cidr"].endswith("/0"):
                yield "admits the whole Internet", "cidr"
            if {} in (peer.get("namespaceSelector"), peer.get("podSelector", ...)):
                yield "admits all pods", "from"
    for rule in policy["spec"].get("egress") or []:
        if not rule.get("ports") and not rule.get("to"):
            yield "lets pods reach everything: a rule of egress needs `to` or `ports`", "egress"
