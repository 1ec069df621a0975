"""Rendered projects are installed and run, as a newcomer would."""

import ast
import csv
import json
from email.utils import getaddresses
from pathlib import Path

import pytest

from tests.baking import CHECKS, Answers, Baker, minimal, pairwise_rows
from tests.slow.projects import Installer, run

VARIANTS: dict[str, Answers] = {
    "regression": {"project_slug": "regression", "task": "regression"},
    "src": {"project_slug": "seed-tree", "package_name": "src"},
    "long": {
        "project_name": 'Zoë\'s "flights" \\ 100 % 🚀',
        "description": "It's \"late\", isn't it? \\ # <b>50 %</b> 🚀",
        "author_name": 'Zoë "O\'Neil" \\ Łukasz, PhD 🚀',
        "project_slug": "flights-of-new-york-in-2013-arrival-mode",
        "task": "regression",
        "notebooks": False,
    },
}
assert all(len(answers["project_slug"]) <= CHECKS.MAX_SLUG for answers in VARIANTS.values())


def assert_clean(project: Path) -> None:
    """Its own commands leave nothing for git but what the user should keep."""
    changed = run("git", "status", "--porcelain", "--untracked-files=all", cwd=project).splitlines()
    unexpected = [line for line in changed if line[3:] not in ("model_card.md",)]
    assert unexpected == [], "files that .gitignore should name"


def assert_trained(project: Path) -> None:
    version = project / "models/v0.1"
    for name in ("model.pkl", "model.onnx", "plan.json", "metadata.json"):
        assert (version / name).stat().st_size > 0
    assert json.loads((version / "metadata.json").read_text("utf-8"))
    assert (project / "artifacts/v0.1/report.html").stat().st_size > 0
    assert list((project / "artifacts/v0.1").glob("*.png"))


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({}, id="default", marks=pytest.mark.xdist_group("default")),
        pytest.param(minimal(), id="minimal", marks=pytest.mark.xdist_group("minimal")),
    ],
)
def test_first_day(answers: Answers, bake: Baker) -> None:
    """The README's commands, in the project's own environment."""
    project = bake.anew(**answers)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    run("git", "add", "--all", cwd=project)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    run("git", *identity, "commit", "--quiet", "--message=made", cwd=project)
    for target in ("help", "setup", "all", "predict", "test", "lint"):
        run("make", target, cwd=project)
    assert_trained(project)
    assert_clean(project)
    with (project / "artifacts/predictions.csv").open(encoding="utf-8", newline="") as file:
        predicted = list(csv.DictReader(file))
    with (project / "data/external/flights.csv").open(encoding="utf-8", newline="") as file:
        flights = list(csv.DictReader(file))
    assert [row["flight_id"] for row in predicted] == [row["flight_id"] for row in flights]
    assert_names_are_taken(project)


def assert_names_are_taken(project: Path) -> None:
    """No answer can shadow a module or a command of the environment that it will live in."""
    python = project / ".venv/bin/python"
    code = "import importlib.metadata as m; print(*m.packages_distributions())"
    modules = run(python, "-c", code, cwd=project).split()
    own = {"flight_delays"}
    free = [
        name
        for name in modules
        if name.isidentifier() and name.islower() and name[0] != "_" and name not in own
        if not CHECKS.package_is_taken(name)
    ]
    assert free == [], "add these to IMPORT_NAMES of hooks/answer_checks.py"
    commands = {path.name for path in python.parent.iterdir()} - {"flight-delays"}
    free = [name for name in commands if CHECKS.SLUG.fullmatch(name)]
    free = [name for name in free if not CHECKS.slug_is_taken(name)]
    assert free == [], "add these to COMMANDS of hooks/answer_checks.py"


@pytest.mark.xdist_group("shared")
@pytest.mark.parametrize("variant", VARIANTS)
def test_variant_runs(variant: str, installed: Installer) -> None:
    """Other tasks and package names pass their types, tests and the whole pipeline."""
    project = installed(VARIANTS[variant])
    command = installed.bin / VARIANTS[variant]["project_slug"]
    run(command, "all", cwd=project)
    assert_trained(project)
    source = project / "data/external/flights.csv"
    run(command, "predict", source, "--out", project / "predictions.parquet", cwd=project)
    run(installed.bin / "mypy", cwd=project)
    run(installed.bin / "lint-imports", cwd=project)
    run(installed.bin / "pytest", "-q", "tests/unit", cwd=project)
    assert_metadata(installed.bin / "python", VARIANTS[variant], project)


def assert_metadata(python: Path, answers: Answers, cwd: Path) -> None:
    """The text in the answers arrives unharmed in the metadata of the installed distribution."""
    code = "import importlib.metadata as m, sys; print(ascii(dict(m.metadata(sys.argv[1]))))"
    metadata = ast.literal_eval(run(python, "-c", code, answers["project_slug"], cwd=cwd))
    if "description" in answers:
        assert metadata["Summary"] == answers["description"]
        (author,) = getaddresses([metadata["Author-email"]])
        assert author == (answers["author_name"], "you@example.com")


@pytest.mark.release
@pytest.mark.xdist_group("shared")
@pytest.mark.parametrize(
    "answers", pairwise_rows(), ids=lambda row: "-".join(map(str, row.values()))
)
def test_every_pair_of_answers_runs(answers: Answers, installed: Installer) -> None:
    project = installed(answers)
    run(installed.bin / "flight-delays", "all", cwd=project)
    run(installed.bin / "mypy", cwd=project)
    run(installed.bin / "pytest", "-q", cwd=project)


@pytest.mark.release
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_supported_python(version: str, bake: Baker) -> None:
    project = bake.anew(python_version=version)
    for target in ("setup", "all", "test", "lint"):
        run("make", target, cwd=project)
    assert version in run(project / ".venv/bin/python", "--version", cwd=project)
