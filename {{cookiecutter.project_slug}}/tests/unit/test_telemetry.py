"""Metrics count, and the access log says what was asked."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


ROOT = Path(__file__).parents[2]


def count_of(method: str, route: str, status: int) -> str:
    """The name of the counter of such requests."""
    labels = f'http_request_method="{method}",http_response_status_code="{status}"'
    labels += f',http_route="{route}"'
    return "http_server_request_duration_seconds_count{" + labels + "}"


def test_metrics_count(api: SimpleNamespace, row: dict[str, Any]) -> None:
    for _ in range(3):
        api.client.post("/predict", json=row)
    api.client.post("/predict", json={})
    text = api.client.get("/metrics").text
    assert f"{count_of('POST', '/predict', 200)} 3.0" in text
    assert f"{count_of('POST', '/predict', 422)} 1.0" in text
    assert "model_request_rows_sum 3.0" in text
    assert "model_ready 1.0" in text
    assert re.search(r'model_served\{model_name="[^"]+",model_version="v0.1"\} 1.0', text)
    assert "model_champion_refused 0.0" in text
    assert "model_load_failures_total 0.0" in text


def test_labels_have_few_values(api: SimpleNamespace) -> None:
    api.client.request("BREW", "/predict")  # the server's parser may refuse it before
    api.service.metrics.count("BREW", "other", 405, 0.1)
    api.client.get("/a-path-of-the-callers")
    text = api.client.get("/metrics").text
    assert 'http_request_method="_OTHER"' in text
    assert "BREW" not in text
    assert 'http_route="other"' in text
    assert "callers" not in text


def test_the_process_is_measured(api: SimpleNamespace) -> None:
    api.service.active = 3
    api.service.flush()
    text = api.client.get("/metrics").text
    assert "http_server_active_requests 3.0" in text
    limit = float(api.service.settings.max_concurrency)
    assert f"http_server_active_requests_limit {limit}" in text
    found = re.search(r"^process_cpu_seconds_total (\S+)", text, re.MULTILINE)
    assert found is not None
    assert float(found[1]) > 0


def test_the_table_of_the_documentation_is_right(
    own_api: SimpleNamespace, own: SimpleNamespace
) -> None:
    """Names and labels of docs/api.md are those of /metrics."""
    row = own.model.metadata.golden[0].row
    assert own_api.client.post("/predict", json=row).status_code == 200
    page = (ROOT / "docs/api.md").read_text("utf-8").split("| metric | labels |")[1]
    told: dict[str, set[str]] = {}
    for line in page.split("\n\n")[0].splitlines()[2:]:
        names, labels = (re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:3])
        told |= {name: set(labels) for name in names}
    found = {}
    for family in text_string_to_metric_families(own_api.client.get("/metrics").text):
        if not family.name.endswith("_created"):
            name = family.name + "_total" * (family.type == "counter")
            found[name] = {label for one in family.samples for label in one.labels} - {"le"}
            if not family.samples:  # nothing has set it, as where there is no loss of a prediction
                found[name] = told.get(name, set())
    if not Path("/proc/self/statm").exists():
        found["process_resident_memory_bytes"] = set()
    assert found == told


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
