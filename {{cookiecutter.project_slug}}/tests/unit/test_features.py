"""The derived features of this project: one definition, equal on tables and on single rows."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.features.known import FEATURES, Feature
from {{ cookiecutter.package_name }}.features.operations import ValueKind
from {{ cookiecutter.package_name }}.features.registry import feature

HoldEqual = Callable[[Feature, dict[str, str], list[dict[str, Any]]], None]
RowOf = Callable[[dict[str, str]], st.SearchStrategy[dict[str, Any]]]
KINDS: dict[ValueKind, str] = {"number": "float", "text": "category", "datetime": "datetime"}


def type_that_fits(feature: Feature, column: str) -> str:
    """Return the first type with which the feature can be computed for this column."""
    others = [name for name in feature.columns if name != column]
    for kind, *rest in product(KINDS, repeat=len(feature.columns)):
        try:
            feature.row_function({column: kind, **dict(zip(others, rest, strict=True))})
        except TypeError:
            continue
        return KINDS[kind]
    raise AssertionError(f"feature {feature.name} fits no type of column {column}")


@pytest.mark.parametrize("name", sorted(FEATURES))
@given(data=st.data())
def test_a_table_and_a_row_give_the_same_feature(
    name: str, data: st.DataObject, hold_equal: HoldEqual, row_of: RowOf
) -> None:
    feature = FEATURES[name]
    types = {column: type_that_fits(feature, column) for column in feature.columns}
    hold_equal(feature, types, data.draw(st.lists(row_of(types), min_size=1, max_size=20)))


def of_row(feature: Feature, row: dict[str, Any]) -> float | str | None:
    """Return the feature of one row, whose values tell what its columns hold."""
    known: dict[type, ValueKind] = {str: "text", datetime: "datetime"}
    kinds = {name: known.get(type(value), "number") for name, value in row.items()}
    result: float | str | None = feature.row_function(kinds)(row)
    return result


MOMENT = datetime(2013, 12, 25, 18, 30)
SHIPPED: dict[str, tuple[dict[str, Any], float | str]] = {
    "departure_hour_sin": ({"scheduled_departure": MOMENT}, -1.0),
    "weekday": ({"scheduled_departure": MOMENT}, "Wed"),
    "month_cos": ({"scheduled_departure": MOMENT}, 1.0),
    "route": ({"origin": "JFK", "dest": "LAX"}, "JFK-LAX"),
    "scheduled_duration": ({"departure_minute": 1380, "arrival_minute": 60}, 120.0),
    "wind_east": ({"wind_speed": 10, "wind_dir": 270}, 10.0),
    "wind_north": ({"wind_speed": 10, "wind_dir": 270}, 0.0),
}


@pytest.mark.parametrize("name", [name for name in SHIPPED if name in FEATURES])
def test_known_values_of_the_shipped_features(name: str) -> None:
    """Those that are still there."""
    row, expected = SHIPPED[name]
    value = of_row(FEATURES[name], row)
    assert value == (expected if isinstance(expected, str) else pytest.approx(expected, abs=1e-12))


def test_column_names_that_are_no_identifiers(hold_equal: HoldEqual) -> None:
    feature = Feature("ad_hoc", ("Größe in m",), "number", lambda a: a * 2)
    hold_equal(feature, {"Größe in m": "float"}, [{"Größe in m": 1.5}])


def twice(a: Any) -> Any:
    """A feature of this test."""
    return a * 2


def test_mistakes_in_a_definition_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FEATURES, "twice", Feature("twice", ("a",), "number", twice))
    with pytest.raises(ValueError, match="two features are named twice"):
        feature()(twice)
    with pytest.raises(ValueError, match="takes 1 columns"):
        feature(columns=("a", "b"))(lambda a: a)
    with pytest.raises(ValueError, match='kind is "number" or "category", not \'text\''):
        feature(kind="text")(lambda a: a)  # type: ignore[arg-type]  # the mistake


def test_single_rows_need_no_polars() -> None:
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "import {{ cookiecutter.package_name }}.features.known\n"
        "from {{ cookiecutter.package_name }}.features import helpers\n"
        "from {{ cookiecutter.package_name }}.features.registry import Feature\n"
        "pair = Feature('pair', ('a', 'b'), 'category', lambda a, b: helpers.join('-', a, b))\n"
        "print(pair.row_function({'a': 'text', 'b': 'text'})({'a': 'JFK', 'b': 'LAX'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "JFK-LAX", done.stderr
