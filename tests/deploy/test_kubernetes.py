"""The check of deploy/kubernetes passes what is there, and finds what was planted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from checks import kubernetes, pods
from checks.rendered import render
from impasto.server.config import load_serve
from impasto.settings import CONFIG_FILE, load
from impasto.storage.stores import Stores
from impasto.watch.rules import load_rules
from support.deployment import DEPLOY, needs_schemas

OVERLAYS = ["aks", "any", "eks", "gke", "kind"]
COMPONENTS = ["metrics", "private-registry", "store-keys"]
"""Those that the overlays of errors do not use."""
CLUSTER, WATCH, SERVE = "base/cluster.yaml", "base/watch.yaml", "base/serve.yaml"
MONITOR = "components/metrics/podmonitor.yaml"
NETWORK, JOB, KEDA = (
    "base/network.yaml",
    "examples/rayjob.yaml",
    "components/scale-to-zero/keda.yaml",
)


pytestmark = needs_schemas


class Planted(NamedTuple):
    """An error in a file, and what must be said of it."""

    file: str
    old: str
    new: str
    said: str


ERRORS = {
    "typo in a cluster": Planted(CLUSTER, "upscalingMode", "upscallingMode", "'upscallingMode'"),
    "typo in a Ray pod": Planted(CLUSTER, "volumeMounts", "volumeMount", "'volumeMount'"),
    "typo in a Deployment": Planted(WATCH, "replicas", "replica", "replica"),
    "typo in a policy": Planted(NETWORK, "podSelector: {}", "podSelectr: {}", "podSelectr"),
    "typo in a RayJob": Planted(JOB, "submissionMode", "submisionMode", "'submisionMode'"),
    "wrong type": Planted(CLUSTER, "maxReplicas: 16", "maxReplicas: many", "'many'"),
    "no YAML": Planted(
        WATCH, "spec:\n  replicas: 1", "spec:\n  replicas: [1", "cannot be rendered"
    ),
    "ConfigMap": Planted(WATCH, "name: impasto-settings", "name: setings", "ConfigMap setings"),
    "names of Ray's kinds": Planted(
        "base/references.yaml", "spec/headGroupSpec/template/spec/volumes", "spec/x", "ConfigMap"
    ),
    "ServiceAccount": Planted(
        CLUSTER, "Name: impasto-worker", "Name: impasto-wrker", "ServiceAccount impasto-wrker"
    ),
    "Secret": Planted(
        CLUSTER, "secretName: impasto-ray-token", "secretName: token", "Secret token"
    ),
    "Secret of a pod": Planted(
        WATCH, "secretName: impasto-ray-token", "secretName: t", "Secret t,"
    ),
    "claim": Planted("overlays/kind/volume.yaml", "name: media", "name: disk", "ClaimName|media"),
    "scaled object": Planted(KEDA, "{name: impasto-watch}", "{name: watch}", "Deployment watch"),
    "typo for KEDA": Planted(KEDA, "cooldownPeriod", "coolDownPeriod", "coolDownPeriod is unknown"),
    "many watchers": Planted(KEDA, "maxReplicaCount: 1", "maxReplicaCount: 9", "Count must be 1"),
    "monitored pods": Planted(MONITOR, "name: impasto-serve}", "name: serve}", "which no pod has"),
    "monitored port": Planted(MONITOR, "port: http", "port: metrics", "port metrics, which no"),
    "monitor's token": Planted(MONITOR, "{name: impasto-metrics-token", "{name: t", "Secret t,"),
    "typo in a monitor": Planted(MONITOR, "podMetricsEnd", "podMetricEnd", "podMetricEndpoints is"),
    "log-in of a registry": Planted(
        "components/private-registry/kustomization.yaml",
        "name: impasto-registry",
        "name: registry",
        "Secret registry,",
    ),
    "component": Planted(
        "components/metrics/kustomization.yaml", "network.yaml", "net.yaml", "cannot be rendered"
    ),
    "cluster of a job": Planted(JOB, "cluster: impasto", "cluster: imp", "RayCluster imp,"),
    "no place for code": Planted("overlays/eks/impasto.toml", "code =", "# code =", "has no code"),
    "code among media": Planted(
        "overlays/eks/impasto.toml", "control-bucket/code", "media-bucket/in/code", "is below s3"
    ),
    "no TOML": Planted("overlays/eks/impasto.toml", "code = [", "code = ", "impasto.toml: "),
    "head's address": Planted("overlays/eks/impasto.toml", "impasto-head-svc", "ray", "names ray"),
    "root": Planted(WATCH, "runAsUser: 10001", "runAsUser: 0", "runs as root"),
    "root on Ray": Planted(CLUSTER, "runAsUser: 10001", "runAsUser: 0", "runs as root"),
    "may be root": Planted(SERVE, "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"),
    "privileged": Planted(
        SERVE,
        "            allowPriv",
        "            privileged: true\n            allowPriv",
        "root on",
    ),
    "escalation": Planted(
        SERVE,
        "allowPrivilegeEscalation: false",
        "allowPrivilegeEscalation: true",
        "Escalation must",
    ),
    "capability": Planted(WATCH, "drop: [ALL]", "drop: [ALL], add: [SYS_ADMIN]", "add none"),
    "seccomp": Planted(WATCH, "RuntimeDefault", "Unconfined", "seccompProfile"),
    "machine's folder": Planted(
        SERVE, "emptyDir: {sizeLimit: 20Gi}", "hostPath: {path: /}", "refuses"
    ),
    "machine's network": Planted(
        SERVE,
        "      serviceAccountName",
        "      hostNetwork: true\n      serviceAccountName",
        "hostN",
    ),
    "machine's port": Planted(
        SERVE, "containerPort: 8710", "containerPort: 8710, hostPort: 80", "hostP"
    ),
    "own token": Planted(WATCH, "Token: false", "Token: true", "automountServiceAccountToken"),
    "writable": Planted(
        SERVE, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "Only"
    ),
    "no limit": Planted(WATCH, 'limits: {cpu: "2", memory: 4Gi}', "limits: {}", "no limit for mem"),
    "no GPU limit": Planted(CLUSTER, ', nvidia.com/gpu: "1"', "", "no limit nvidia.com/gpu"),
    "autoscaler's security": Planted(
        CLUSTER,
        "      allowPrivilegeEscalation: false\n      capabilities: {drop: [ALL]}",
        "      {}",
        "autoscaler: capabilities",
    ),
    "any tag": Planted(
        "base/kustomization.yaml", "newTag: 0.1.0\n", "newTag: latest\n", "have a tag"
    ),
    "probe": Planted(
        SERVE, "path: /v1/ready, port: http", "path: /v1/ready, port: web", "port web"
    ),
    "no liveness": Planted(WATCH, "livenessProbe", "startupProbe", "who hangs, stays"),
    "another file": Planted(WATCH, "-mmin -15", "/alive -mmin -15", "looks at /alive, which"),
    "probe by Python": Planted(WATCH, "[sh, -c, 'test", "[impasto, watch, 'test", "Python again"),
    "restarts without a home": Planted(
        SERVE, "path: /v1/health", "path: /v1/ready", "livenessProbe fails while the home"
    ),
    "volume": Planted(WATCH, "{name: tmp, mountPath", "{name: temp, mountPath", "mounts temp"),
    "no token": Planted(CLUSTER, "mode: token", "mode: disabled", "mode must be token"),
    "no version": Planted(CLUSTER, "  rayVersion: 2.60.0", "  #", "rayVersion must"),
    "restarts": Planted(CLUSTER, "restartPolicy: Never", "restartPolicy: Always", "must be Never"),
    "no autoscaler": Planted(CLUSTER, "version: v2", "version: v1", "version v2"),
    "gated": Planted(
        CLUSTER, "  authOptions:", "  tlsOptions: {}\n  authOptions:", "tlsOptions|gate"
    ),
    "never idle": Planted(
        CLUSTER, "minReplicas: 0", "minReplicas: 1", "minReplicas must be 0|between"
    ),
    "no order": Planted(CLUSTER, "priority: 10", "priority: 0", "different priorities"),
    "any machine": Planted(
        "overlays/eks/kustomization.yaml",
        "      - op: add\n        path: /spec/workerGroupSpecs/1/template/spec/nodeSelector\n"
        "        value: {eks.amazonaws.com/capacityType: ON_DEMAND}\n",
        "",
        "group gpu-on-demand: nothing says",
    ),
    "same machines": Planted(
        "overlays/eks/kustomization.yaml", "ON_DEMAND", "SPOT", "gpu-on-demand: takes the same"
    ),
    "workers on the head": Planted(CLUSTER, 'num-cpus: "0"', 'num-cpus: "4"', "takes workers"),
    "tries of a job": Planted(
        JOB, "  clusterSel", "  backoffLimit: 2\n  clusterSel", "backoffLimit"
    ),
    "sidecar": Planted(JOB, "HTTPMode", "SidecarMode", "refused with clusterSelector"),
    "no policy": Planted(NETWORK, "[Ingress, Egress]", "[Ingress]", "denies all"),
    "operator": Planted(NETWORK, "kuberay-operator", "operator", "lets KubeRay's operator"),
    "open port": Planted(
        "base/serve.yaml",
        "spec:\n  selector: {app",
        "spec:\n  type: LoadBalancer\n  selector: {app",
        "opens",
    ),
    "open policy": Planted(
        NETWORK,
        "    - from:\n        - podSelector:\n            matchLabels: {ray.io/cluster: impasto}\n",
        "    - {}\n",
        "admits everybody",
    ),
    "dead policy": Planted(
        NETWORK, "{app.kubernetes.io/name: impasto-watch}", "{app: watch}", "which no pod has"
    ),
    "dead budget": Planted(CLUSTER, "node-type: head}", "node-type: haed}", "which no pod has"),
    "no Pod Security": Planted(
        "base/namespace.yaml", "enforce: restricted", "enforce: baseline", "Pod Sec"
    ),
}


def copy(folder: Path, overlay: str, component: str = "") -> None:
    """Copy what is checked, with one overlay and one more component, since each takes its time."""
    left = {*OVERLAYS, *COMPONENTS} - {overlay, component}
    shutil.copytree(
        DEPLOY / "kubernetes", folder / "kubernetes", ignore=shutil.ignore_patterns(*left)
    )
    (folder / "schemas").symlink_to(DEPLOY / "schemas")


def test_what_is_there_passes() -> None:
    assert kubernetes.check(DEPLOY) == []


@pytest.mark.parametrize("planted", ERRORS.values(), ids=ERRORS.keys())
def test_planted_errors_are_found_where_they_are(planted: Planted, tmp_path: Path) -> None:
    overlay = re.match(r"overlays/(\w+)", planted.file)
    component = re.match(r"components/([\w-]+)", planted.file)
    copy(tmp_path, overlay[1] if overlay else "aks", component[1] if component else "")
    path = tmp_path / "kubernetes" / planted.file
    text = path.read_text()
    assert planted.old in text
    path.write_text(text.replace(planted.old, planted.new, 1))
    found = kubernetes.check(tmp_path)
    assert any(re.search(planted.said, each.text) for each in found), found
    for each in found:
        assert each.line <= len((tmp_path / each.file).read_text().splitlines())


def test_missing_schemas_are_said(tmp_path: Path) -> None:
    assert "schemas are missing" in kubernetes.check(tmp_path)[0].text


def test_a_finding_names_its_line(tmp_path: Path) -> None:
    copy(tmp_path, "aks")
    path = tmp_path / "kubernetes" / SERVE
    path.write_text(path.read_text().replace("Filesystem: true", "Filesystem: false"))
    (found,) = kubernetes.check(tmp_path)
    assert found.file == f"kubernetes/{SERVE}"
    assert "readOnlyRootFilesystem: false" in path.read_text().splitlines()[found.line - 1]


def test_workers_have_an_identity_of_their_own() -> None:
    overlays, _ = render(DEPLOY)
    for overlay in overlays:
        accounts = {each["metadata"]["name"]: each for each in overlay.of("ServiceAccount")}
        head, worker = (
            accounts[name]["metadata"].get("annotations")
            for name in ("impasto-head", "impasto-worker")
        )
        keyed = overlay.name in {"any", "kind"}
        assert keyed or (head and worker and head != worker), overlay.name


def test_every_pod_that_opens_a_store_by_keys_has_them() -> None:
    overlays, _ = render(DEPLOY)
    (overlay,) = (each for each in overlays if each.name == "any")
    every = [pod for each in overlay.documents for pod in pods.pods(each)]
    assert len(every) == 4
    for pod in every:
        named = [each["secretRef"]["name"] for each in pod.spec["containers"][0]["envFrom"]]
        others = [] if pod.role == "worker" else ["impasto-secrets"]
        assert named == [*others, "impasto-store-keys"]


def test_keda_counts_the_messages_of_the_rule_as_the_watcher() -> None:
    overlays, _ = render(DEPLOY)
    overlay = next(each for each in overlays if each.name == "aks")
    ((scaled,), (asker,)) = overlay.of("ScaledObject"), overlay.of("TriggerAuthentication")
    accounts = {each["metadata"]["name"]: each for each in overlay.of("ServiceAccount")}
    (settings,) = overlay.of("ConfigMap")
    asked = scaled["spec"]["triggers"][0]["metadata"]
    url = f"https://{asked['accountName']}.queue.core.windows.net/{asked['queueName']}"
    assert f'queue = "{url}"' in settings["data"][CONFIG_FILE]
    watcher = accounts["impasto-watch"]["metadata"]["annotations"]
    assert [asker["spec"]["podIdentity"]["identityId"]] == [*watcher.values()]


@pytest.mark.parametrize("name", OVERLAYS)
def test_impasto_takes_the_settings_of_each_overlay(name: str, tmp_path: Path) -> None:
    config = DEPLOY / "kubernetes/overlays" / name / CONFIG_FILE
    assert load(str(config)).home
    assert load_serve(str(config)).read
    (tmp_path / "styles").mkdir()
    shutil.copy(DEPLOY.parent / "docs/tour-sheet.jpg", tmp_path / "styles/starry.jpg")
    # Rules look into their stores, which nobody is signed in to here.
    text = re.sub(r"\[stores\.\w+\]\n(.+\n)+", "", config.read_text())
    text = re.sub(r"(az|s3|gs)://[-\w]+|(?<=\")/media", str(tmp_path), text)
    here = tmp_path / CONFIG_FILE
    here.write_text(re.sub(r"\nqueue = .+", "", text))
    settings = load(str(here))
    _, rules = load_rules(str(here), settings, Stores(settings.stores))
    assert [rule.name for rule in rules] == ["paint"]
