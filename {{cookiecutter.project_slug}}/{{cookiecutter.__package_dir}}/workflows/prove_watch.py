"""Prometheus and Alertmanager beside the API of `prove`, in windows of seconds."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..monitoring.settings import PATH, load_settings
from ..utils.yaml import update_yaml

FOLDER = PATH.parent
RUN = FOLDER / "run_local.py"
QUIET_SECONDS, MOST_SECONDS = 30.0, 120.0
QUICK = {
    "drift.window": "15s",
    "drift.windows": 2,
    "drift.drifted": 1,
    "drift.minimum_rows": 400,
    "service.latency_seconds": 2.5,  # a busy machine may be slow
}


def ignored() -> tuple[str, ...]:
    """Return the columns that are not watched."""
    return load_settings().reference.leave_out


def prepare(work: Path, run: Callable[..., str]) -> None:
    """Copy rules and settings, in windows of seconds.

    Args:
        work: The folder where the commands run.
        run: Runs one.
    """
    shutil.copytree(FOLDER, work / FOLDER)
    update_yaml(work / PATH, QUICK)
    run("monitoring", "rules")


@contextmanager
def looking_on(work: Path, address: str) -> Iterator[Callable[[], set[str]]]:
    """Look on an API: give a function that returns the names of what has been told so far.

    Args:
        work: The folder where the API runs.
        address: Where it answers.

    Raises:
        UserError: A program is missing.
    """
    log = work.parent / "told.log"
    command = [sys.executable, str(RUN), "--api", address, "--port", "0"]
    command += ["--interval", "1s", "--folder", str(work.parent / "watching")]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=work, stdout=output, stderr=subprocess.STDOUT)

    def told() -> set[str]:
        text = log.read_text(encoding="utf-8", errors="replace")
        if process.poll() is not None:
            raise UserError(text.strip()[-600:])
        lines = (line for line in text.splitlines() if line.startswith('{"status"'))
        return {_name(json.loads(line)["labels"]) for line in lines}

    try:
        yield told
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _name(labels: dict[str, str]) -> str:
    """Name an alert, and what it is about."""
    return " ".join(filter(None, (labels["alertname"], labels.get("name"))))
