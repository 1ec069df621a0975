"""What others' policies say of the manifests, and the job that retrains, run as the pod runs it."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.baking import Answers, Baker
from tests.slow.policies import objections
from tests.slow.projects import Installer, run
from tests.slow.watching import free_port

API = "infra/kubernetes/base/api.yaml"
# Tool, then an edit of API that it must object to, and what it calls that.
PLANTED = [
    ("checkov", "          livenessProbe:", "          livenessProb:", "CKV_K8S_8"),
    ("checkov", "runAsUser: 10001", "runAsUser: 1", "CKV_K8S_40"),
    ("trivy", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "KSV-0014"),
    ("trivy", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "KSV-0001"),
]


def built(project: Path, overlay: str) -> Path:
    """Return a folder with what `kubectl apply --kustomize` would send."""
    build = ["kubectl", "kustomize", f"infra/kubernetes/overlays/{overlay}"]
    text = subprocess.check_output(build, cwd=project, text=True)
    folder = project.parent / "built"
    folder.mkdir(exist_ok=True)
    (folder / "all.yaml").write_text(text, "utf-8")
    return folder


def objected(policies: Path, tool: str, project: Path, overlay: str) -> str:
    skipped = ("--config-file", str(project / "infra/kubernetes/.checkov.yaml"))
    return objections(policies, tool, built(project, overlay), *skipped)


@pytest.mark.parametrize("tool", ["checkov", "trivy"])
@pytest.mark.parametrize("answers", [{}, {"monitoring": False}], ids=["watched", "not-watched"])
def test_policies_pass(answers: Answers, tool: str, policies: Path, bake: Baker) -> None:
    project = bake.anew(**answers)
    for overlay in ("dev", "prod"):
        assert objected(policies, tool, project, overlay) == ""


@pytest.mark.parametrize(("tool", "old", "new", "said"), PLANTED)
def test_policies_find_a_planted_fault(
    tool: str, old: str, new: str, said: str, policies: Path, bake: Baker
) -> None:
    project = bake.anew()
    text = (project / API).read_text("utf-8")
    assert old in text
    (project / API).write_text(text.replace(old, new, 1), "utf-8")
    assert said in objected(policies, tool, project, "dev")


@pytest.fixture
def bucket(installed: Installer) -> Iterator[str]:
    """The address of an empty bucket, on a server that speaks S3."""
    port = free_port()
    command = [str(installed.bin / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert server.poll() is None, "the server of the bucket has ended"
            try:
                request = urllib.request.Request(f"{address}/models", method="PUT")
                urllib.request.urlopen(request).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.kill()
        server.wait()


def test_the_job_fills_the_store_and_then_asks_the_gate(
    installed: Installer, bucket: str, tmp_path: Path
) -> None:
    project = installed({})
    configs = tmp_path / "configs"
    configs.mkdir()
    for name in ("default.yml", "prod.yml", "schema.yml"):
        shutil.copy(project / "configs" / name, configs)
    text = (project / "scripts/retrain_job.sh").read_text("utf-8")
    # Folders of the image and of the pod; all else is as it is.
    text = text.replace("/project/.", f"{project}/.").replace("/configs", f"{configs}")
    script = tmp_path / "retrain.sh"
    script.write_text(text, "utf-8")
    settings = {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": bucket,
        "FLIGHT_DELAYS__SERVE__STORE": "s3://models/flights",
        "FLIGHT_DELAYS__TRACKING__SINKS": "{}",  # runs are of no interest here
        "PATH": f"{installed.bin}{os.pathsep}{os.environ['PATH']}",
    }
    said = []
    for number in (1, 2):
        work = tmp_path / f"work{number}"
        work.mkdir()
        said.append(run("sh", script, cwd=work, code=0, **settings))
    assert "no champion to compare with" in said[0]
    command = ("models", "history", "--json")
    told = run(installed.bin / "flight-delays", *command, cwd=project, code=0, **settings)
    (first,) = json.loads(told)  # the same data give no better model: the gate has held
    assert f"{first['version']} is the champion" in said[1]
