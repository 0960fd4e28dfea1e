"""Rules for resources on Azure: no keys, nothing public, https only, no open port, small roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MUST: dict[str, dict[str, tuple[Any, ...]]] = {
    "Microsoft.Storage/storageAccounts": {
        "properties.allowSharedKeyAccess": (False,),
        "properties.allowBlobPublicAccess": (False,),
        "properties.allowCrossTenantReplication": (False,),
        "properties.supportsHttpsTrafficOnly": (True,),
        "properties.minimumTlsVersion": ("TLS1_2", "TLS1_3"),
        "properties.networkAcls.defaultAction": ("Deny",),
    },
    "Microsoft.Storage/storageAccounts/blobServices": {
        "properties.deleteRetentionPolicy.enabled": (True,),
        "properties.containerDeleteRetentionPolicy.enabled": (True,),
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {
        "properties.publicAccess": ("None",),
    },
    "Microsoft.ContainerRegistry/registries": {
        "properties.adminUserEnabled": (False,),
        "properties.anonymousPullEnabled": (False,),
        "properties.publicNetworkAccess": ("Disabled",),
    },
    "Microsoft.KeyVault/vaults": {
        "properties.enableRbacAuthorization": (True,),
        "properties.enablePurgeProtection": (True,),
        "properties.publicNetworkAccess": ("Disabled",),
        "properties.networkAcls.defaultAction": ("Deny",),
    },
    "Microsoft.ContainerService/managedClusters": {
        "properties.disableLocalAccounts": (True,),
        "properties.enableRBAC": (True,),
        "properties.networkProfile.networkPolicy": ("azure", "calico", "cilium"),
        "properties.oidcIssuerProfile.enabled": (True,),
    },
    "Microsoft.ContainerService/managedClusters/agentPools": {
        "properties.enableAutoScaling": (True,),
        "properties.minCount": (0,),
    },
    "Microsoft.App/managedEnvironments": {"properties.vnetConfiguration.internal": (True,)},
}
"""Values that fields of resources must have."""
FORBIDDEN = {"Microsoft.Network/publicIPAddresses"}
"""Types that open a door."""
ROLES = {
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "db58b8e5-c6ad-4a2a-8342-4190687cbf4a": "Storage Blob Delegator",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "8a0f0c08-91a1-4084-bc3d-661d67233fed": "Storage Queue Data Message Processor",
    "19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": "Key Vault Crypto Service Encryption User",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "4d97b98b-1d4f-4787-a291-c67834d212e7": "Network Contributor, on a subnet",
}
"""The roles that may be given, by their ids: none is of a whole account's management."""


def broken(full: str, body: dict[str, Any]) -> Iterator[str]:
    """Yield the rules that a resource breaks.

    Args:
        full: its type.
        body: its fields, as far as they are known.
    """
    for dotted, allowed in MUST.get(full, {}).items():
        value = _at(body, dotted)
        # Where a field is computed, both sides of its condition are looked at.
        if value not in allowed or isinstance(value, bool) is not isinstance(allowed[0], bool):
            said = "is missing" if value is None else f"is {_said(value)}"
            yield f"{dotted} {said}; it must be {' or '.join(map(_said, allowed))}"
    if full in FORBIDDEN:
        yield f"{full}: nothing here may have a public address"
    for rule in _at(body, "properties.cors.corsRules") or ():
        if "*" in rule.get("allowedOrigins", ()) or rule.get("allowedMethods") != ["PUT"]:
            yield "properties.cors.corsRules: a page may upload, by PUT, and no other site's page"
    if full.startswith("Microsoft.Network/networkSecurityGroups"):
        yield from _open_ports(body)
    if full == "Microsoft.Authorization/roleAssignments" and "scope" not in body:
        yield "scope is missing; a role is for one resource, not for the whole group"
    if full.startswith("Microsoft.App/") and _at(body, "properties.configuration.ingress"):
        yield "properties.configuration.ingress opens a port; nothing here serves"
    if full == "Microsoft.ContainerService/managedClusters":
        profile = _at(body, "properties.apiServerAccessProfile") or {}
        if not {"authorizedIPRanges", "enablePrivateCluster"} & set(profile):
            yield "properties.apiServerAccessProfile lets everybody reach the cluster's API"


def _open_ports(body: dict[str, Any]) -> Iterator[str]:
    rules = _at(body, "properties.securityRules") or [{"properties": body.get("properties", {})}]
    for rule in rules:
        held = rule.get("properties", {})
        inward = held.get("direction") == "Inbound" and held.get("access") == "Allow"
        sources = {held.get("sourceAddressPrefix"), *(held.get("sourceAddressPrefixes") or ())}
        if inward and sources & {"*", "Internet", "0.0.0.0/0", "::/0", "Any"}:
            yield f"port {held.get('destinationPortRange')} is open to the Internet"


def _at(body: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
