"""The OpenAPI document says what the served version takes and gives."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx

from {{ cookiecutter.package_name }}.data.schema import load_schema

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


def test_openapi_is_the_schema(trained: SimpleNamespace, api: SimpleNamespace) -> None:
    document = api.client.get("/openapi.json").json()
    schema = load_schema(trained.config.paths.schema_)
    parts = document["components"]["schemas"]
    preprocessor = trained.model.preprocessor
    assert set(parts["Row"]["properties"]) == {*preprocessor.columns, *preprocessor.ids}
    for name, column in trained.model.preprocessor.columns.items():
        shown = parts["Row"]["properties"][name]
        assert schema.columns[name].description in shown["description"]
        assert (name in parts["Row"]["required"]) == (not column.nullable)
        text = json.dumps(shown)
        for bound in (column.min, column.max):
            assert bound is None or str(int(bound)) in text
    operation = document["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        assert api.client.post("/predict", json=example["value"]).status_code == 200
    assert set(operation["responses"]) >= {"200", "400", "401", "413", "422", "503"}
    for status, answer in operation["responses"].items():
        kind = "application/json" if status == "200" else "application/problem+json"
        assert list(answer["content"]) == [kind]
    assert "requestBody" in document["paths"]["/feedback"]["post"]
    assert api.client.get("/docs").status_code == 200
