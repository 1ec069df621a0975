"""The manifests: Kubernetes' own schemas, every reference followed, and each rule seen to fail."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import Answers, Baker

Resource = dict[str, Any]
ROWS: list[Answers] = [
    {},
    {"monitoring": False},
    {"package_name": "src", "demo_app": "none", "experiment_tracking": "none"},
    {"project_slug": "flights-of-new-york-in-2013-arrival-mode", "task": "regression"},
]
OVERLAYS = ("dev", "prod")
VERSIONS = ("1.32.0", "1.34.0", "1.37.0")
OWN_KINDS = {"ExternalSecret", "PrometheusRule", "ServiceMonitor"}  # of operators: no schema here
SECRET = re.compile(r"(api|signing|access)_?key|password|token|secret", re.IGNORECASE)
USER = 10001  # of the images


def built(project: Path, overlay: str) -> list[Resource]:
    """Return what `kubectl apply --kustomize` would send."""
    command = ["kubectl", "kustomize", f"infra/kubernetes/overlays/{overlay}"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def pods(resources: list[Resource]) -> Iterator[tuple[str, Resource, Resource]]:
    """Give the name, labels and specification of what runs."""
    for one in resources:
        if one["kind"] == "Deployment":
            template = one["spec"]["template"]
            yield one["metadata"]["name"], template["metadata"]["labels"], template["spec"]
        if one["kind"] == "CronJob":
            template = one["spec"]["jobTemplate"]["spec"]["template"]
            yield one["metadata"]["name"], template["metadata"]["labels"], template["spec"]


def of_kind(resources: list[Resource], kind: str) -> dict[str, Resource]:
    return {one["metadata"]["name"]: one for one in resources if one["kind"] == kind}


def picks(selector: Resource, labels: Resource) -> bool:
    return bool(selector.get("matchLabels", selector).items() <= labels.items())


def faults(resources: list[Resource], project: Path) -> Iterator[str]:
    """Name what the manifests must not have, and each reference that leads nowhere."""
    namespace = {one["metadata"].get("namespace") for one in resources} - {None}
    if len(namespace) != 1:
        yield f"several namespaces: {namespace}"
    for name, space in of_kind(resources, "Namespace").items():
        if {name} != namespace:
            yield "the namespace is another one"
        if space["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace takes pods that may do anything"
    for name, _, pod in pods(resources):
        for fault in [*pod_faults(resources, pod), *reference_faults(resources, pod, project)]:
            yield f"{name}: {fault}"
    yield from api_faults(resources, project)
    yield from network_faults(resources)
    for name, config in of_kind(resources, "ConfigMap").items():
        for key, value in config["data"].items():
            if name.startswith("settings") and SECRET.search(key):
                yield f"{name} holds a secret: {key}"
            if re.search(r"(?i)(api_key|signing_key|password)\s*[:=]\s*\S", value):
                yield f"{name} holds a secret in {key}"
    for name, job in of_kind(resources, "CronJob").items():
        spec = job["spec"]
        if spec.get("concurrencyPolicy") != "Forbid":
            yield f"{name}: two may run at once"
        if "activeDeadlineSeconds" not in spec["jobTemplate"]["spec"]:
            yield f"{name}: may run for ever"


def pod_faults(resources: list[Resource], pod: Resource) -> Iterator[str]:
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or security.get("runAsUser") != USER:
        yield "runs as another user than the image's"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "any system call"
    if pod.get("automountServiceAccountToken") is not False:
        yield "holds a token of the cluster"
    if pod.get("serviceAccountName") not in of_kind(resources, "ServiceAccount"):
        yield "no such service account"
    for container in pod["containers"]:
        image, _, tag = container["image"].rpartition(":")
        if not image or tag == "latest":
            yield f"image {container['image']} may be any"
        own = container.get("securityContext", {})
        if own.get("readOnlyRootFilesystem") is not True:
            yield "writes to its root"
        if own.get("allowPrivilegeEscalation") is not False:
            yield "may gain privileges"
        if own.get("capabilities", {}).get("drop") != ["ALL"]:
            yield "has capabilities"
        for kind in ("requests", "limits"):
            missing = {"cpu", "memory"} - container.get("resources", {}).get(kind, {}).keys()
            if missing:
                yield f"no {kind} of {', '.join(sorted(missing))}"


def reference_faults(resources: list[Resource], pod: Resource, project: Path) -> Iterator[str]:
    configs = of_kind(resources, "ConfigMap")
    secrets = {
        one["spec"]["target"]["name"]: {item["secretKey"] for item in one["spec"]["data"]}
        for one in of_kind(resources, "ExternalSecret").values()
    } or {"api-keys": {"api-key", "signing-key"}}  # dev: made by hand, as the docs say
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = [mount["name"] for one in pod["containers"] for mount in one["volumeMounts"]]
    if set(mounted) != volumes.keys():
        yield f"volumes {sorted(volumes)}, mounted {sorted(mounted)}"
    for volume in volumes.values():
        if "configMap" in volume and volume["configMap"]["name"] not in configs:
            yield f"no config map {volume['configMap']['name']}"
    for container in pod["containers"]:
        for source in container.get("envFrom", []):
            if source["configMapRef"]["name"] not in configs:
                yield f"no config map {source['configMapRef']['name']}"
        for variable in container.get("env", []):
            if "value" in variable and SECRET.search(variable["name"]):
                yield f"a secret in the manifest: {variable['name']}"
            key = variable.get("valueFrom", {}).get("secretKeyRef")
            if key and key["key"] not in secrets.get(key["name"], ()):
                yield f"no secret {key['name']}, {key['key']}"
        for script in re.findall(r"/project/(\S+)", " ".join(container.get("command", []))):
            if not (project / script).is_file():
                yield f"no script {script}"


def api_faults(resources: list[Resource], project: Path) -> Iterator[str]:
    deployment = of_kind(resources, "Deployment")["api"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    exposed = re.findall(r"^EXPOSE (\d+)$", (project / "Dockerfile").read_text("utf-8"), re.M)
    if str(ports.get("http")) != exposed[-1]:
        yield f"the image listens on {exposed[-1]}, not on {ports}"
    if not picks(deployment["spec"]["selector"], labels):
        yield "the deployment does not select its pods"
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = container.get(kind, {}).get("httpGet", {})
        if probe.get("port") not in ports:
            yield f"{kind} asks no port of the container"
    if container["livenessProbe"]["httpGet"] == container["readinessProbe"]["httpGet"]:
        yield "a pod that is not ready is killed"
    strategy = deployment["spec"]["strategy"].get("rollingUpdate", {})
    if strategy.get("maxUnavailable") != 0:
        yield "an old pod goes before a new one answers"
    services = of_kind(resources, "Service")
    for name, service in services.items():
        if not picks(service["spec"]["selector"], labels):
            yield f"service {name} selects no pod"
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"service {name} leads to no port"
    for name, one in of_kind(resources, "HorizontalPodAutoscaler").items():
        target = one["spec"]["scaleTargetRef"]
        if target["kind"] != "Deployment" or target["name"] != "api":
            yield f"autoscaler {name} scales nothing"
        if "replicas" in deployment["spec"]:
            yield "two say how many pods there are"
    for name, one in of_kind(resources, "PodDisruptionBudget").items():
        if not picks(one["spec"]["selector"], labels):
            yield f"budget {name} selects no pod"
    for one in pod["topologySpreadConstraints"]:
        if not picks(one["labelSelector"], labels):
            yield "what is spread is not this pod"
    for name, one in of_kind(resources, "Ingress").items():
        hosts = {host for part in one["spec"].get("tls", []) for host in part["hosts"]}
        for rule in one["spec"]["rules"]:
            if rule["host"] not in hosts:
                yield f"ingress {name}: {rule['host']} without TLS"
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                named = services.get(service["name"], {"spec": {"ports": []}})["spec"]["ports"]
                if service["port"]["name"] not in {port["name"] for port in named}:
                    yield f"ingress {name} leads to no service"
    for name, one in of_kind(resources, "ServiceMonitor").items():
        found = [
            s for s in services.values() if picks(one["spec"]["selector"], s["metadata"]["labels"])
        ]
        named = {port["name"] for service in found for port in service["spec"]["ports"]}
        if any(
            end["port"] not in named or end["path"] != "/metrics"
            for end in one["spec"]["endpoints"]
        ):
            yield f"service monitor {name} scrapes nothing"


def network_faults(resources: list[Resource]) -> Iterator[str]:
    policies = of_kind(resources, "NetworkPolicy")
    everything = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    if not any(one["spec"] == everything for one in policies.values()):
        yield "what is not named may pass"
    every = [labels for _, labels, _ in pods(resources)]
    for name, one in policies.items():
        spec = one["spec"]
        if not any(picks(spec["podSelector"], labels) for labels in every):
            yield f"policy {name} is for no pod"
        for rule in spec.get("ingress", []):
            if not rule.get("from") or not rule.get("ports"):
                yield f"policy {name} lets anybody in"
        for rule in spec.get("egress", []):
            if not rule.get("to") or not rule.get("ports"):
                yield f"policy {name} lets anything out"
            for to in rule.get("to", []):
                strange = to.get("podSelector", {}).get("matchLabels", {}).keys() - {"k8s-app"}
                if strange:
                    yield f"policy {name} asks a neighbour for our labels"


def wrong_by_schema(manifests: Path) -> str:
    """Return what Kubernetes' own schemas say against resources, for each supported version."""
    tool = Path(sys.executable).with_name("kubernetes-validate")
    said = ""
    for version in VERSIONS:
        command = [str(tool), "--strict", "--no-warn", "--quiet", "-k", version, str(manifests)]
        done = subprocess.run(command, capture_output=True, text=True)
        said += done.stdout + done.stderr if done.returncode else ""
    return said


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())) or "default")
def test_the_rules_hold(row: Answers, overlay: str, bake: Baker, tmp_path: Path) -> None:
    project = bake(**row)
    resources = built(project, overlay)
    assert list(faults(resources, project)) == []
    kinds = {one["kind"] for one in resources}
    watched = overlay == "prod" and row.get("monitoring", True)
    assert bool(kinds & {"ServiceMonitor", "PrometheusRule"}) == watched
    manifests = tmp_path / "all.yaml"
    known = [one for one in resources if one["kind"] not in OWN_KINDS]
    manifests.write_text(yaml.safe_dump_all(known), "utf-8")
    assert wrong_by_schema(manifests) == ""


