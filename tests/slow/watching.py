"""An API, watched by a real Prometheus and Alertmanager on loopback, and traffic for it."""

import csv
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.slow.projects import run

PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
# Windows of seconds, so that a test need not wait for hours; and a busy machine may be slow.
QUICK = {
    "window: 1h": "window: 15s",
    "windows: 3": "windows: 2",
    "drifted: 2": "drifted: 1",
    "minimum_rows: 500": "minimum_rows: 400",
    "latency_seconds: 0.1": "latency_seconds: 2.5",
}


def ensure_programs() -> None:
    """Have the programs; as root on Debian install them first, else fail with how to do it."""
    with Path(tempfile.gettempdir(), "mlops-template-prometheus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing and os.geteuid() == 0 and shutil.which("apt-get"):
            here = Path.cwd()
            run("apt-get", "update", "--quiet", cwd=here)
            install = ("install", "--yes", "--quiet", "--no-install-recommends")
            names = ("prometheus", "prometheus-alertmanager")
            run("apt-get", *install, *names, cwd=here, DEBIAN_FRONTEND="noninteractive")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.fail(f"not installed: {missing}; apt install prometheus prometheus-alertmanager")


@dataclass
class Watched:
    """The addresses, and what the receiver has printed."""

    api: str
    prometheus: str
    server: "subprocess.Popen[bytes]"
    output: Path

    def alerts(self) -> set[str]:
        """The alerts that fire, by Prometheus."""
        alerts = get(f"{self.prometheus}/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def received(self) -> list[dict[str, Any]]:
        """The alerts that have reached Alertmanager's receiver."""
        lines = self.output.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"status"')]

    def query(self, expression: str) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode({"query": expression})
        answer = get(f"{self.prometheus}/api/v1/query?{query}")
        assert answer["status"] == "success", (expression, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def predict(self, rows: list[dict[str, Any]]) -> list[str]:
        """Send rows, and return the ids of their predictions."""
        request = urllib.request.Request(f"{self.api}/predict", json.dumps(rows).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return [one["prediction_id"] for one in json.load(answer)["predictions"]]

    def tell(self, prediction_id: str, label: Any) -> None:
        body = json.dumps({"prediction_id": prediction_id, "label": label}).encode()
        urllib.request.urlopen(f"{self.api}/feedback", body, timeout=30).close()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def wait_for(holds: Callable[[], object], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if holds():
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.2)
    pytest.fail(f"after {seconds} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prometheus_port(output: Path) -> str:
    """Return the port that run_local.py says it has taken; nothing until it does."""
    said = re.search(r"^Prometheus on http://127\.0\.0\.1:(\d+)", output.read_text("utf-8"), re.M)
    return said[1] if said else ""


@contextmanager
def watching(project: Path, command: Path, package: str, folder: Path) -> Iterator[Watched]:
    """Serve a trained project with two workers and watch it."""
    api_port = free_port()
    serve = {"PORT": api_port, "WORKERS": 2, "ACCESS_LOG": "false"}
    serve["PREDICTION_LOG"] = folder / "predictions.jsonl"
    environment = {f"{package.upper()}__SERVE__{key}": str(value) for key, value in serve.items()}
    python = command.with_name("python")
    output = folder / "watching.log"
    local: list[str | Path] = [python, "monitoring/run_local.py", "--api", f"127.0.0.1:{api_port}"]
    local += ["--port", "0", "--interval", "1s", "--folder", folder / "data"]
    with output.open("wb") as log, (folder / "serve.log").open("wb") as served:
        server = subprocess.Popen(
            [command, "serve"], cwd=project, env=os.environ | environment, stdout=served
        )
        watcher = subprocess.Popen(local, cwd=project, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: prometheus_port(output), 60, "run_local.py takes no port")
            watched = Watched(
                f"http://127.0.0.1:{api_port}",
                f"http://127.0.0.1:{prometheus_port(output)}",
                server,
                output,
            )
            wait_for(lambda: get(f"{watched.api}/health/ready"), 60, "the API is not ready")
            up = 'up{job="api"} == 1'
            wait_for(lambda: watched.query(up), 60, "Prometheus does not see the API")
            yield watched
        finally:
            for process in (watcher, server):
                process.send_signal(signal.SIGTERM)
            for process in (watcher, server):
                process.wait(timeout=60)


def sample_rows(project: Path) -> list[dict[str, Any]]:
    """Return the rows of the sample that the reference was made from, as the API takes them."""
    metadata = json.loads((project / "models/v0.1/metadata.json").read_text("utf-8"))
    names = list(metadata["golden"][0]["row"])
    columns = metadata["columns"]
    target, start = metadata["target"], metadata["split"]["val_from"][:10]

    def value(name: str, text: str) -> Any:
        if text in ("", "NA"):
            return None
        kind = columns[name]["type"]
        if kind in ("integer", "float"):
            return json.loads(text)
        return text.replace(" ", "T") if kind == "datetime" else text

    with (project / "data/external/flights.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["scheduled_departure"] >= start and row[target] not in ("", "NA")
        ]
    return [
        {name: value(name, row[name]) for name in names} | {"__target": row[target]} for row in rows
    ]
