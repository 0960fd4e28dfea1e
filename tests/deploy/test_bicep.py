"""The check of Bicep files passes on the repository's, and finds what is planted in them."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from checks import bicep
from support.deployment import DEPLOY, needs_schemas

if TYPE_CHECKING:
    from pathlib import Path

STORAGE, CLUSTER, NETWORK = (
    "modules/storage.bicep",
    "modules/cluster.bicep",
    "modules/network.bicep",
)

pytestmark = needs_schemas
PLANTED = {
    "a field misspelt": (STORAGE, "accessTier:", "acessTier:", "acessTier"),
    "a field misspelt deep inside": (STORAGE, "tierToCool:", "tierToCold1:", "tierToCold1"),
    "a value of no enumeration": (STORAGE, "'StorageV2'", "'StorageV9'", "StorageV9"),
    "a text where a number is due": (STORAGE, "days: 7", "days: 'seven'", "seven"),
    "a number where a switch is due": (CLUSTER, "enableRBAC: true", "enableRBAC: 1", "enableRBAC"),
    "a parameter of another type": (CLUSTER, "maxCount: gpuMax", "maxCount: gpuSpot", "maxCount"),
    "an unknown name": (CLUSTER, "vmSize: gpuSize", "vmSize: gpuSise", "gpuSise"),
    "an unknown function": ("main.bicep", "take(", "takes(", "takes()"),
    "an unknown decorator": ("main.bicep", "@maxValue", "@maximum", "@maximum"),
    "an unknown type": (STORAGE, "blobServices/containers@", "blobServices/boxes@", "boxes"),
    "an unknown version": (
        STORAGE,
        "storageAccounts@2025-06-01",
        "storageAccounts@2025-06-02",
        "06-02",
    ),
    "a brace too few": (STORAGE, "    days: 7\n    }", "    days: 7\n", "syntax"),
    "a variable that nothing uses": (
        "main.bicep",
        "var reader",
        "var spare = 1\nvar reader",
        "spare",
    ),
    "a parameter that nothing uses": (
        STORAGE,
        "param name string",
        "param name string\nparam x int",
        "x is",
    ),
    "a name given twice": ("main.bicep", "var reader", "var reader = ''\nvar reader", "twice"),
    "no properties where they are due": (
        "modules/monitoring.bicep",
        "  properties: {\n    Application_Type: 'other'\n    WorkspaceResourceId: logs.id\n  }\n",
        "",
        "'properties' is a required",
    ),
    "no location": (STORAGE, "  location: location\n", "", "'location' is a required"),
    "no size": (STORAGE, "  sku: {\n    name: 'Standard_ZRS'\n  }\n", "", "'sku' is a required"),
    "a required field missing deep inside": (
        STORAGE,
        "          type: 'Lifecycle'\n",
        "",
        "'type' is a req",
    ),
    "a wrong property of an output": (
        "modules/identities.bicep",
        "worker.properties.clientId",
        "worker.properties.clintId",
        "no properties.clintId",
    ),
    "a wrong property inside": (
        CLUSTER,
        "oidcIssuerProfile.issuerURL",
        "oidcIssuerProfil.issuerURL",
        "oidcIssuerProfil",
    ),
    "a wrong property of the group": (
        "main.bicep",
        "resourceGroup().location",
        "resourceGroup().place",
        "place",
    ),
    "a module that is not there": (
        "main.bicep",
        "'modules/vault.bicep'",
        "'modules/volt.bicep'",
        "volt",
    ),
    "a parameter that a module lacks": (
        "main.bicep",
        "withKey:",
        "withKeys:",
        "no parameter withKeys",
    ),
    "a module's parameter missing": (
        "main.bicep",
        "    withKey: customerKey\n",
        "",
        "withKey is missing",
    ),
    "a module's parameter of another type": (
        "main.bicep",
        "gpuMax: gpuMax",
        "gpuMax: gpuSpot",
        "type int",
    ),
    "an output that a module lacks": (
        "main.bicep",
        "vault.outputs.keyName",
        "vault.outputs.key",
        "outputs.key",
    ),
    "an output in a list that a module lacks": (
        "main.bicep",
        "'driverPrincipalId'",
        "'driverId'",
        "driverId",
    ),
    "a default of another type": ("main.bicep", "gpuMax int = 8", "gpuMax int = '8'", "type int"),
    "a name that is known too late": (
        "small.bicep",
        "name: '${name}-insights'",
        "name: monitoring.outputs.insightsName",
        "not known before",
    ),
    "a file that is not there": (
        "small.bicep",
        "loadTextContent('once.py')",
        "loadTextContent('one.py')",
        "one.py",
    ),
    "access by key": (
        STORAGE,
        "allowSharedKeyAccess: false",
        "allowSharedKeyAccess: true",
        "SharedKey",
    ),
    "access by key, not said": (STORAGE, "    allowSharedKeyAccess: false\n", "", "SharedKey"),
    "a key handed out": (
        "modules/vault.bicep",
        "vault.id\n",
        "listKeys(vault.id, '')\n",
        "listKeys()",
    ),
    "a public container": (STORAGE, "publicAccess: 'None'", "publicAccess: 'Blob'", "publicAccess"),
    "public blobs": (
        STORAGE,
        "allowBlobPublicAccess: false",
        "allowBlobPublicAccess: true",
        "BlobPublic",
    ),
    "pages of all sites": (STORAGE, "          origin\n", "          '*'\n", "no other site"),
    "pages that read": (STORAGE, "          'PUT'\n", "          'GET'\n", "may upload, by PUT"),
    "http": (
        STORAGE,
        "supportsHttpsTrafficOnly: true",
        "supportsHttpsTrafficOnly: false",
        "HttpsTraffic",
    ),
    "an account open to all networks": (
        STORAGE,
        "defaultAction: 'Deny'",
        "defaultAction: 'Allow'",
        "Deny",
    ),
    "an open port": (NETWORK, "'VirtualNetwork'", "'*'", "open to the Internet"),
    "a public registry": (
        "modules/registry.bicep",
        "publicNetworkAccess: 'Disabled'",
        "publicNetworkAccess: 'Enabled'",
        "Disabled",
    ),
    "no network policy": (CLUSTER, "      networkPolicy: 'cilium'\n", "", "networkPolicy"),
    "an API of the cluster for everybody": (
        CLUSTER,
        "    apiServerAccessProfile: {\n      authorizedIPRanges: adminRanges\n    }\n",
        "",
        "everybody",
    ),
    "GPUs that do not leave": (CLUSTER, "    minCount: 0\n", "    minCount: 1\n", "minCount"),
    "a role for the whole group": (
        "modules/role.bicep",
        "  scope: container\n",
        "",
        "scope is missing",
    ),
    "a role that is too large": (
        "main.bicep",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "none of the roles",
    ),
    "a container app with a port": (
        "small.bicep",
        "      triggerType: 'Event'\n",
        "      triggerType: 'Event'\n      ingress: {\n        external: true\n      }\n",
        "opens a port",
    ),
    "an endpoint without a name": (
        "modules/endpoint.bicep",
        "resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@",
        "resource names 'Microsoft.Network/virtualNetworks/subnets@",
        "finds it",
    ),
    "a parameter of a file that is none": (
        "main.parameters.json",
        '"gpuMax"',
        '"gpuMost"',
        "no parameter gpuMost",
    ),
    "a parameter of a file, of another type": (
        "main.parameters.json",
        '"value": 8',
        '"value": "8"',
        "type int",
    ),
    "a parameter missing in a file": (
        "small.parameters.json",
        '"image"',
        '"picture"',
        "image is missing",
    ),
}


def test_what_is_here_passes() -> None:
    assert bicep.check(DEPLOY) == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_error_is_found_where_it_is(fault: str, tmp_path: Path) -> None:
    name, old, new, told = PLANTED[fault]
    deploy = tmp_path / "deploy"
    deploy.mkdir()
    shutil.copytree(DEPLOY / "azure", deploy / "azure")
    (deploy / "schemas").symlink_to(DEPLOY / "schemas")
    path = deploy / "azure" / name
    whole = path.read_text()
    assert old in whole
    path.write_text(whole.replace(old, new, 1))

    found = bicep.check(deploy)

    assert any(told in one.text for one in found), found
    assert f"azure/{name}" in {one.file for one in found}
    assert all(re.fullmatch(r"azure/[\w./]+", one.file) and one.line for one in found)


def test_missing_schemas_are_said(tmp_path: Path) -> None:
    assert "schemas are missing" in bicep.check(tmp_path)[0].text
