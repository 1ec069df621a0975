"""What-ifs: their values are valid, and their predictions are those of the page."""

from datetime import datetime
from typing import Any

import pytest

from {{ cookiecutter.package_name }}.data.schema import Column

from app.demo import Demo
from app.form import MISSING, form_values, make_field, shown
from app.what_if import POINTS, Change, grid


def test_what_ifs_predict_valid_rows_with_one_value_changed(odd: Demo) -> None:
    row = odd.examples()[0]
    prediction = odd.predict(form_values(row))
    changes = odd.changes()
    assert {change.column for change in changes} == set(odd.request_schema.columns)
    fields = {field.name: field for field in odd.fields()}
    for change in changes:
        what_if = odd.what_if(prediction, change)
        assert what_if is not None
        assert 1 < len(what_if.values) <= POINTS
        for value, predicted in zip(what_if.values, what_if.predicted, strict=True):
            missing = fields[change.column].missing or ""
            typed = shown(value, missing) if value is None else shown(value)
            if fields[change.column].missing is None and typed == MISSING:
                continue  # means an empty field there
            again = odd.predict(form_values(row) | {change.column: typed})
            assert again.row == prediction.row | {change.column: value}
            assert again.result["probabilities"][what_if.label] == pytest.approx(
                predicted, abs=1e-6
            )


@pytest.mark.parametrize(
    ("step", "column", "current"),
    [
        ("value", Column(type="integer", min=1, max=3), 2),
        ("value", Column(type="float", min=0, max=1), None),
        ("hour", Column(type="datetime", min=datetime(2024, 1, 1, 9)), datetime(2024, 1, 1, 12)),
        ("day", Column(type="datetime", max=datetime(2024, 1, 9)), datetime(2024, 1, 1, 12)),
        ("day", Column(type="datetime"), datetime(1, 1, 2)),
    ],
)
def test_what_ifs_stay_in_range(step: Any, column: Any, current: Any, demo: Demo) -> None:
    values = grid(Change("x", step), current, column, demo.model().preprocessor)
    assert values == sorted(set(values))
    assert 1 < len(values) <= POINTS
    assert all(column.min is None or value >= column.min for value in values)
    assert all(column.max is None or value <= column.max for value in values)


def test_a_missing_date_has_no_other_hours(demo: Demo) -> None:
    column = Column(type="datetime")
    assert grid(Change("x", "hour"), None, column, demo.model().preprocessor) == []


def test_listed_numbers_are_typed_and_compared(demo: Demo) -> None:
    column = Column(type="integer", values=(3, 1, 2))
    preprocessor = demo.model().preprocessor
    assert not make_field("x", column, preprocessor, 1).closed
    assert sorted(grid(Change("x", "value"), 2, column, preprocessor), key=str) == [
        1,
        2,
        3,
        None,
    ]
