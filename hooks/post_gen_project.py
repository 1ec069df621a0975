"""Remove what the answers leave out, let `cruft update` find the template, say what to do next.

cookiecutter renders this file before it runs; apart from the `tojson` at the end it is plain
Python, so tests import its functions. It must stay pure: same answers, same files, for
cruft runs it at each update.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

# A part is the name of a yes/no question, question=choice, or question=choice,choice. It stays when
# the answer chooses it; otherwise its paths go. A path that is listed under two parts needs both.
OPTIONAL: dict[str, list[str]] = {
    "notebooks": ["notebooks", "scripts/notebooks.py", "tests/integration/test_notebooks.py"],
    "demo_app=gradio,fastapi": [
        "app",
        "locks/demo.txt",
        "tests/unit/app",
        "tests/integration/test_app.py",
    ],
    "demo_app=gradio": ["app/gradio_app.*", "tests/unit/app/test_gradio_app.py"],
    "demo_app=fastapi": ["app/html_app.*", "tests/unit/app/test_html_app.py"],
    "editor_files": [".devcontainer", ".vscode"],
    "monitoring": [
        "monitoring",
        "*/monitoring",
        "*/*/monitoring",
        "**/workflows/prove_watch.py",
        "**/workflows/retraining*.py",
        "docs/monitoring.md",
        "docs/runbooks/alerts.md",
        "infra/kubernetes/monitoring",
        "scripts/kubernetes_rules.py",
    ],
    "experiment_tracking=mlflow": [
        "mlruns",
        "requirements-tracking.txt",
        "**/workflows/mlflow_*.py",
        "docs/experiments.md",
        "tests/integration/test_mlflow.py",
    ],
    "feature_store": [
        "configs/features.yml",
        "configs/json_schema/features.json",
        "data/external/weather.parquet",
        "docs/feature_store.md",
        "**/preprocess/feature_*.py",
        "**/preprocess/materialize.py",
        "**/preprocess/online_store.py",
        "tests/unit/test_feature_store.py",
    ],
    "kubernetes": [
        "configs/kustomization.yaml",
        "docs/deployment.md",
        "infra/kubernetes",
        "scripts/kubernetes_rules.py",
        "tests/unit/test_kubernetes.py",
    ],
    "terraform=aws": [
        ".github/workflows/deploy.yml",
        "docs/aws.md",
        "docs/runbooks/teardown.md",
        "infra/terraform",
        "scripts/images.sh",
        "scripts/plan.sh",
        "scripts/roll_out.py",
        "tests/unit/test_roll_out.py",
    ],
}

# It says that the hooks are missing, and goes where they run.
MARKER = "HOOKS_DID_NOT_RUN.md"


def is_chosen(part: str, answers: dict[str, Any]) -> bool:
    question, _, choices = part.partition("=")
    return answers[question] in choices.split(",") if choices else bool(answers[question])


def prune(root: Path, answers: dict[str, Any]) -> None:
    for part, patterns in OPTIONAL.items():
        if not is_chosen(part, answers):
            for pattern in patterns:
                for path in list(root.glob(pattern)):
                    remove(path)


def remove(path: Path) -> None:
    """Delete a file or folder, and the folders that this leaves empty."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    for folder in path.parents:
        if any(folder.iterdir()):
            break
        folder.rmdir()


def link(root: Path, answers: dict[str, Any]) -> None:
    """Write .cruft.json for a project made by `cookiecutter <git URL>`; cruft writes its own."""
    clone = answers.get("_repo_dir")  # cruft does not set it
    if clone in (None, answers.get("_template")) or not Path(clone, ".git").exists():
        return  # made by cruft, or from a local folder or a zip file
    url = git(clone, "remote", "get-url", "origin")
    state = {
        "template": re.sub(r"^(\w+://)[^/@]*@", r"\1", url),  # no user name or token
        "commit": git(clone, "rev-parse", "HEAD"),
        "checkout": answers.get("_checkout"),
        "context": {"cookiecutter": {k: v for k, v in answers.items() if not k.startswith("_")}},
        "directory": None,
    }
    text = json.dumps(state, indent=2) + "\n"
    (root / ".cruft.json").write_text(text, encoding="utf-8", newline="\n")


def made(root: Path, answers: dict[str, Any]) -> list[str]:
    """Say what was made and what to do next; nothing for the drafts of `cruft update`."""
    drafts = Path(tempfile.gettempdir()).resolve()
    if "_repo_dir" not in answers and drafts in root.resolve().parents:
        return []
    parts = [answers["task"], *(part for part in OPTIONAL if is_chosen(part, answers))]
    chosen = ", ".join(part for part in parts if "," not in part)
    here = os.environ.get("PWD") == str(root.parent)
    return [
        f"Made {root.name} ({chosen}). Next:",
        f"  cd {shlex.quote(root.name if here else str(root))}",
        "  make setup all    # without make: docs/onboarding.md",
    ]


def git(folder: str, *command: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *command], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    ANSWERS = dict(json.loads(r"""{{ cookiecutter.items() | list | tojson }}"""))
    prune(Path.cwd(), ANSWERS)
    link(Path.cwd(), ANSWERS)
    Path(MARKER).unlink(missing_ok=True)
    for line in made(Path.cwd(), ANSWERS):
        print(line)