BASE = "infra/kubernetes/base/"
PROD = "infra/kubernetes/overlays/prod/"
PLANTED = {
    "wrong port": (BASE + "api.yaml", "containerPort: 8000", "containerPort: 8080", "listens on"),
    "wrong probe port": (
        BASE + "api.yaml",
        "port: http\n            periodSeconds: 10",
        "port: web\n            periodSeconds: 10",
        "livenessProbe asks",
    ),
    "ready is alive": (BASE + "api.yaml", "path: /health/ready", "path: /health/live", "is killed"),
    "latest tag": (PROD + "kustomization.yaml", "newTag: 0.1.0", "newTag: latest", "may be any"),
    "image not named": (
        PROD + "kustomization.yaml",
        "- name: serve",
        "- name: server",
        "may be any",
    ),
    "secret in a config map": (
        PROD + "kustomization.yaml",
        "    literals:\n",
        "    literals:\n      - FLIGHT_DELAYS__SERVE__API_KEY=x\n",
        "holds a secret",
    ),
    "secret in the manifest": (
        BASE + "api.yaml",
        "          env:\n",
        "          env:\n            - {name: SIGNING_KEY, value: x}\n",
        "a secret in the manifest",
    ),
    "no such secret": (
        BASE + "api.yaml",
        "key: api-key\n",
        "key: key\n",
        "no secret api-keys, key",
    ),
    "wrong selector": (
        BASE + "api.yaml",
        "  selector:\n    app.kubernetes.io/component: api",
        "  selector:\n    app.kubernetes.io/component: web",
        "service api selects no pod",
    ),
    "budget for others": (
        BASE + "api.yaml",
        "  selector:\n    matchLabels:\n      app.kubernetes.io/component: api\n\\Z",
        "  selector:\n    matchLabels:\n      app.kubernetes.io/component: web\n",
        "budget api",
    ),
    "no limits": (
        BASE + "retrain.yaml",
        '                limits:\n                  cpu: "2"\n                  memory: 4Gi\n',
        "",
        "no limits of cpu, memory",
    ),
    "root": (BASE + "api.yaml", "runAsUser: 10001", "runAsUser: 0", "another user"),
    "writable root": (
        BASE + "retrain.yaml",
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
        "writes to its root",
    ),
    "capabilities": (BASE + "api.yaml", "drop: [ALL]", "drop: [NET_RAW]", "has capabilities"),
    "token": (
        BASE + "retrain.yaml",
        "          automountServiceAccountToken: false\n",
        "",
        "holds a token",
    ),
    "missing volume": (
        BASE + "api.yaml",
        "        - name: cache\n          emptyDir:\n            sizeLimit: 1Gi\n",
        "",
        "volumes",
    ),
    "missing script": (
        BASE + "retrain.yaml",
        "scripts/retrain_job.sh",
        "scripts/train.sh",
        "no script scripts/train.sh",
    ),
    "autoscaler": (
        BASE + "api.yaml",
        "    kind: Deployment\n    name: api\n",
        "    kind: Deployment\n    name: app\n",
        "scales nothing",
    ),
    "old goes first": (BASE + "api.yaml", "maxUnavailable: 0", "maxUnavailable: 1", "goes before"),
    "open door": (
        PROD + "ingress.yaml",
        r"    - from:\n(        .*\n)+",
        "    -\n",
        "lets anybody in",
    ),
    "nothing denied": (
        BASE + "network.yaml",
        "policyTypes: [Ingress, Egress]",
        "policyTypes: [Ingress]",
        "may pass",
    ),
    "our labels on others": (
        BASE + "kustomization.yaml",
        "includeTemplates: true",
        "includeSelectors: true",
        "asks a neighbour",
    ),
    "plain ingress": (
        PROD + "ingress.yaml",
        "hosts: [api.example.org]",
        "hosts: [www.example.org]",
        "without TLS",
    ),
    "wrong service": (
        PROD + "ingress.yaml",
        "              service:\n                name: api",
        "              service:\n                name: app",
        "leads to no service",
    ),
    "nothing scraped": (
        "infra/kubernetes/monitoring/watch.yaml",
        "path: /metrics",
        "path: /metric",
        "scrapes nothing",
    ),
    "endless job": (BASE + "retrain.yaml", "      activeDeadlineSeconds: 7200\n", "", "for ever"),
    "pods that may do anything": (
        BASE + "namespace.yaml",
        "enforce: restricted",
        "enforce: privileged",
        "may do anything",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str, bake: Baker, tmp_path: Path) -> None:
    project = copied(bake(), tmp_path)
    file, old, new, said = PLANTED[fault]
    plant(project / file, old, new)
    assert any(said in line for line in faults(built(project, "prod"), project))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("periodSeconds: 2", "periodSecond: 2", "periodSecond"),
        ("maxSurge: 1", "maxSurge: [1]", "maxSurge"),
        ("terminationGracePeriodSeconds: 45", 'terminationGracePeriodSeconds: "45"', "45"),
    ],
)
def test_the_schemas_find_a_planted_fault(
    old: str, new: str, said: str, bake: Baker, tmp_path: Path
) -> None:
    project = copied(bake(), tmp_path)
    plant(project / BASE / "api.yaml", old, new)
    manifests = tmp_path / "all.yaml"
    manifests.write_text(yaml.safe_dump_all(built(project, "dev")), "utf-8")
    assert said in wrong_by_schema(manifests)


def copied(project: Path, folder: Path) -> Path:
    """Copy what the manifests are made of."""
    for name in ("configs", "infra", "scripts"):
        shutil.copytree(project / name, folder / "project" / name)
    shutil.copy(project / "Dockerfile", folder / "project")
    return folder / "project"


def plant(path: Path, old: str, new: str) -> None:
    """Replace what a text or a pattern says, once."""
    text = path.read_text("utf-8")
    pattern = old if re.search(old, text) else re.escape(old)
    assert re.search(pattern, text), f"{path.name} has no {old!r}"
    path.write_text(re.sub(pattern, lambda _: new, text, count=1), "utf-8")
