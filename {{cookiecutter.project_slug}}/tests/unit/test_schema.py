"""The schema file: a wrong one is named; what its types mean stands in one place."""

from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.data.schema import Column, Type, load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.features.operations import ValueKind


def test_shipped_schema_is_valid(folder: Path) -> None:
    schema = load_schema(folder / "configs/schema.yml")
    assert schema.target not in schema.features
    assert not set(schema.leaks) & set(schema.features)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("columns: {a: {type: float}}", "exactly one column must have role: target"),
        (
            "columns: {a: {type: float, role: target}}",
            "at least one column must have role: feature",
        ),
        ("columns: {a: {type: number}}", "columns.a.type"),
        ("columns: {a: {type: float, min: 2, max: 1}}", "min 2.0 is more than max 1.0"),
        ("columns: {a: {type: datetime, role: time}}", "role time needs"),
        ("columns: {a: {type: float, values: [1]}}", "`values` cannot be listed"),
        ("columns: {a: {type: category, min: 1}}", "does not fit"),
        ("columns: {a: {type: boolean, values: [yes, no]}}", "how the table writes false, then"),
        ("columns: {a: {type: boolean, values: [no]}}", "are two texts"),
        ("columns: {a: {type: boolean, values: [no, No]}}", "are two texts"),
    ],
)
def test_wrong_schemas_are_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "s.yml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_schema(tmp_path / "s.yml")
    assert named in str(caught.value)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("kind", "properties", "value_kind"),
    [
        ("integer", {"is_number", "is_integer"}, "number"),
        ("float", {"is_number", "is_float"}, "number"),
        ("boolean", {"is_boolean"}, "number"),
        ("category", {"is_text", "is_category"}, "text"),
        ("string", {"is_text"}, "text"),
        ("datetime", {"is_datetime"}, "datetime"),
    ],
)
def test_types_belong_together(kind: Type, properties: set[str], value_kind: ValueKind) -> None:
    column = Column(type=kind)
    names = [name for name in vars(Column) if name.startswith("is_")]
    assert {name for name in names if getattr(column, name)} == properties
    assert column.value_kind == value_kind
