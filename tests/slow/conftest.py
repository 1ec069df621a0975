"""One environment for all projects that need none of their own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.baking import Baker
from tests.slow import browser
from tests.slow.projects import Installer, uv


@pytest.fixture(scope="session")
def environment(bake: Baker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install what the default project needs once, for all projects that share it."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    project = bake()
    uv("venv", "--quiet", "--python", sys.executable, folder, cwd=project)
    names = ("requirements-serve.txt", "requirements.in", "requirements-dev.txt")
    lists = [project / name for name in names]
    lists += [bake(demo_app=choice) / "app/requirements.txt" for choice in ("gradio", "fastapi")]
    needs = [part for path in lists for part in ("-r", path)]
    needs += ["-c", project / "constraints.txt"]
    uv("pip", "install", "--quiet", "--python", folder / "bin/python", *needs, cwd=project)
    build = ["setuptools>=80", "-c", "constraints.txt"]
    uv("pip", "install", "--quiet", "--python", folder / "bin/python", *build, cwd=project)
    return folder / "bin"


@pytest.fixture(scope="session")
def chromium() -> str:
    """A browser that the projects' own tests find."""
    return browser.ensure()


@pytest.fixture
def installed(bake: Baker, environment: Path) -> Iterator[Installer]:
    installer = Installer(bake, environment)
    yield installer
    installer.remove()
