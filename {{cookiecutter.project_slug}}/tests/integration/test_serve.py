"""The server as a process: it drains on SIGTERM, and several workers count as one."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from {{ cookiecutter.package_name }}.models import promotion

PACKAGE = "{{ cookiecutter.package_name }}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(trained: SimpleNamespace, **settings: Any) -> Iterator[SimpleNamespace]:
    """Run `serve` as a person would, and stop it with SIGTERM if it still runs."""
    if not (trained.config.paths.models / "champion.json").exists():
        promotion.promote(trained.config, "v0.1")
    port = free_port()
    prefix = f"{PACKAGE.upper()}__SERVE__"
    settings = {"port": port, **settings}
    changes = {prefix + key.upper(): str(value) for key, value in settings.items()}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    handle, name = tempfile.mkstemp()  # a pipe that nobody reads would fill up and stop the server
    process = subprocess.Popen(
        [sys.executable, "-m", PACKAGE, "serve"],
        cwd=trained.folder,
        env=os.environ | changes | {"PYTHONPATH": paths},
        stdout=handle,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < until:
            try:
                if httpx.get(url + "/health/ready").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        yield SimpleNamespace(process=process, url=url, log=Path(name))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)
        os.close(handle)
        output = Path(name).read_text(encoding="utf-8")
        os.unlink(name)
        assert "Traceback" not in output, output


def example(url: str) -> dict[str, Any]:
    operation = httpx.get(url + "/openapi.json").json()["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    row: dict[str, Any] = content["examples"]["one"]["value"]
    return row


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to drain on")
def test_no_accepted_request_fails_when_it_stops(trained: SimpleNamespace) -> None:
    with serving(trained) as server:
        row = example(server.url)
        answered = [0] * 4
        other: list[int] = []

        def load(number: int) -> None:
            with httpx.Client(base_url=server.url) as client:
                while True:
                    try:
                        status = client.post("/predict", json=row).status_code
                    except httpx.TransportError:
                        return  # closed before the server read this request: never accepted
                    answered[number] += status == 200
                    if status != 200:
                        other.append(status)

        threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert httpx.get(server.url + "/health/ready").status_code == 503
        before_the_end = sum(answered)
        server.process.wait(timeout=20)
        for thread in threads:
            thread.join()
        output = server.log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"time"')]
    accepted = [line["status"] for line in lines if line["path"] == "/predict"]
    assert not other
    assert set(accepted) == {200}
    assert len(accepted) == sum(answered)
    assert sum(answered) > before_the_end > 0


def test_several_workers_give_one_count(trained: SimpleNamespace) -> None:
    with serving(trained, workers=2, access_log="false") as server:
        row = example(server.url)
        for _ in range(60):
            assert httpx.post(server.url + "/predict", json=row).status_code == 200
        text = httpx.get(server.url + "/metrics").text
        line = 'http_requests_total{method="POST",path="/predict",status="200"} 60.0'
        assert line in text
        assert "model_ready" in text


def test_a_fuzzer_finds_nothing(trained: SimpleNamespace, tmp_path: Path) -> None:
    """schemathesis sends what the OpenAPI document allows and what it forbids."""
    with serving(trained, api_key="of-this-test", prediction_log=tmp_path / "log.jsonl") as server:
        command = [sys.executable, "-m", "schemathesis.cli", "run", server.url + "/openapi.json"]
        options = ["--header", "x-api-key:of-this-test", "--max-examples", "20", "--seed", "1"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout


def test_access_log_goes_to_standard_output(trained: SimpleNamespace) -> None:
    with serving(trained) as server:
        httpx.post(server.url + "/predict", json=example(server.url))
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=20)
        output = server.log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"time"')]
    assert any(line["path"] == "/predict" and line["status"] == 200 for line in lines)
