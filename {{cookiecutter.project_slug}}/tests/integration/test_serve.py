"""The server as a process: it drains on SIGTERM, and several workers count as one."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

PACKAGE = "{{ cookiecutter.package_name }}"
Start = Callable[..., Any]  # gives a context manager


@pytest.fixture
def serving(started: Start, promoted: SimpleNamespace) -> Start:
    """Run `serve` with other settings."""

    def serve(**settings: Any) -> Any:
        changes = {"port": "PORT", **settings}
        names = {f"{PACKAGE.upper()}__SERVE__{key.upper()}": str(changes[key]) for key in changes}
        return started(["-m", PACKAGE, "serve"], promoted.folder, "/health/ready", **names)

    return serve


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


def example(url: str) -> dict[str, Any]:
    operation = httpx.get(url + "/openapi.json").json()["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    row: dict[str, Any] = content["examples"]["one"]["value"]
    return row


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to drain on")
def test_no_accepted_request_fails_when_it_stops(serving: Start) -> None:
    with serving(drain_seconds=3) as server:
        row = example(server.url)
        answered = [0] * 4
        other: list[int] = []

        def load(number: int) -> None:
            with httpx.Client(base_url=server.url, timeout=60) as client:
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
        wait_for(lambda: all(answered))
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: httpx.get(server.url + "/health/ready").status_code == 503)
        before_the_end = sum(answered)
        server.process.wait(timeout=60)
        for thread in threads:
            thread.join()
        output = server.log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"time"')]
    accepted = [line["status"] for line in lines if line["path"] == "/predict"]
    assert not other
    assert set(accepted) == {200}
    assert len(accepted) == sum(answered)
    assert sum(answered) > before_the_end > 0


def test_several_workers_give_one_count(serving: Start) -> None:
    with serving(workers=2, access_log="false") as server:
        row = example(server.url)
        for _ in range(60):
            assert httpx.post(server.url + "/predict", json=row).status_code == 200
        text = httpx.get(server.url + "/metrics").text
        labels = 'http_request_method="POST",http_response_status_code="200"'
        labels += ',http_route="/predict"'
        assert "http_server_request_duration_seconds_count{" + labels + "} 60.0" in text
        assert "model_ready" in text


def test_a_fuzzer_finds_nothing(serving: Start, tmp_path: Path) -> None:
    """schemathesis sends what the OpenAPI document allows and what it forbids."""
    # 413, for a list of too many rows, is no answer that schemathesis expects to wrong input.
    refusals = '[checks.negative_data_rejection]\nexpected-statuses = ["4xx"]\n'
    (tmp_path / "schemathesis.toml").write_text(refusals, "utf-8")
    with serving(api_key="of-this-test", prediction_log=tmp_path / "log.jsonl") as server:
        command = [sys.executable, "-m", "schemathesis.cli", "run", server.url + "/openapi.json"]
        options = ["--header", "x-api-key:of-this-test", "--max-examples", "20", "--seed", "1"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout


def test_access_log_goes_to_standard_output(serving: Start) -> None:
    with serving() as server:
        httpx.post(server.url + "/predict", json=example(server.url))
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=60)
        output = server.log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"time"')]
    assert any(line["path"] == "/predict" and line["status"] == 200 for line in lines)


def listens(url: str) -> bool:
    port = int(url.rpartition(":")[2])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children(pid: int) -> list[int]:
    """The processes that a process has started (Linux)."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to stop on")
@pytest.mark.parametrize("workers", [1, 2])
def test_it_ends_with_0_and_leaves_nothing(
    serving: Start, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving(workers=workers, drain_seconds=0.1) as server:
        assert httpx.get(server.url + "/health/ready").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
    assert list(tmp_path.glob("metrics-*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who is whose child")
def test_workers_end_with_their_supervisor(serving: Start) -> None:
    with serving(workers=2, drain_seconds=0.1) as server:
        assert len(children(server.process.pid)) >= 2
        server.process.kill()
        server.process.wait(timeout=60)
        wait_for(lambda: not listens(server.url))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who is whose child")
def test_a_dead_worker_is_replaced_and_forgotten(serving: Start) -> None:
    with serving(workers=2, access_log="false") as server:
        before = children(server.process.pid)
        os.kill(before[-1], signal.SIGKILL)
        wait_for(lambda: before[-1] not in children(server.process.pid))
        wait_for(lambda: is_ready(server.url))


def is_ready(url: str) -> bool:
    """Tell whether all workers are ready, as the metrics have it."""
    try:
        return "model_ready 1.0" in httpx.get(url + "/metrics").text
    except httpx.TransportError:
        return False
