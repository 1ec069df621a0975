"""The HTTP API over real sockets: answers, refusals, documentation, and nothing of training."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


def test_one_row_and_many(api: SimpleNamespace, row: dict[str, Any]) -> None:
    one = api.client.post("/predict", json=row).json()
    many = api.client.post("/predict", json=[row] * 40).json()
    assert one["model_version"] == many["model_version"] == "v0.1"
    values = {str(answer["prediction"]) for answer in many["predictions"]}
    assert values == {str(one["prediction"])}
    ids = {one["prediction_id"], *(answer["prediction_id"] for answer in many["predictions"])}
    assert len(ids) == 41


def test_answers_equal_the_batch(trained: SimpleNamespace, api: SimpleNamespace) -> None:
    golden = trained.model.metadata.golden
    answers = api.client.post("/predict", json=[entry.row for entry in golden]).json()
    for entry, answer in zip(golden, answers["predictions"], strict=True):
        found = answer.get("probabilities", {"": answer["prediction"]})
        np.testing.assert_allclose(list(found.values()), entry.prediction, rtol=1e-5)
        if "lower" in answer:
            assert answer["lower"] < answer["prediction"] < answer["upper"]


@settings(max_examples=40)
@given(data=st.data())
def test_any_valid_row_is_predicted(
    data: st.DataObject,
    own: SimpleNamespace,
    own_api: SimpleNamespace,
    rows: Callable[..., st.SearchStrategy[dict[str, Any]]],
) -> None:
    preprocessor = own.model.preprocessor
    values = data.draw(rows(preprocessor.columns))
    body = json.dumps(values, default=lambda moment: moment.isoformat())
    response = own_api.client.post("/predict", content=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    found = answer.get("probabilities", {"": answer["prediction"]})
    expected = own.model.predictor.predict_row(values)
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-5, atol=1e-6)


def test_every_mistake_is_named(
    api: SimpleNamespace, row: dict[str, Any], problem: Problem
) -> None:
    required = next(
        n for n, c in api.service.served().request_schema.columns.items() if not c.may_be_missing
    )
    number = next(
        n for n, c in api.service.served().request_schema.columns.items() if c.type == "float"
    )
    broken = {**row, number: "secret-text", "no such column": 1}
    del broken[required]
    document = problem(api.client.post("/predict", json=[row, broken]), 422)
    named = {error["field"]: error["rule"] for error in document["errors"]}
    assert named.keys() == {f"1.{required}", f"1.{number}", "1.no such column"}
    assert named[f"1.{required}"] == "is missing"
    assert "secret-text" not in json.dumps(document)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"3", 422),
        (b"[]", 422),
        (b'["a"]', 422),
        (b"[" * 5000, 400),
        (b'{"a": ' + b"1" * 2_000_000 + b"}", 413),
    ],
)
def test_broken_bodies(api: SimpleNamespace, body: bytes, status: int, problem: Problem) -> None:
    problem(api.client.post("/predict", content=body), status)


def test_too_many_rows(api: SimpleNamespace, row: dict[str, Any], problem: Problem) -> None:
    problem(api.client.post("/predict", content=json.dumps([{}] * 1001)), 413)
    small = [{**row}] * 1001
    response = api.client.post("/predict", json=small)
    assert response.status_code == 413


def test_whole_numbers_may_have_a_point(api: SimpleNamespace, row: dict[str, Any]) -> None:
    """To JSON Schema, and so to the OpenAPI document, 3.0 is an integer."""
    columns = api.service.served().request_schema.columns
    pointed = {name: float(row[name]) for name, c in columns.items() if c.type == "integer"}
    one = api.client.post("/predict", json=row).json()
    other = api.client.post("/predict", json=row | pointed).json()
    assert pointed
    assert one["prediction"] == other["prediction"]


def test_docs_need_no_internet(api: SimpleNamespace) -> None:
    page = api.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    links = re.findall(r"""(?:src|href|url)["']?\s*[=:]\s*["']([^"']+)["']""", page.text)
    assert {"openapi.json", "docs/files/swagger-ui.css"} < set(links)
    for link in links:
        assert ":" not in link, f"{link} is somewhere else"
        assert api.client.get(link).status_code == 200


def test_unknown_paths_and_methods(api: SimpleNamespace, problem: Problem) -> None:
    problem(api.client.get("/nowhere"), 404)
    refused = api.client.get("/predict")
    problem(refused, 405)
    assert refused.headers["allow"] == "POST"
    problem(api.client.post("/health/live"), 405)
    problem(api.client.post("/predict/", headers={"host": "evil.example"}), 404)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_leads_to_the_documentation(
    method: str, serve: Serve, api: SimpleNamespace
) -> None:
    """By a relative address: a proxy may put the API under a prefix."""
    response = api.client.request(method, "/")
    assert response.status_code == 307
    assert response.headers["location"] == "docs"
    assert response.content == b""
    assert "x-request-id" in response.headers
    assert "/" not in api.client.get("/openapi.json").json()["paths"]
    with serve(api_key="long-and-random") as locked:
        assert locked.client.request(method, "/").status_code == 307


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/docs"])
def test_head_is_answered_as_get(api: SimpleNamespace, path: str) -> None:
    answer = api.client.head(path)
    assert answer.status_code == 200
    assert answer.content == b""


def test_model_and_health(api: SimpleNamespace) -> None:
    assert api.client.get("/health/live").json() == {"status": "alive"}
    assert api.client.get("/health/ready").json()["model_version"] == "v0.1"
    model = api.client.get("/model").json()
    assert model["version"] == "v0.1"
    assert {"metrics", "columns", "schema_hash", "files", "commit"} <= model.keys()


@pytest.mark.slow
def test_the_server_needs_nothing_of_training(trained: SimpleNamespace, store: Path) -> None:
    """It loads and proves a model, and even has the explainer at hand, with its own list alone."""
    package = "{{ cookiecutter.package_name }}"
    code = (
        "import sys\n"
        f"from {package}.config import load_config\n"
        f"from {package}.models import explain\n"
        f"from {package}.predict import api\n"
        "service = api.create_app(load_config()).state.service\n"
        "service.champion.refresh()\n"
        "explain.Explainer(service.champion.served.model, service.champion.registry)\n"
        "print(*sys.modules)"
    )
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    setting = {f"{package.upper()}__SERVE__STORE": str(store)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=trained.folder,
        env=os.environ | setting | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "onnxruntime" in loaded
    assert not loaded & {"lightgbm", "onnx", "polars", "pyarrow", "sklearn"}
