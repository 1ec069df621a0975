"""What the workflows must keep to, as text; each rule, and each linter, has been seen to fail."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import ROOT, Baker

NAMES = ("ci.yml", "deploy.yml", "release.yml", "retrain.yml")
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\$/\.github/workflows/\w+\.yml")
LONGEST = 120  # minutes


def faults(text: str) -> Iterator[str]:
    """Name what a workflow must not have."""
    workflow: dict[Any, Any] = yaml.safe_load(text)
    for line in re.findall(r"uses: (.*)", text):
        if not PINNED.fullmatch(line):
            yield f"{line} is not a commit with its version"
    if workflow.get("permissions") != {}:
        yield "every job gets permissions"
    if "concurrency" not in workflow:
        yield "runs overtake each other"
    if "pull_request_target" in text or "secrets." in text:
        yield "a pull request reaches secrets"
    for name, job in workflow["jobs"].items():
        if "permissions" not in job:
            yield f"{name} says nothing of its permissions"
        if "uses" in job:
            continue  # the workflow that it calls is looked at by itself
        if job.get("timeout-minutes", 999) > LONGEST:
            yield f"{name} runs for hours"
        for step in job["steps"]:
            if "name" not in step:
                yield f"{name} has a step without a name"
            checkout = str(step.get("uses", "")).startswith("actions/checkout@")
            if checkout and step.get("with", {}).get("persist-credentials") is not False:
                yield f"{name} keeps credentials"
            if "${{" in str(step.get("run", "")):
                yield f"{name} puts a value into a script: {step['name']}"
            needs_data = re.search(
                r"make (all|load-test|ingest)|compare\.sh| all$", step.get("run", "")
            )
            if needs_data and "steps.data.outputs.here" not in step.get("if", ""):
                yield f"{name} needs data: {step['name']}"


def lint(tool: str, *arguments: str) -> str:
    """Return what one of the field's own linters says, if it says something is wrong."""
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("name", NAMES)
def test_the_rules_hold(name: str, bake: Baker) -> None:
    for row in ({}, {"demo_app": "none", "notebooks": False, "python_version": "3.13"}):
        text = (bake(**row) / ".github/workflows" / name).read_text("utf-8")
        assert list(faults(text)) == []


def test_one_job_for_a_pull_request(bake: Baker) -> None:
    workflow = yaml.safe_load((bake() / ".github/workflows/ci.yml").read_text("utf-8"))
    later = "github.event_name != 'pull_request'"
    assert [name for name, job in workflow["jobs"].items() if job.get("if") != later] == ["check"]
    assert set(workflow["jobs"]) == {"check", "pythons", "systems", "images", "prove", "audit"}


def deployed(text: str) -> Iterator[str]:
    """Name what the workflow that changes a cloud must not do."""
    workflow: dict[Any, Any] = yaml.safe_load(text)
    plan, deploy = workflow["jobs"]["plan"], workflow["jobs"]["deploy"]
    if "aws-access-key-id" in text or "AWS_SECRET" in text:
        yield "a key that lasts"
    for job, environment in (
        (plan, "${{ matrix.environment }}-plan"),
        (deploy, "${{ inputs.environment }}"),
    ):
        if job["environment"] != environment:
            yield f"{job['name']} is not bound to its environment"
        (role,) = (
            step["with"]
            for step in job["steps"]
            if str(step.get("uses", "")).startswith("aws-actions/configure-aws-credentials@")
        )
        if role["role-to-assume"] != "${{ vars.AWS_ROLE }}":
            yield f"{job['name']} becomes {role['role-to-assume']}"
    if set(workflow[True]["pull_request"]["paths"]) != {"infra/terraform/**"}:
        yield "pull requests on other matters are planned"
    if "pull_request.head.repo.full_name == github.repository" not in plan["if"]:
        yield "a fork's plan is shown"
    if deploy["needs"] != "plan" or deploy["if"] != "inputs.release != ''":
        yield "it rolls out without a plan, or from a pull request"
    if {name for name, right in deploy["permissions"].items() if right == "write"} != {"id-token"}:
        yield "who rolls out may write to the repository"
    if workflow["concurrency"]["cancel-in-progress"] is not False:
        yield "a roll-out is cut off"
    names = [step["name"] for step in deploy["steps"]]
    steps = {step["name"]: step for step in deploy["steps"]}
    if names[-4:] != [
        "Apply",
        "Roll out, and wait until all tasks are exchanged",
        "Ask what runs now for golden rows",
        "Roll back",
    ]:
        yield "a step is not in its place"
    condition = "(failure() || cancelled()) && steps.roll_out.outputs.former != ''"
    if steps.get("Roll back", {}).get("if") != condition:
        yield "what has failed goes on running"
    if any("continue-on-error" in step for step in deploy["steps"]):
        yield "a failed roll-out ends green"
    if "IMAGES" not in steps["Apply"]["env"]:
        yield "what is applied is not the release's digests"


