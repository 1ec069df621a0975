"""The cloud's description as text: formatted, and what it says of the project is true."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

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
    scripts = re.findall(r'"/project/(scripts/\S+)"', text)
    assert len(scripts) == 2
    for script in scripts:
        assert (project / script).is_file()
        assert re.search(rf"^COPY --chown=10001:10001 scripts/\S+ .*{script}", image, re.M)
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


def unbound(text: str, workflow: str) -> list[str]:
    """Return where whom AWS trusts is not the jobs of deploy.yml, each in its environment alone."""
    trust = re.findall(r"github_trust.*?\n}\n", text, re.S)[0]
    said = re.findall(r'test += "(\w+)"\n +variable = "\S+:sub"\n +values += \[(.*)\]', trust)
    if said != [("StringEquals", "each.value")]:
        return [f"any subject: {said}"]
    prefix = "repo:${var.github_repository}:environment:"
    (subjects,) = re.findall(r"subjects = \{\n(.*?)\n  \}", text, re.S)
    trusted = set(re.findall(r'= "(.*)"$', subjects, re.MULTILINE))
    jobs = yaml.safe_load(workflow)["jobs"].values()
    used = {
        prefix + re.sub(r"\$\{\{ \w+\.environment \}\}", "${var.environment}", job["environment"])
        for job in jobs
        if job["permissions"].get("id-token") == "write"
    }
    return sorted(trusted ^ used)


def test_github_is_bound_to_the_environments_of_the_workflow(bake: Baker) -> None:
    text = (bake() / MODULE / "github.tf").read_text("utf-8")
    workflow = (bake() / ".github/workflows/deploy.yml").read_text("utf-8")
    assert unbound(text, workflow) == []
    for old, new in (
        (":environment:${var.environment}", ":*"),
        ("actions.githubusercontent.com:sub", "actions.githubusercontent.com:s"),
        ('"StringEquals"', '"StringLike"'),
        ("${var.environment}-plan", "plan"),
    ):
        assert old in text
        assert unbound(text.replace(old, new), workflow), new
    assert unbound(text, workflow.replace("environment }}-plan", "environment }}"))


def test_what_the_workflow_names_is_what_is_made(bake: Baker) -> None:
    """State, repositories of images, outputs, the smoke test's container and log are one."""
    project = bake(project_slug="a-slug-of-more-than-27-letters")
    described = "".join(path.read_text("utf-8") for path in (project / MODULE).glob("*.tf"))
    workflow = (project / ".github/workflows/deploy.yml").read_text("utf-8")
    for name, main in zip(
        ("dev", "prod"), mains(project / "infra/terraform/environments"), strict=True
    ):
        text = main.read_text("utf-8")
        (key,) = re.findall(r'key += "(\S+)"', text)
        (known,) = re.findall(r'^  key   = "(\S+)"', described, re.MULTILINE)
        assert known.replace("${var.environment}", name) == key
        (called,) = re.findall(r'^  name += "(\S+)"', text, re.MULTILINE)
        assert f"}}}}/{called}-${{{{ inputs.environment }}}}" in workflow
    repositories = described.split('"aws_ecr_repository" "images" {')[1].split("\n}")[0]
    assert 'for_each             = toset(["serve", "train"])' in repositories
    assert '"${local.name}/${each.key' in repositories
    images = (project / "scripts/images.sh").read_text("utf-8")
    assert '"$4/serve"' in images
    assert '"$4/train"' in images
    script = (project / "scripts/roll_out.py").read_text("utf-8")
    (told,) = re.findall(r'output "roll_out".*?value = \{\n(.*?)\n  \}', described, re.S)
    assert set(re.findall(r'known\["(\w+)"\]', script)) == set(
        re.findall(r"^    (\w+) +=", told, re.M)
    )
    assert 'print(f"former={' in script
    assert "steps.roll_out.outputs.former" in workflow
    (container,) = re.findall(r'^CONTAINER = "(\w+)"', script, re.MULTILINE)
    smoke = (project / MODULE / "smoke.tf").read_text("utf-8")
    assert re.findall(r'^    name +=  ?"(\w+)"', smoke, re.MULTILINE) == [container]
    (prefix,) = re.findall(r'awslogs-stream-prefix = "(\w+)"', described)
    assert f'f"{prefix}/{{CONTAINER}}/' in script
    assert '"/project/scripts/smoke.py"' in smoke
    assert "scripts/smoke.py scripts/" in (project / "Dockerfile").read_text("utf-8")


def test_what_is_applied_by_a_workflow_has_digests(bake: Baker) -> None:
    described = [
        *(bake() / MODULE).glob("*.tf"),
        *(bake() / "infra/terraform/environments").glob("*/*.tf"),
    ]
    images = [
        line
        for path in described
        for line in path.read_text("utf-8").splitlines()
        if re.match(r" +image +=", line)
    ]
    assert len(images) == 3
    for line in images:
        assert re.search(r'repository_url}@\$\{var\.images\.(serve|train)}"', line), line


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
