"""The OpenAPI document says what the served version takes and gives."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx

from {{ cookiecutter.package_name }}.data.schema import load_schema

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


def test_openapi_is_the_schema(own: SimpleNamespace, own_api: SimpleNamespace) -> None:
    document = own_api.client.get("/openapi.json").json()
    schema = load_schema(own.config.paths.schema_)
    parts = document["components"]["schemas"]
    preprocessor = own.model.preprocessor
    assert set(parts["Row"]["properties"]) == {*preprocessor.columns, *preprocessor.passed_through}
    for name, column in own.model.preprocessor.columns.items():
        shown = parts["Row"]["properties"][name]
        assert schema.columns[name].description in shown["description"]
        assert (name in parts["Row"].get("required", ())) == (not column.may_be_missing)
        if column.on_unseen == "answer":
            continue
        limits = {name: part[name] for part in shown.get("anyOf", [shown]) for name in part}
        if column.is_number:
            for bound, limit in ((column.min, "minimum"), (column.max, "maximum")):
                assert bound is None or float(limits[limit]) == bound
    operation = document["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        assert own_api.client.post("/predict", json=example["value"]).status_code == 200
    assert set(operation["responses"]) >= {"200", "400", "401", "413", "422", "503"}
    for status, answer in operation["responses"].items():
        kind = "application/json" if status == "200" else "application/problem+json"
        assert list(answer["content"]) == [kind]
    assert "requestBody" in document["paths"]["/feedback"]["post"]
    assert own_api.client.get("/docs").status_code == 200
