"""The cloud's description as text: formatted, and what it says of the project is true."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.baking import Answers, Baker

ROWS: list[Answers] = [{}, {"package_name": "src"}, {"kubernetes": False, "monitoring": False}]
MODULE = "infra/terraform/modules/aws"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())) or "default")
def test_it_is_formatted(row: Answers, bake: Baker) -> None:
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", "infra/terraform"]
    done = subprocess.run(command, cwd=bake(**row), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_names_is_there(bake: Baker) -> None:
    """Port, readiness, patience, user, script, written folders and settings are the project's."""
    project = bake()
    text = "".join(path.read_text("utf-8") for path in (project / MODULE).glob("*.tf"))
    image = (project / "Dockerfile").read_text("utf-8")
    (port,) = re.findall(r"port +\s*= (\d{4})$", text, re.MULTILINE)
    assert f"EXPOSE {port}\n" in image
    api = next(project.glob("src/*/predict/api.py")).read_text("utf-8")
    (path,) = re.findall(r'^ +path += "(/\S+)"', text, re.MULTILINE)
    assert f'@app.get("{path}"' in api
    assert set(re.findall(r'user += "(\d+:\d+)"', text)) == {"10001:10001"}
    assert "USER 10001:10001" in image
    (script,) = re.findall(r'"/project/(scripts/\S+)"', text)
    assert (project / script).is_file()
    assert f"COPY --chown=10001:10001 scripts/champion.py {script} scripts/" in image
    written = re.findall(r'= "(/[\w./]+)",? ', re.findall(r"written = \{.*?\n  \}", text, re.S)[0])
    declared = " ".join(re.findall(r"^VOLUME (.*)$", image, re.MULTILINE))
    assert written
    for folder in written:
        assert f'"{folder}"' in declared, f"{folder} would belong to root"
    patience = float(re.findall(r"stopTimeout +\s*= (\d+)", text)[0])
    draining = float(re.findall(r'DRAIN_SECONDS", value = "(\d+)"', text)[0])
    serving = next(project.glob("src/*/predict/serve.py")).read_text("utf-8")
    assert patience > draining + float(re.findall(r"GRACEFUL_SECONDS = (\d+)", serving)[0])
    settings = next(project.glob("src/*/config.py")).read_text("utf-8")
    for section, key in re.findall(r"FLIGHT_DELAYS__(\w+?)__(\w+)", text):
        body = re.findall(rf"class {section.capitalize()}\(Section\):.*?\n\n\n", settings, re.S)[0]
        assert f"    {key.lower()}: " in body


def unbound(text: str) -> list[str]:
    """Return what a token of GitHub may say besides one environment of one repository."""
    trust = re.findall(r"github_trust.*?\n}\n", text, re.S)[0]
    said = re.findall(r'test += "(\w+)"\n +variable = "\S+:sub"\n +values += \[(.*)\]', trust)
    bound = ("StringEquals", '"repo:${var.github_repository}:environment:${var.environment}"')
    return [
        f"{test} {value}" for test, value in said or [("anything", "")] if (test, value) != bound
    ]


def test_github_is_bound_to_an_environment(bake: Baker) -> None:
    text = (bake() / MODULE / "identity.tf").read_text("utf-8")
    assert unbound(text) == []
    assert unbound(text.replace(":environment:${var.environment}", ":*"))
    assert unbound(
        text.replace("actions.githubusercontent.com:sub", "actions.githubusercontent.com:s")
    )


def test_the_environments_differ_in_size_alone(bake: Baker) -> None:
    """Both call the module with the same names, and hand on the same variables."""
    folder = bake() / "infra/terraform/environments"
    assert (folder / "dev/variables.tf").read_text() == (folder / "prod/variables.tf").read_text()
    assert (folder / "dev/outputs.tf").read_text() == (folder / "prod/outputs.tf").read_text()
    names = [set(re.findall(r"^  (\w+) +=", one.read_text("utf-8"), re.M)) for one in mains(folder)]
    assert names[0] - names[1] == {"min_tasks", "max_tasks", "retrain_schedule", "budget_dollars"}
    assert names[1] <= names[0]


def mains(folder: Path) -> list[Path]:
    return [folder / name / "main.tf" for name in ("dev", "prod")]
