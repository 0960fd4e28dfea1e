"""The check of Ray's launcher passes on the repository's file, and finds what is planted in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checks import launcher
from support.deployment import DEPLOY

if TYPE_CHECKING:
    from pathlib import Path

PLANTED = {
    "a key misspelt at the top": ("idle_timeout_minutes:", "idle_timeout_minuts:", "refuses"),
    "a key of a machine misspelt": ("    max_workers: 8", "    max_worker: 8", "refuses"),
    "more machines than there may be": ("    min_workers: 0", "    min_workers: 9", "refuses"),
    "no head": ("head_node_type: head\n", "", "refuses"),
    "a key of the provider misspelt": ("use_internal_ips:", "use_internal_ip:", "no key use_i"),
    "no place": ("  location: westeurope\n", "", "location is missing"),
    "a parameter of a machine misspelt": ("priority: Spot", "prioritty: Spot", "prioritty"),
    "a parameter in small letters": ("vmSize: Standard_D", "vmsize: Standard_D", "vmsize"),
    "public addresses": ("use_internal_ips: true", "use_internal_ips: false", "internal_ips"),
    "a public head": ("external_head_ip: false", "external_head_ip: true", "head_ip must"),
    "machines that are kept": ("stopped_nodes: false", "stopped_nodes: true", "must be false"),
    "machines that stay": ("    min_workers: 0", "    min_workers: 1", "min_workers must"),
    "an open head": ("RAY_AUTH_MODE=token RAY_USAGE", "RAY_USAGE", "open to everybody"),
    "an open dashboard": ("host=127.0.0.1", "host=0.0.0.0", "must listen"),
    "the image's entrypoint": ("    - --entrypoint=/usr/bin/env\n", "", "entrypoint"),
    "no YAML": ("cluster_name: impasto", "cluster_name: [", "no YAML"),
}


def test_what_is_here_passes() -> None:
    assert launcher.check(DEPLOY) == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_error_is_found(fault: str, tmp_path: Path) -> None:
    old, new, told = PLANTED[fault]
    whole = (DEPLOY / "ray" / "azure-vms.yaml").read_text()
    assert old in whole
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "azure-vms.yaml").write_text(whole.replace(old, new, 1))

    found = launcher.check(tmp_path)

    assert any(told in one.text for one in found), found
    assert {one.file for one in found} == {"ray/azure-vms.yaml"}
    assert all(one.line for one in found)
