"""A newcomer's first day: the README's commands, in an environment of the project's own."""

import csv
from pathlib import Path

import pytest

from tests.baking import CHECKS, Answers, Baker, minimal
from tests.slow.projects import assert_trained, run


def assert_clean(project: Path) -> None:
    """Its own commands leave nothing for git but what the user should keep."""
    changed = run("git", "status", "--porcelain", "--untracked-files=all", cwd=project).splitlines()
    unexpected = [line for line in changed if line[3:] not in ("model_card.md",)]
    assert unexpected == [], "files that .gitignore should name"


@pytest.mark.parametrize("answers", [{}, minimal()], ids=["default", "minimal"])
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
    """No answer can shadow a module of the environment that it will live in."""
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


@pytest.mark.release
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_supported_python(version: str, bake: Baker) -> None:
    project = bake.anew(python_version=version)
    for target in ("setup", "all", "test", "lint"):
        run("make", target, cwd=project)
    assert version in run(project / ".venv/bin/python", "--version", cwd=project)
