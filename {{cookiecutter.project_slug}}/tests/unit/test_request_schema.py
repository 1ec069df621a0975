"""Request bodies: the fast check and the full one agree, whatever columns are called."""

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.predict.request_schema import (
    InvalidError,
    RequestSchema,
)

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


def test_fast_and_full_checks_agree(trained: SimpleNamespace, api: SimpleNamespace) -> None:
    """What msgspec refuses pydantic explains, and what it accepts pydantic accepts."""
    request_schema = api.service.served().request_schema
    good = request_schema.example_row()
    odd: list[Any] = [
        None,
        True,
        0,
        -1,
        1.5,
        1e30,
        "",
        "x",
        "2024-01-01",
        "2024-01-01T00:00",
        [],
        {},
    ]
    for name in request_schema.columns:
        for value in odd:
            body = json.dumps({**good, name: value}).encode()
            fast = api.client.post("/predict", content=body).status_code == 200
            assert fast == _accepted(request_schema.model, {**good, name: value}), (name, value)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_beyond_the_calendar_is_named(moment: str) -> None:
    request_schema = RequestSchema({"when": Column(type="datetime")}, 10)
    with pytest.raises(InvalidError, match="years 1 to 9999") as refused:
        request_schema.read(json.dumps([{}, {"when": moment}]).encode())
    assert [mistake.field for mistake in refused.value.mistakes] == ["1.when"]


def test_a_whole_number_fits_a_column() -> None:
    request_schema = RequestSchema({"n": Column(type="integer")}, 10)
    for value in (2**63 - 1, -(2**63)):
        assert request_schema.read(json.dumps({"n": value}).encode())[0] == [{"n": value}]
        _accepted(request_schema.model, {"n": value})
    for value in (2**63, 10**30, 10**400):
        with pytest.raises(InvalidError):
            request_schema.read(b'{"n": %d}' % value)
        assert not _accepted(request_schema.model, {"n": value})


def test_a_body_of_mistakes_is_not_read_to_its_end() -> None:
    request_schema = RequestSchema({"n": Column(type="integer")}, 1000)
    body = json.dumps([{f"x{i}": 1 for i in range(110)}] * 1000).encode()
    start = time.process_time()
    with pytest.raises(InvalidError) as refused:
        request_schema.read(body)
    assert len(refused.value.mistakes) == 100
    assert time.process_time() - start < 0.3


def test_columns_may_be_called_anything() -> None:
    names = ["plain", 'wei"rd', "back\\slash", "ta\tb", "f1", "Größe 🚀"]
    columns = {name: Column(type="float", nullable=False, max=9) for name in names}
    request_schema = RequestSchema(columns, 10)
    row = {name: float(i) for i, name in enumerate(names)}
    assert request_schema.read(json.dumps(row).encode()) == ([row], False)
    assert request_schema.read(json.dumps([row, row]).encode()) == ([row, row], True)
    with pytest.raises(InvalidError) as refused:
        request_schema.read(json.dumps({**row, 'wei"rd': 10, "f2": 1}).encode())
    assert {mistake.field for mistake in refused.value.mistakes} == {'wei"rd', "f2"}


def _accepted(model: Any, values: dict[str, Any]) -> bool:
    try:
        model.model_validate_json(json.dumps(values))
    except ValueError:
        return False
    return True
