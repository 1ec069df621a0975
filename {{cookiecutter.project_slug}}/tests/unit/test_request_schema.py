"""Request bodies: the fast check and the full one agree, whatever columns are called."""

import json
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.data.checks import row_problems
from {{ cookiecutter.package_name }}.data.column_types import DTYPES
from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.data.written import NumberFormat
from {{ cookiecutter.package_name }}.predict.request_schema import (
    InvalidError,
    RequestSchema,
)

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


def test_fast_and_full_checks_agree(own_api: SimpleNamespace) -> None:
    """What msgspec refuses pydantic explains, and what it accepts pydantic accepts."""
    request_schema = own_api.service.served().request_schema
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
        "2024-01-01 00:00",
        "2024-01-01T00:00+02:00",
        "2024-1-1",
        2**63,
        [],
        {},
    ]
    for name in (*request_schema.columns, *request_schema.ids):
        for value in odd:
            body = json.dumps({**good, name: value}).encode()
            fast = own_api.client.post("/predict", content=body).status_code == 200
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


@pytest.mark.parametrize(
    "column",
    [
        Column(type="float", min=0.0011, max=0.0014),
        Column(type="float", min=1e30),
        Column(type="integer", min=-1.8e19, max=1.8e19),
        Column(type="integer", min=2.0**62, max=2.0**63),
    ],
)
def test_the_example_of_any_range_is_accepted(column: Column) -> None:
    request_schema = RequestSchema({"n": column}, 10)
    row = request_schema.example_row()
    assert request_schema.read(json.dumps(row).encode())[0] == [row]
    assert _accepted(request_schema.model, row)


def test_a_body_of_mistakes_is_not_read_to_its_end() -> None:
    request_schema = RequestSchema({"n": Column(type="integer")}, 1000)
    body = json.dumps([{f"x{i}": 1 for i in range(110)}] * 1000).encode()
    validate, explained = request_schema.model.model_validate, []

    def count(row: dict[str, Any]) -> None:
        explained.append(row)
        validate(row)

    request_schema.__dict__["model"] = SimpleNamespace(model_validate=count)
    with pytest.raises(InvalidError) as refused:
        request_schema.read(body)
    assert len(refused.value.mistakes) == 100
    assert len(explained) <= 1, "rows after the first hundred mistakes need no explanation"


@pytest.mark.parametrize(
    "text",
    ["2013-07-01T08:30", "2013-07-01 08:30", "2013-07-01T08:30:00", "2013-07-01T10:30+02:00"],
)
def test_a_moment_needs_no_seconds(text: str) -> None:
    request_schema = RequestSchema({"when": Column(type="datetime", nullable=False)}, 10)
    body = json.dumps({"when": text}).encode()
    assert request_schema.read(body)[0] == [{"when": datetime(2013, 7, 1, 8, 30)}]
    assert _accepted(request_schema.model, {"when": text})
    midnight = request_schema.read(b'{"when": "2013-07-01"}')[0]
    assert midnight == [{"when": datetime(2013, 7, 1)}]


def test_a_boolean_may_be_written_as_in_the_table() -> None:
    columns = {
        "paid": Column(type="boolean", values=("No", "Yes")),
        "plain": Column(type="boolean"),
    }
    request_schema = RequestSchema(columns, 10)
    for written, meaning in [("Yes", True), ("No", False), (True, True), (False, False)]:
        row = {"paid": written, "plain": True}
        read = request_schema.read(json.dumps([row, {}]).encode())[0]
        assert read == [row | {"paid": meaning}, {"paid": None, "plain": None}]
        assert _accepted(request_schema.model, row)
    for wrong in ({"paid": "maybe"}, {"paid": 1}, {"paid": "yes "}, {"plain": "Yes"}):
        with pytest.raises(InvalidError):
            request_schema.read(json.dumps(wrong).encode())
        assert not _accepted(request_schema.model, wrong)
    with pytest.raises(InvalidError, match="paid: must be true, false or as the table has it"):
        request_schema.read(b'{"paid": "y"}')


@pytest.mark.parametrize("number", ["K-1", 17, 2.5, None])
def test_ids_come_along(number: object) -> None:
    columns = {"n": Column(type="float", nullable=False)}
    request_schema = RequestSchema(columns, 10, ("Kunden-Nr.", 'odd "id"', "n"))
    row = {"n": 1.0, "Kunden-Nr.": number, 'odd "id"': "x"}
    assert request_schema.read(json.dumps([row, {"n": 1}]).encode())[0] == [row, {"n": 1.0}]
    assert _accepted(request_schema.model, row)
    with pytest.raises(InvalidError, match="must be a text or a number"):
        request_schema.read(b'{"n": 1, "Kunden-Nr.": [1]}')
    with pytest.raises(InvalidError, match="customer: is not a column of this model"):
        request_schema.read(b'{"n": 1, "customer": 1}')


