"""Metrics count, and the access log says what was asked."""

import json
import re
from collections.abc import Callable
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
    assert re.search(r'model_served\{name="[^"]+",version="v0.1"\} 1.0', text)
    assert "model_champion_refused 0.0" in text
    assert "model_load_failures_total 0.0" in text


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
