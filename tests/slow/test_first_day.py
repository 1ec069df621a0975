"""A newcomer's first day: the README's commands, in an environment of the project's own."""

import contextlib
import csv
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.baking import CHECKS, Answers, Baker, minimal
from tests.slow.projects import assert_trained, run

MOST_DISTRIBUTIONS, MOST_BYTES = 170, 1050 * 2**20


def assert_clean(project: Path) -> None:
    """Its own commands leave nothing for git but what the user should keep."""
    changed = run("git", "status", "--porcelain", "--untracked-files=all", cwd=project).splitlines()
    pages = ("model_card.md", "docs/governance/datasheet.md", "docs/governance/ai_act.md")
    unexpected = [line for line in changed if line[3:] not in pages]
    assert unexpected == [], "files that .gitignore should name"


@pytest.mark.parametrize("answers", [{}, minimal()], ids=["default", "minimal"])
def test_first_day(answers: Answers, bake: Baker, chromium: str) -> None:
    """The README's commands, in the project's own environment."""
    project = bake.anew(**answers)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    run("git", "add", "--all", cwd=project)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    run("git", *identity, "commit", "--quiet", "--message=made", cwd=project)
    said = {
        target: run("make", target, cwd=project, PYTEST_ADDOPTS="-v")
        for target in ("help", "setup")
    }
    assert_weight(project)
    demo = answers.get("demo_app") != "none"
    targets = ("all", "predict", "lint", "test", "load-test", *["test-app"] * demo)
    said |= {target: run("make", target, cwd=project, PYTEST_ADDOPTS="-v") for target in targets}
    if demo:
        assert re.search("SKIPPED .*`make test-app` installs Playwright", said["test"])
        assert re.search("test_a_person_tries_the_model PASSED", said["test-app"])
        run("make", "lint", cwd=project)  # as before, with what came at first use
    assert_trained(project)
    assert_clean(project)
    with (project / "artifacts/predictions.csv").open(encoding="utf-8", newline="") as file:
        predicted = list(csv.DictReader(file))
    with (project / "data/external/flights.csv").open(encoding="utf-8", newline="") as file:
        flights = list(csv.DictReader(file))
    assert [row["flight_id"] for row in predicted] == [row["flight_id"] for row in flights]
    assert_serves(project, flights[0], predicted[0])
    assert_names_are_taken(project)
    first, own_table = blocks(project / "docs/onboarding.md", "sh")[:2]
    shown = {target for line in first for target in line.removeprefix("make ").split()}
    assert shown == {*said, "serve", *["app"] * demo} - {"help", "load-test", "test-app"}
    sizes = [(i * 37 % 101, i * 53 % 83 - 41) for i in range(600)]  # the second is chance
    rows = [f"{i},{size},{'yes' if size + by > 50 else 'no'}" for i, (size, by) in enumerate(sizes)]
    table = "\n".join(["number,size,outcome", *rows])
    (project / "my-table.csv").write_text(table + "\n", encoding="utf-8")
    for line in own_table:
        said[line] = run("sh", "-c", line, cwd=project)
    assert "v0.2: promote" in said["make all"]


def blocks(page: Path, language: str) -> list[list[str]]:
    """The commands of a page's blocks in some language, without comments."""
    found = re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [[line.split(" #")[0].strip() for line in text.splitlines()] for text in found]


def assert_weight(project: Path) -> None:
    """Set-up brings no more than this; the rest comes with the first use of what needs it."""
    files = [path for path in (project / ".venv").rglob("*") if not path.is_symlink()]
    size = sum(path.stat().st_size for path in files if path.suffix != ".pyc")
    distributions = len(list((project / ".venv").rglob("*.dist-info")))
    assert (distributions <= MOST_DISTRIBUTIONS, size <= MOST_BYTES) == (True, True), (
        f"{distributions} distributions, {size / 2**20:.0f} MiB"
    )


def assert_serves(project: Path, flight: dict[str, str], predicted: dict[str, str]) -> None:
    """`make serve` answers over HTTP what `make predict` wrote into the file."""
    with serving(project) as url:
        with urllib.request.urlopen(f"{url}/openapi.json") as answer:
            columns = json.load(answer)["components"]["schemas"]["Row"]["properties"]
        row = {name: value(flight[name], shown) for name, shown in columns.items()}
        request = urllib.request.Request(f"{url}/predict", data=json.dumps(row).encode())
        with urllib.request.urlopen(request) as answer:
            found = json.load(answer)
        ask = re.search(r"curl (\S+) -d '(.*?)'", (project / "README.md").read_text(), re.DOTALL)
        assert ask is not None
        assert ask[1] == "http://127.0.0.1:8000/predict"
        request = urllib.request.Request(f"{url}/predict", data=ask[2].encode())
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer).keys() == found.keys() - {"ids"}, "the README's row"
    assert found["model_version"] == "v0.1"
    assert found["prediction"] == predicted["prediction"]
    for label, share in found["probabilities"].items():
        assert share == pytest.approx(float(predicted[f"probability_{label}"]), rel=1e-5)


def value(text: str, shown: dict[str, Any]) -> Any:
    """Read a cell of the table as the OpenAPI document of its column wants it."""
    kinds = {kind.get("type") for kind in shown.get("anyOf", [shown])}
    if text in ("", "NA"):
        return None
    if shown.get("format") == "date-time":
        return f"{text}:00"  # with seconds (RFC 3339)
    if "string" in kinds:
        return text
    return int(text) if "integer" in kinds else float(text)


@contextmanager
def serving(project: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = (project / "serve.log").open("w+")
    process = subprocess.Popen(
        ["make", "serve"],
        cwd=project,
        env=os.environ | {"FLIGHT_DELAYS__SERVE__PORT": str(port)},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/health/ready").close()
                break
            ended = process.poll() is not None or time.monotonic() > until
            assert not ended, Path(log.name).read_text("utf-8")
            time.sleep(0.1)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        log.close()
        (project / "serve.log").unlink()


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
    assert free == [], "add these to IMPORT_NAMES of hooks/checks.py"


@pytest.mark.release
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_supported_python(version: str, bake: Baker) -> None:
    project = bake.anew(python_version=version)
    for target in ("setup", "all", "test", "lint"):
        run("make", target, cwd=project)
    assert version in run(project / ".venv/bin/python", "--version", cwd=project)
