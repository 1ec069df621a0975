"""Images of a rendered project are built and run with a Docker engine, as its documents say.

The base image comes from a registry, or from the engine if it is there already.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.baking import Baker
from tests.slow.projects import run

pytestmark = pytest.mark.release
MOST_ABOVE_BASE = 220 * 2**20  # bytes of the serving image
LOCKED = ("--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--network=none")
ROW = (
    '{"scheduled_departure": "2013-12-20T18:30:00", "carrier": "UA", "origin": "EWR", '
    '"dest": "ORD", "distance": 719, "departure_minute": 1110, "arrival_minute": 1210}'
)
ASK = """
import json, os, sys, urllib.request
key = {"x-api-key": os.environ["FLIGHT_DELAYS__SERVE__API_KEY"]} if sys.argv[2:] else {}
request = urllib.request.Request("http://127.0.0.1:8000/predict", sys.argv[1].encode(), key)
print(json.load(urllib.request.urlopen(request))["model_version"])
"""


def missing_engine() -> str:
    """Say what of Docker is missing here; nothing where it can build and compose."""
    if shutil.which("docker") is None:
        return "there is no docker"
    for command in (("info",), ("buildx", "version"), ("compose", "version")):
        done = subprocess.run(["docker", *command], capture_output=True, text=True)
        if done.returncode:
            return f"`docker {' '.join(command)}`: {(done.stderr or done.stdout).strip()}"
    return ""


@pytest.fixture(scope="module")
def project(bake: Baker) -> Iterator[Path]:
    """Build both images from a clean clone, and train with one of them."""
    if reason := missing_engine():
        pytest.skip(f"NOT CHECKED, images are neither built nor run: {reason}")
    project = bake.anew()
    run("make", "docker", cwd=project)
    user = f"--user={os.getuid()}:{os.getgid()}"
    train = ("docker", "run", *LOCKED, user, f"--volume={project}:/project")
    run(*train, "flight-delays:train", cwd=project)
    script = ("--entrypoint=python", "flight-delays:train", "scripts/make_env.py")
    run(*train, *script, cwd=project)
    yield project
    run(*compose("down", "--volumes"), cwd=project)


def compose(*command: str) -> tuple[str, ...]:
    return ("docker", "compose", "--profile=demo", *command)


def test_a_container_serves_what_another_trained(project: Path) -> None:
    run(*compose("up", "--wait", "api"), cwd=project)
    ask = compose("exec", "api", "python", "-c", ASK, ROW)
    assert run(*ask, "key", cwd=project).strip() == "v0.1"
    assert "401" in run(*ask, cwd=project, code=1)
    status = run(*compose("exec", "api", "cat", "/proc/1/status"), cwd=project)
    assert re.search(r"^Uid:(\t10001){4}$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    for path in ("/x", "/venv/x", "/project/x", "/project/models/x"):
        touch = run(*compose("exec", "api", "touch", path), cwd=project, code=1)
        assert "Read-only file system" in touch
    run(*compose("exec", "api", "touch", "/tmp/x", ".cache/x"), cwd=project)
    run(*compose("stop", "api"), cwd=project)
    ended = run(*compose("ps", "--all", "--format={{.ExitCode}}", "api"), cwd=project)
    assert ended.strip() == "0", "SIGTERM reached the server"


def test_the_demo_runs_in_a_container(project: Path) -> None:
    run(*compose("up", "--wait", "demo"), cwd=project)


def test_compose_does_not_start_without_keys(project: Path, tmp_path: Path) -> None:
    shutil.copy(project / "docker-compose.yml", tmp_path)
    assert "run make env" in run(*compose("config", "--quiet"), cwd=tmp_path, code=1)


def test_the_serving_image_is_small_and_knows_nothing_of_training(project: Path) -> None:
    sizes = [
        int(run("docker", "image", "inspect", "--format={{.Size}}", image, cwd=project))
        for image in ("flight-delays:serve", "python:3.12-slim")
    ]
    assert sizes[0] - sizes[1] <= MOST_ABOVE_BASE
    listing = ("--entrypoint=ls", "flight-delays:serve", "/venv/lib/python3.12/site-packages")
    packages = run("docker", "run", *LOCKED, *listing, cwd=project).split()
    assert "onnxruntime" in packages
    assert not {"lightgbm", "polars", "sklearn", "pyarrow", "matplotlib", "pip"} & set(packages)