def test_the_deployment_keeps_to_its_rules(bake: Baker) -> None:
    folder = bake() / ".github/workflows"
    assert list(deployed((folder / "deploy.yml").read_text("utf-8"))) == []
    release = yaml.safe_load((folder / "release.yml").read_text("utf-8"))["jobs"]
    called = {name: job for name, job in release.items() if "uses" in job}
    assert called.keys() == {"dev", "prod"}
    deploy = yaml.safe_load((folder / "deploy.yml").read_text("utf-8"))
    asked: dict[str, str] = {}
    for job in deploy["jobs"].values():
        asked |= job["permissions"]
    for name, job in called.items():
        assert job["uses"] == "$/.github/workflows/deploy.yml"
        assert job["with"] == {"environment": name, "release": "${{ github.ref_name }}"}
        assert job["permissions"] == asked, "GitHub starts no workflow that asks for more"
    assert called["prod"]["needs"] == ["model", "dev"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "role-to-assume: ${{ vars.AWS_ROLE }}",
            "role-to-assume: arn:aws:iam::1:role/x",
            "becomes",
        ),
        ("${{ matrix.environment }}-plan", "${{ matrix.environment }}", "is not bound"),
        ("    environment: ${{ inputs.environment }}\n", "    environment: prod\n", "is not bound"),
        ("head.repo.full_name ==", "head.repo.full_name !=", "a fork's plan is shown"),
        (
            "    needs: plan\n    if: inputs.release != ''",
            "    needs: plan\n    if: true",
            "pull request",
        ),
        ("cancel-in-progress: false", "cancel-in-progress: true", "cut off"),
        (
            "        if: (failure() || cancelled()) &&",
            "        if: failure() &&",
            "goes on running",
        ),
        (
            "        run: python3 scripts/roll_out.py smoke",
            "        continue-on-error: true",
            "green",
        ),
        ('paths: ["infra/terraform/**"]', 'paths: ["**"]', "other matters"),
    ],
)
def test_a_fault_of_the_deployment_is_found(old: str, new: str, said: str, bake: Baker) -> None:
    text = (bake() / ".github/workflows/deploy.yml").read_text("utf-8")
    assert old in text
    assert any(said in fault for fault in deployed(text.replace(old, new, 1)))


def test_an_action_is_pinned_alike_everywhere(bake: Baker) -> None:
    pins: dict[str, str] = {}
    for folder in (bake(), ROOT):
        for path in (folder / ".github/workflows").glob("*.yml"):
            for name, pin in re.findall(r"uses: ([^@\n]+)@(.+)", path.read_text("utf-8")):
                assert pins.setdefault(name, pin) == pin, f"{path.name}: {name}"


def test_dependabot_keeps_actions_packages_and_images(bake: Baker) -> None:
    found = yaml.safe_load((bake() / ".github/dependabot.yml").read_text("utf-8"))
    kinds = {update["package-ecosystem"]: update for update in found["updates"]}
    assert kinds.keys() == {"github-actions", "pip", "docker"}
    for folder in kinds["pip"]["directories"]:
        assert list((bake() / folder.strip("/")).glob("requirements*.txt"))


CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
# In which file, what is replaced by what, and what is then said.
PLANTED = [
    ("ci.yml", CHECKOUT, "actions/checkout@v7", "is not a commit"),
    ("ci.yml", CHECKOUT, CHECKOUT.replace(" # v7.0.1", ""), "is not a commit"),
    ("ci.yml", "permissions: {}\n", "permissions: write-all\n", "every job gets permissions"),
    ("ci.yml", "permissions: {}\n", "", "every job gets permissions"),
    ("ci.yml", "persist-credentials: false", "persist-credentials: true", "keeps credentials"),
    ("ci.yml", "    timeout-minutes: 20\n", "", "check runs for hours"),
    ("ci.yml", "  pull_request:\n", "  pull_request_target:\n", "reaches secrets"),
    ("ci.yml", "run: make lint", 'run: echo "${{ github.head_ref }}"', "a value into a script"),
    ("retrain.yml", "        if: steps.data.outputs.here == 'true'\n", "", "retrain needs data"),
    ("retrain.yml", "concurrency:", "x-concurrency:", "runs overtake each other"),
]


@pytest.mark.parametrize(("name", "old", "new", "said"), PLANTED)
def test_a_planted_fault_is_found(name: str, old: str, new: str, said: str, bake: Baker) -> None:
    text = (bake() / ".github/workflows" / name).read_text("utf-8")
    assert old in text
    assert any(said in fault for fault in faults(text.replace(old, new, 1)))


ZIZMOR = ("zizmor", "--offline", "--quiet", "--no-progress", "--persona=auditor")
ACTIONLINT = ("actionlint", "-shellcheck=")
SCHEMA = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows")


