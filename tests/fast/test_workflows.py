"""What the workflows must keep to, as text; each rule, and each linter, has been seen to fail."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import ROOT, Baker

NAMES = ("ci.yml", "release.yml", "retrain.yml")
PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
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


def test_an_action_is_pinned_alike_everywhere(bake: Baker) -> None:
    pins: dict[str, str] = {}
    for folder in (bake(), ROOT):
        for path in (folder / ".github/workflows").glob("*.yml"):
            for name, pin in re.findall(r"uses: ([^@]+)@(.+)", path.read_text("utf-8")):
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
