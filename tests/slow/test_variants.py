"""Projects with other answers run in one shared environment."""

import ast
from email.utils import getaddresses
from pathlib import Path

import pytest

from tests.baking import CHECKS, Answers, pairwise_rows
from tests.slow.projects import Installer, assert_trained, run

VARIANTS: dict[str, Answers] = {
    "regression": {"project_slug": "regression", "task": "regression"},
    "src": {"project_slug": "seed-tree", "package_name": "src"},
    "plain-pages": {"project_slug": "plain-pages", "demo_app": "fastapi"},
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


@pytest.mark.parametrize("variant", VARIANTS)
def test_variant_runs(variant: str, installed: Installer, chromium: str) -> None:
    """Other tasks and package names pass their types, tests and the whole pipeline."""
    project = installed(VARIANTS[variant])
    command = installed.bin / VARIANTS[variant]["project_slug"]
    run(command, "all", cwd=project)
    assert_trained(project)
    source = project / "data/external/flights.csv"
    run(command, "predict", source, "--out", project / "predictions.parquet", cwd=project)
    run(installed.bin / "mypy", cwd=project)
    run(installed.bin / "lint-imports", cwd=project)
    tests = ["tests/unit", "tests/integration/test_app.py"]
    if variant == "src":  # each takes a while, and once tells it
        tests += ["tests/integration/test_mlflow.py", "tests/integration/test_tune.py"]
    said = run(installed.bin / "pytest", "-v", *tests, cwd=project)
    assert "test_a_person_tries_the_model PASSED" in said
    for name in ("test_mlflow.py::", "test_tune.py::"):  # a module that is skipped has no ::
        assert (name in said) == (variant == "src")
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
@pytest.mark.parametrize(
    "answers", pairwise_rows(), ids=lambda row: "-".join(map(str, row.values()))
)
def test_every_pair_of_answers_runs(answers: Answers, installed: Installer) -> None:
    project = installed(answers)
    run(installed.bin / "flight-delays", "all", cwd=project)
    run(installed.bin / "mypy", cwd=project)
    run(installed.bin / "pytest", "-q", cwd=project)
