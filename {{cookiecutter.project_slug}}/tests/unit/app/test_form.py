"""The form: its fields are the schema's, and what is typed becomes what the API reads."""

from typing import Any

import pytest

from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.predict.request_schema import InvalidError

from app.demo import Demo
from app.form import MISSING, json_value, missing_text, shown


def test_form_has_the_columns_of_a_request(own_demo: Demo) -> None:
    fields = {field.name: field for field in own_demo.fields()}
    assert list(fields) == list(own_demo.request_schema.columns)
    for name, column in own_demo.request_schema.columns.items():
        field = fields[name]
        assert (field.missing is not None) == column.may_be_missing
        assert column.description in field.help
        assert (column.unit or "") in field.help
        if column.is_boolean:
            assert field.closed
            assert field.choices == ("yes", "no")
        elif column.is_text and column.values is not None:
            assert field.closed
            assert field.choices == tuple(map(str, column.values))
        if column.type in ("integer", "float"):
            edges = [edge for edge in (column.min, column.max) if edge is not None]
            assert all(shown(edge) in field.help for edge in edges)


def test_categories_without_a_list_are_those_of_training(odd: Demo) -> None:
    preprocessor = odd.model().preprocessor
    levels = {
        item.name: set(item.levels) for item in preprocessor.inputs if item.kind == "category"
    }
    fields = {field.name: field for field in odd.fields()}
    assert levels
    for name, known in levels.items():
        assert set(fields[name].choices) == known
        assert fields[name].missing not in known


def test_every_mistake_is_named_at_its_field(odd: Demo) -> None:
    bad = {"integer": "1.5", "number": "much", "datetime": "soon", "boolean": "perhaps"}
    fields = odd.fields()
    typed = {field.name: bad.get(field.kind, field.start) for field in fields}
    with pytest.raises(InvalidError) as refused:
        odd.predict(typed)
    expected = [field.name for field in fields if field.kind in bad]
    assert len(expected) == len(bad)
    assert [mistake.field for mistake in refused.value.mistakes] == expected


def test_an_empty_field_is_missing(own_demo: Demo) -> None:
    columns = own_demo.request_schema.columns
    needed = [name for name, column in columns.items() if not column.may_be_missing]
    empty = [name for name, column in columns.items() if column.may_be_missing]
    start = {field.name: field.start for field in own_demo.fields()}
    prediction = own_demo.predict(start | dict.fromkeys(empty, ""))
    assert [prediction.row[name] for name in empty] == [None] * len(empty)
    if needed:
        with pytest.raises(InvalidError, match="is missing"):
            own_demo.predict(start | {needed[0]: " "})


@pytest.mark.parametrize(
    ("kind", "typed", "sent"),
    [
        ("float", " 2.50 ", 2.5),
        ("float", "2,5", "2,5"),
        ("float", "NaN", "NaN"),
        ("float", "1e999", "1e999"),
        ("integer", "3.0", 3.0),
        ("integer", "true", "true"),
        ("boolean", "yes", True),
        ("boolean", "Yes!", "Yes!"),
        ("datetime", "2024-02-29 08:30", "2024-02-29 08:30:00"),
        ("datetime", "2024-02-29T08:30:59", "2024-02-29T08:30:59"),
        ("datetime", "2024-02-29", "2024-02-29T00:00:00"),
        ("string", " as typed ", " as typed "),
        ("string", MISSING, None),
        ("string", "", None),
    ],
)
def test_typed_text_becomes_what_a_caller_would_send(kind: Any, typed: str, sent: Any) -> None:
    value = json_value(Column(type=kind), typed)
    assert value == sent
    assert type(value) is type(sent)


def test_the_text_for_missing_is_no_value() -> None:
    assert missing_text(("a", MISSING)) not in ("a", MISSING)