def test_ids_are_answered(own_api: SimpleNamespace, own: SimpleNamespace) -> None:
    row = own_api.service.served().request_schema.example_row()
    ids = {name: f"{name} 1" for name in own.model.preprocessor.passed_through}
    several = own_api.client.post("/predict", json=[row, row | ids]).json()["predictions"]
    assert "ids" not in several[0]
    assert several[1].get("ids", {}) == ids
    one = own_api.client.post("/predict", json=row | ids).json()
    assert one.get("ids", {}) == ids
    assert one["prediction"] == several[0]["prediction"]


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


def test_a_moment_lies_in_its_range() -> None:
    first, last = datetime(2013, 1, 1), datetime(2013, 12, 31)
    column = Column(type="datetime", nullable=False, min=first, max=last)
    request_schema = RequestSchema({"when": column}, 10)
    assert request_schema.read(b'{"when": "2013-12-31T00:00:00Z"}')[0] == [{"when": last}]
    assert request_schema.example_row() == {"when": first.isoformat()}
    body = b'[{"when": "2012-12-31T00:00:00"}, {"when": "2014-01-01T00:00:00"}]'
    with pytest.raises(InvalidError) as caught:
        request_schema.read(body)
    assert [one.field for one in caught.value.mistakes] == ["0.when", "1.when"]
    assert not _accepted(request_schema.model, {"when": "2014-01-01T00:00:00"})
    described = request_schema.model.model_json_schema()["properties"]["when"]["description"]
    assert str(first) in described
    assert str(last) in described


ANSWERING = {
    "n": Column(type="integer", nullable=False, min=0, max=9, on_unseen="answer"),
    "x": Column(type="float", min=-1.5, on_unseen="answer"),
    "kind": Column(type="category", values=("a", "b"), on_unseen="answer"),
    "when": Column(type="datetime", max=datetime(2024, 1, 31), on_unseen="answer"),
    "strict": Column(type="float", max=1, on_unseen="refuse"),
}


@given(
    row=st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-5, 15),
            "x": st.none() | st.floats(-3, 3),
            "kind": st.none() | st.sampled_from(["a", "b", "c", ""]),
            "when": st.none() | st.sampled_from([datetime(2024, 1, 1), datetime(2024, 2, 1)]),
            "strict": st.none() | st.floats(0, 1),
        }
    )
)
def test_a_row_is_warned_as_in_files(row: dict[str, Any]) -> None:
    request_schema = RequestSchema(ANSWERING, 10)
    body = json.dumps(row, default=lambda moment: moment.isoformat()).encode()
    (read,), _ = request_schema.read(body)
    assert read == row
    said = [f"{one['field']}: {one['rule']}" for one in request_schema.warnings(read)]
    typed = pl.DataFrame([row], schema={name: DTYPES[c.type] for name, c in ANSWERING.items()})
    refused, warned = row_problems(typed, {}, ANSWERING)
    assert refused[0] is None
    assert sorted(said) == sorted((warned[0] or "").split("; ") if warned[0] else [])


def test_a_request_may_be_written_as_its_table_is() -> None:
    """Only of the columns that say so, and a number outside of its range stays outside."""
    columns = {
        "price": Column(
            type="float",
            max=5000,
            number_format=NumberFormat(strip=("€",), thousands=".", decimal=","),
        ),
        "visits": Column(type="integer", number_format=NumberFormat(thousands=",")),
        "town": Column(type="category", values=("bonn", "ulm"), normalize=True),
        "street": Column(type="category", normalize=True),
        "plain": Column(type="float"),
    }
    request_schema = RequestSchema(columns, 10)
    plain = {"price": 1234.5, "visits": 12000, "town": "bonn", "street": "am markt", "plain": 1.5}
    texts = {"price": "1.234,50 €", "visits": "12,000", "town": " Bonn", "street": "Am  Markt "}
    for row in (plain, plain | texts):
        assert request_schema.read(json.dumps([row]).encode())[0] == [plain]
        assert _accepted(request_schema.model, row)
    for wrong in (
        {"price": "5.001 €"},
        {"price": "1,234.5"},
        {"visits": "1.5"},
        {"town": "Trier"},
        {"plain": "1.5"},
    ):
        with pytest.raises(InvalidError):
            request_schema.read(json.dumps(wrong).encode())
        assert not _accepted(request_schema.model, wrong)
    shape = request_schema.model.model_json_schema()["properties"]["price"]["anyOf"]
    assert {"type": "string", "description": "written as 1.234,5 €"} in shape


def test_wrong_types_are_refused_all_the_same() -> None:
    request_schema = RequestSchema(ANSWERING, 10)
    for wrong in ({"n": 1.5}, {"n": "1"}, {"kind": 3}, {"when": "soon"}, {"strict": 2}, {"m": 1}):
        with pytest.raises(InvalidError):
            request_schema.read(json.dumps(wrong).encode())
        assert not _accepted(request_schema.model, wrong)
    assert request_schema.read(b"{}")[0] == [dict.fromkeys(ANSWERING)]
