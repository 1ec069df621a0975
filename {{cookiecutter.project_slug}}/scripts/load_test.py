"""Start the API as a process, drive it, and fail past the limits of `load_test` in the config.

    .venv/bin/python scripts/load_test.py [--config FILE] [--seconds N] [--users N] [--url URL]

With --url it drives an API that runs already, such as that of a container. The first second only
warms up and is not counted.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

try:
    from locust import FastHttpUser, constant, task
    from locust.env import Environment
except ModuleNotFoundError:
    command = ".venv/bin/uv pip install -c constraints.txt -r requirements-load.txt"
    sys.exit(f"error: locust is not installed yet: {command}")

from {{ cookiecutter.package_name }}.config import load_config

PACKAGE = "{{ cookiecutter.package_name }}"
START_SECONDS = 60


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(config: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the API, and wait until it is ready."""
    prefix = f"{PACKAGE.upper()}__SERVE__"
    changes = {prefix + "PORT": str(port), prefix + "HOST": "127.0.0.1"}
    command = [sys.executable, "-m", PACKAGE, "serve", "--config", str(config)]
    process = subprocess.Popen(command, env=os.environ | changes, stdout=subprocess.DEVNULL)
    until = time.monotonic() + START_SECONDS
    reason = "it does not answer"
    while process.poll() is None and time.monotonic() < until:
        try:
            response = httpx.get(f"http://127.0.0.1:{port}/health/ready")
            if response.status_code == 200:
                return process
            reason = response.json()["detail"]
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    process.terminate()
    sys.exit(f"error: the API is not ready: {reason}")


def example(url: str) -> Any:
    """Return the row that the API's own documentation shows."""
    operation = httpx.get(url + "/openapi.json").json()["paths"]["/predict"]["post"]
    return operation["requestBody"]["content"]["application/json"]["examples"]["one"]["value"]


def drive(url: str, users: int, seconds: float, headers: dict[str, str]) -> dict[str, float]:
    """Send the example row again and again; return what was measured."""
    row = example(url)

    class Caller(FastHttpUser):
        host = url
        wait_time = constant(0)

        @task
        def predict(self) -> None:
            self.client.post("/predict", json=row, headers=headers)

    environment = Environment(user_classes=[Caller])
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    time.sleep(1)
    environment.stats.reset_all()
    time.sleep(seconds)
    total = environment.stats.total
    found = {
        "requests/s": total.num_requests / seconds,
        **{f"p{p} ms": float(total.get_response_time_percentile(p / 100)) for p in (50, 95, 99)},
        "errors": float(total.num_failures),
        "error share": total.fail_ratio if total.num_requests else 1.0,
    }
    runner.quit()
    return found


def main() -> None:
    """Read the arguments, run, print the table, compare with the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/default.yml"))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--users", type=int)
    parser.add_argument("--url", help="of an API that runs already")
    given = parser.parse_args()
    config = load_config(given.config)
    limits, key = config.load_test, config.serve.api_key
    headers = {} if key is None else {"x-api-key": key.get_secret_value()}
    port = free_port()
    process = None if given.url else start(given.config, port)
    try:
        users, seconds = given.users or limits.users, given.seconds or limits.seconds
        found = drive(given.url or f"http://127.0.0.1:{port}", users, seconds, headers)
    finally:
        if process is not None:
            process.terminate()
            process.wait(40)
    for name, value in found.items():
        print(f"{name:<12}{value:>12,.2f}")
    late = found["p95 ms"] > limits.p95_ms
    if late or found["error share"] > limits.error_share:
        sys.exit(f"past the limits: p95 {limits.p95_ms} ms, error share {limits.error_share}")


if __name__ == "__main__":
    main()
