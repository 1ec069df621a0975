"""Metrics count, logs are written, and a full disk stops no request."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


def test_metrics_count(api: SimpleNamespace, row: dict[str, Any]) -> None:
    for _ in range(3):
        api.client.post("/predict", json=row)
    api.client.post("/predict", json={})
    text = api.client.get("/metrics").text
    assert 'http_requests_total{method="POST",path="/predict",status="200"} 3.0' in text
    assert 'http_requests_total{method="POST",path="/predict",status="422"} 1.0' in text
    assert 'http_request_duration_seconds_count{path="/predict"} 4.0' in text
    assert "predicted_rows_total 3.0" in text
    assert "model_ready 1.0" in text


def test_prediction_log_and_feedback(tmp_path: Path, problem: Problem, serve: Serve) -> None:
    log = tmp_path / "logs/predictions.jsonl"
    with serve(prediction_log=str(log)) as api:
        row = api.service.served().request_schema.example_row()
        answer = api.client.post("/predict", json=row).json()
        found = {"prediction_id": answer["prediction_id"], "label": True}
        assert api.client.post("/feedback", json=found).status_code == 202
        problem(api.client.post("/feedback", json={"label": 1}), 422)
        problem(api.client.post("/feedback", content=b"{"), 400)
    (path,) = log.parent.iterdir()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["prediction_id"] == lines[1]["prediction_id"] == answer["prediction_id"]
    assert lines[0]["input"].keys() == row.keys()
    assert lines[1]["label"] is True


def test_full_disk_stops_no_request(serve: Serve) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full to stand for a full disk: not checked here")
    with serve(prediction_log="x.jsonl") as api:
        api.service.predictions._path = full
        row = api.service.served().request_schema.example_row()
        for _ in range(3):
            assert api.client.post("/predict", json=row).status_code == 200
        api.service.predictions.flush()
        assert "log_lines_lost_total 3.0" in api.client.get("/metrics").text


def test_access_log(capfdbinary: pytest.CaptureFixture[bytes], serve: Serve) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with serve(access_log=True) as api:
        header = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        response = api.client.get("/health/live", headers=header)
        api.service.access.flush()
    line = json.loads(capfdbinary.readouterr().out.splitlines()[0])
    assert line["path"] == "/health/live"
    assert line["status"] == 200
    assert line["trace_id"] == trace
    assert line["request_id"] == response.headers["x-request-id"]
