"""Run commands of rendered projects, several of which share one environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.baking import Answers, Baker


def run(*command: str | Path, cwd: Path, code: int = 0, **environment: str) -> str:
    """Run a command outside this test's own environment, and show all it said if it fails."""
    ours = ("VIRTUAL_ENV", "PYTHON", "PYTHONPATH", "PYTEST_", "COV_", "MAKE", "MFLAGS")
    keep = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**keep, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = " ".join(map(str, command)) + "\n" + done.stdout
    assert done.returncode == code, said
    print(said)  # shown by pytest if a later step fails
    return done.stdout


def uv(*command: str | Path, cwd: Path) -> str:
    return run(Path(sys.executable).with_name("uv"), *command, cwd=cwd)


def assert_trained(project: Path) -> None:
    version = project / "models/v0.1"
    metadata = json.loads((version / "metadata.json").read_text("utf-8"))
    trees = ["model.txt"] * (metadata["model"] == "gradient_boosting")  # what `auto` has taken
    for name in ("model.pkl", "model.onnx", "preprocessor.json", *trees):
        assert (version / name).stat().st_size > 0
    assert (project / "artifacts/v0.1/report.html").stat().st_size > 0
    assert list((project / "artifacts/v0.1").glob("*.png"))


class Installer:
    """Puts one rendered project after the other into the shared environment."""

    def __init__(self, bake: Baker, environment: Path) -> None:
        self.bake = bake
        self.bin = environment
        self.slugs: list[str] = []

    def __call__(self, answers: Answers) -> Path:
        project = self.bake.anew(**answers)
        self.slugs.append(answers.get("project_slug", "flight-delays"))
        into = ("--quiet", "--python", self.bin / "python", "--no-deps", "--no-build-isolation")
        uv("pip", "install", *into, "--editable", ".", cwd=project)
        return project

    def remove(self) -> None:
        python = self.bin / "python"
        uv("pip", "uninstall", "--quiet", "--python", python, *self.slugs, cwd=self.bin)