@pytest.mark.parametrize(
    ("tool", "name", "old", "new", "said"),
    [
        (ZIZMOR, "ci.yml", CHECKOUT, "actions/checkout@v7", "unpinned-uses"),
        (ZIZMOR, "ci.yml", "permissions: {}\n", "", "excessive-permissions"),
        (ZIZMOR, "ci.yml", "credentials: false", "credentials: true", "artipacked"),
        (ZIZMOR, "ci.yml", "make lint", 'echo "${{ github.head_ref }}"', "template-injection"),
        (ZIZMOR, "ci.yml", "pull_request:\n", "pull_request_target:\n", "dangerous-triggers"),
        (ACTIONLINT, "ci.yml", "steps.data.", "steps.date.", '"date" is not defined'),
        (ACTIONLINT, "release.yml", "needs: image", "needs: picture", "picture"),
        (ACTIONLINT, "deploy.yml", "steps.roll_out.", "steps.rollout.", "rollout"),
        (ZIZMOR, "deploy.yml", '"$ENVIRONMENT"', "${{ inputs.release }}", "template-injection"),
        (SCHEMA, "ci.yml", "    timeout-minutes: 20", "    time-out: 20", "time-out"),
    ],
)
def test_a_linter_finds_a_planted_fault(
    tool: tuple[str, ...], name: str, old: str, new: str, said: str, bake: Baker, tmp_path: Path
) -> None:
    """It finds nothing without the fault: `test_lint_of_distinct_files`."""
    text = (bake() / ".github/workflows" / name).read_text("utf-8")
    assert old in text
    path = tmp_path / ".github/workflows" / name
    path.parent.mkdir(parents=True)
    path.write_text(text.replace(old, new, 1), "utf-8")
    assert said in lint(*tool, str(path))


# Stand-ins for what the workflows' scripts call; each keeps what it is asked for.
PROGRAMS = {
    "gh": """
case "$*" in *--paginate*) echo "$KNOWN" ;; *attestation*) exit "${FORGED:-0}" ;; esac
""",
    "docker": """
case "$*" in
*create*) touch created ;;
*inspect*ghcr.io*) echo "Digest: sha256:1" ;;
*) if [ -e created ]; then echo "Digest: sha256:1"; else echo "$THERE"; fi ;;
esac
""",
}


Scripted = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def scripted(bake: Baker, tmp_path: Path) -> Scripted:
    """Run a script of a project: its exit code, what it says, and what it calls."""
    for name, text in PROGRAMS.items():
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> called{text}', "utf-8")
        program.chmod(0o755)

    def run(script: str, *words: str, **environment: str) -> tuple[int, str, list[str]]:
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        names = {"GITHUB_REPOSITORY": "Owner/flights", "PATH": path, **environment}
        done = subprocess.run(
            ["sh", bake() / "scripts" / script, *words],
            cwd=tmp_path,
            env={**os.environ, **names},
            capture_output=True,
            text=True,
        )
        calls = (tmp_path / "called").read_text("utf-8").splitlines()
        return done.returncode, done.stdout + done.stderr, calls

    return run


@pytest.mark.parametrize(
    ("known", "method"),
    [("", "POST repos/Owner/flights/issues/7/comments"), ("42", "issues/comments/42")],
)
def test_a_comment_is_written_once(
    known: str, method: str, scripted: Scripted, tmp_path: Path
) -> None:
    (tmp_path / "plan.md").write_text("<!-- plan of dev -->\n", "utf-8")
    code, said, calls = scripted("comment.sh", str(tmp_path / "plan.md"), "7", KNOWN=known)
    assert code == 0, said
    assert 'startswith("<!-- plan of dev -->")' in calls[0]
    assert len(calls) == 2
    assert method in calls[1]


def test_only_what_the_release_has_built_is_found(scripted: Scripted) -> None:
    code, said, calls = scripted("images.sh", "find", "v1.2.0")
    assert (code, said) == (0, '{"serve":"sha256:1","train":"sha256:1"}\n')
    signer = "--signer-workflow Owner/flights/.github/workflows/release.yml"
    for name in ("flights", "flights-train"):
        verified = f"gh attestation verify oci://ghcr.io/owner/{name}@sha256:1 --repo Owner/flights"
        assert f"{verified} {signer} --source-ref refs/tags/v1.2.0" in calls
    code, said, _ = scripted("images.sh", "find", "v1.2.0", FORGED="1")
    assert (code, said) == (1, "")


IMAGES = '{"serve":"sha256:1","train":"sha256:1"}'


def test_an_image_is_brought_once_and_by_digest(scripted: Scripted) -> None:
    words = ("copy", "v1.2.0", IMAGES, "registry.example/flights-dev")
    code, said, calls = scripted("images.sh", *words, THERE="")
    assert code == 0, said
    (created,) = [call for call in calls if "create" in call]  # the second is there by then
    assert "--prefer-index=false --tag registry.example/flights-dev/serve:1.2.0" in created
    assert created.endswith(" ghcr.io/owner/flights@sha256:1")


def test_another_image_of_that_tag_is_refused(scripted: Scripted) -> None:
    words = ("copy", "v1.2.0", IMAGES, "registry.example/flights-dev")
    code, said, calls = scripted("images.sh", *words, THERE="Digest: sha256:2")
    assert code == 1
    assert "another image has this release's tag" in said
    assert not any("create" in call for call in calls)
