"""A browser for the tests that click through a page: found, or installed where that is allowed."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.slow.projects import run

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found() -> str | None:
    """Return the browser that a rendered project's test would take."""
    named = os.environ.get("BROWSER_PATH")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def ensure() -> str:
    """Return a browser; as root on Debian install one first, else fail with how to do it."""
    with Path(tempfile.gettempdir(), "mlops-template-browser.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers of pytest must not install at once
        if found() is None and os.geteuid() == 0 and shutil.which("apt-get"):
            here = Path.cwd()
            run("apt-get", "update", "--quiet", cwd=here)
            install = ("install", "--yes", "--quiet", "--no-install-recommends", "chromium")
            run("apt-get", *install, cwd=here, DEBIAN_FRONTEND="noninteractive")
    browser = found()
    if browser is None:
        pytest.fail(
            "no browser to click through the demo with: install chromium or google-chrome, or name "
            "one in BROWSER_PATH"
        )
    return browser
