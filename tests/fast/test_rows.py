"""Every pair of answers gives a project that is complete, clean and correct as text."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import (
    CHOICES,
    POST_GEN,
    QUESTIONS,
    Answers,
    Baker,
    expected_tree,
    files,
    minimal,
    pairwise_rows,
    random_rows,
)

ROWS = [
    {},
    {"package_name": "src"},
    minimal(),
    *pairwise_rows(),
    *random_rows(int(os.environ["MLOPS_TEMPLATE_SEED"]), 4),
]
# Words of a part that must not stand in a project without it.
WORDS = {
    "notebooks": ["notebook", "jupyter", "ipynb", "nbclient", "ipykernel"],
    "demo_app=gradio,fastapi": [
        "demo",
        "playwright",
        "chromium",
        "browser_path",
        "7860",
        "make app",
        "app/",
        "app.app",
    ],
    "demo_app=gradio": ["gradio", "gradio_app"],
    "demo_app=fastapi": ["html_app", "markdown-it-py>", "markdown_it"],  # others need it as well
    "editor_files": ["devcontainer", ".vscode", "vs code"],
    "experiment_tracking=mlflow": ["mlflow", "mlruns", "requirements-tracking", "experiments.md"],
    "feature_store": [
        "feature store",
        "feature_store",
        "features.yml",
        "weather.parquet",
        "online.db",
    ],
    "kubernetes": ["kubernetes", "kubectl", "kustomiz", "deployment.md"],
    "terraform=aws": [
        "terraform",
        "aws.md",
        "fargate",
        "deploy.yml",
        "deploy_to",
        "roll_out",
        "images.sh",
        "plan.sh",
        "teardown",
    ],
    "monitoring": ["monitor", "drift", "reference.json", "grafana", "alertmanager", "alerts.md"],
}
NO_TEXT = {".csv", ".parquet", ".png"}


def row_id(row: Answers) -> str:
    return "-".join(map(str, row.values())) or "default"


@pytest.fixture(scope="module", params=ROWS, ids=row_id)
def row(request: pytest.FixtureRequest) -> Answers:
    answers: Answers = request.param
    return answers


@pytest.fixture(scope="module")
def project(row: Answers, bake: Baker) -> Path:
    return bake(**row)


def texts(project: Path) -> dict[str, str]:
    """Return what can be read in each file; the letters of a notebook's pictures are no words."""
    picture = re.compile(r'(?<="image/png": ")[A-Za-z0-9+/=]+(?=")')
    return {
        name: picture.sub("", path.read_text("utf-8"))
        for path, name in files(project)
        if path.suffix not in NO_TEXT
    }


def is_copied(name: str) -> bool:
    """Tell the files that are copied without rendering."""
    if name.startswith("src/") and name.endswith(".py"):
        return True
    return name.endswith(".j2") or ("/grafana/" in name and name.endswith(".json"))


def test_tree(row: Answers, project: Path) -> None:
    found = {name for _, name in files(project)}
    assert found == expected_tree(row)


def test_no_jinja_is_left(project: Path) -> None:
    leftover = re.compile(r"\{\{|\{%|(?<!\$)\{#|cookiecutter\.(?:" + "|".join(QUESTIONS) + ")")
    for name, text in texts(project).items():
        if not is_copied(name):
            found = leftover.search(re.sub(r"\$\{\{.*?\}\}", "", text))
            assert found is None, f"{name}: {found}"


def test_files_parse(project: Path) -> None:
    for name, text in texts(project).items():
        suffix = Path(name).suffix
        if suffix == ".py":
            ast.parse(text, name)
        elif suffix == ".toml":
            tomllib.loads(text)
        elif suffix in (".yml", ".yaml"):
            assert list(yaml.safe_load_all(text)), f"{name} is empty"
        elif suffix in (".json", ".ipynb"):
            json.loads(text)


def test_ruff(project: Path) -> None:
    for command in (["check"], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache", "."],
            cwd=project,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_text_is_tidy(project: Path) -> None:
    for name, text in texts(project).items():
        if not text:
            assert Path(name).name in (".gitkeep", "__init__.py", "py.typed"), f"{name} is empty"
            continue
        assert "\r" not in text, f"{name} has carriage returns"
        assert not re.search(r"[ \t]$", text, re.MULTILINE), f"{name} has trailing blanks"
        assert re.search(r"[^\n]\n\Z", text), f"{name} does not end with one newline"
        assert not text.startswith("\n"), f"{name} begins with an empty line"
        # Python has two blank lines between functions; more, or two elsewhere, are a pruned part's.
        assert "\n" * 4 not in text, f"{name} has a gap of blank lines"
        if not name.endswith(".py"):
            prose = re.sub(r"```python\n.*?```", "code", text, flags=re.DOTALL)
            assert "\n" * 3 not in prose, f"{name} has a gap of blank lines"


def test_pyproject_is_ascii(project: Path) -> None:
    """cruft reads it in the locale's encoding."""
    assert (project / "pyproject.toml").read_bytes().isascii()


def test_no_word_of_a_pruned_part(row: Answers, project: Path) -> None:
    answers = {name: values[0] for name, values in CHOICES.items()} | row
    for part, words in WORDS.items():
        if not POST_GEN.is_chosen(part, answers):
            pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
            for name, text in texts(project).items():
                found = [line for line in text.splitlines() if pattern.search(line)]
                lines = [line for line in found if not line.startswith("    --hash=")]
                assert not lines, f"{name} speaks of {part}: {lines}"


def test_every_part_has_words() -> None:
    assert WORDS.keys() == POST_GEN.OPTIONAL.keys()


def test_lint_of_distinct_files(bake: Baker, tmp_path: Path) -> None:
    """Linters of workflows, YAML and shell see each distinct rendered file once."""
    seen: set[tuple[str, str]] = set()
    found: dict[str, list[Any]] = {"workflow": [], "yaml": [], "shell": [], "dependabot": []}
    for row in ROWS:
        for name, text in texts(bake(**row)).items():
            if (name, text) in seen:
                continue
            seen.add((name, text))
            # A workflow's folder matters to its linters.
            path = tmp_path / str(len(seen)) / name
            if name.startswith(".github/workflows/"):
                found["workflow"].append(path)
            if name == ".github/dependabot.yml":
                found["dependabot"].append(path)
            if path.suffix in (".yml", ".yaml"):
                found["yaml"].append(path)
            if path.suffix == ".sh":
                found["shell"].append(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    style = "{extends: default, rules: {line-length: disable, document-start: disable, "
    style += "truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}, "
    style += "braces: {max-spaces-inside: 1}}}"
    commands: dict[str, list[list[str]]] = {
        "workflow": [
            ["actionlint", "-shellcheck", str(Path(sys.executable).with_name("shellcheck"))],
            ["zizmor", "--offline", "--quiet", "--no-progress", "--persona=auditor"],
            ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
        ],
        "dependabot": [["check-jsonschema", "--builtin-schema", "vendor.dependabot"]],
        "yaml": [["yamllint", "--strict", "-d", style]],
        "shell": [["shellcheck"]],
    }
    for kind, paths in found.items():
        for command in commands[kind] if paths else []:
            tool = Path(sys.executable).with_name(command[0])
            done = subprocess.run(
                [tool, *command[1:], *paths], capture_output=True, text=True, cwd=tmp_path
            )
            assert done.returncode == 0, f"{command[0]}:\n{done.stdout}{done.stderr}"
