"""From tables nobody has described to schemas: types, roles, ranges, gaps."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from {{ cookiecutter.package_name }}.data.schema_inference import InferredSchema, infer
from {{ cookiecutter.package_name }}.data.statistics import Sample
from {{ cookiecutter.package_name }}.errors import UserError

N = 400
DRAW = np.random.default_rng(0)


def inferred(frame: pl.DataFrame, target: str, separator: str = ",") -> InferredSchema:
    frame.write_csv("table.csv", separator=separator)
    return infer(Path("table.csv"), target)


def test_roles_types_and_gaps(folder: Path, odd_table: pl.DataFrame) -> None:
    schema = inferred(odd_table, "Umsatz €", ";").schema
    types = {name: (column.type, column.role) for name, column in schema.columns.items()}
    assert types == {
        "Kunden-Nr.": ("string", "id"),
        "Datum": ("datetime", "time"),
        "Größe (cm)": ("float", "feature"),
        "a.b": ("category", "feature"),
        "n?": ("integer", "feature"),
        "Notiz": ("string", "ignore"),
        "fest": ("integer", "ignore"),
        "danach": ("float", "leak"),
        "Umsatz €": ("float", "target"),
    }
    assert schema.columns["Datum"].format == "%d.%m.%Y %H:%M"
    assert schema.columns["a.b"].values == ("a", "b", "c")
    assert schema.columns["Größe (cm)"].nullable
    assert not schema.columns["a.b"].nullable
    assert "?" in schema.null_values


def test_task_follows_the_target(folder: Path, target_and_task: tuple[list[object], str]) -> None:
    values, task = target_and_task
    assert inferred(pl.DataFrame({"x": DRAW.normal(size=N), "y": values}), "y").task == task


def test_duplicate_names_are_refused(folder: Path) -> None:
    Path("table.csv").write_text("a,a,y\n1,2,3\n", encoding="utf-8")
    with pytest.raises(UserError, match="same name"):
        infer(Path("table.csv"), "y")


def test_type_that_fails_late_is_widened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sample, "__init__", small_sample)
    x = ["1"] * 3000
    x[2718] = "one"
    frame = pl.DataFrame({"x": x, "z": DRAW.normal(size=3000), "y": [0, 1, 1] * 1000})
    assert inferred(frame, "y").schema.columns["x"].type == "category"


def small_sample(self: Sample) -> None:
    self.size, self.seed, self.rows = 50, 0, None


def test_numbers_as_people_write_them(folder: Path) -> None:
    size, visits = DRAW.normal(9, 1, N), DRAW.integers(1000, 9_000_000, N)
    words = {5: "unknown", 77: "?", 300: "see note"}
    frame = pl.DataFrame(
        {
            "size": [f"{v:.2f} m".replace(".", ",") for v in size],
            "visits": [words.get(i, f"{v:,}") for i, v in enumerate(visits)],
            "town": [("Bonn", "bonn ", "Ulm", "Trier")[i % 4] for i in range(N)],
            "y": [0, 1] * (N // 2),
        }
    )
    found = inferred(frame, "y", ";")
    columns = found.schema.columns
    assert [(name, one.type, one.role) for name, one in columns.items()][:3] == [
        ("size", "float", "feature"),
        ("visits", "integer", "feature"),
        ("town", "category", "feature"),
    ]
    assert columns["visits"].null_values == ("?", "see note", "unknown")
    assert columns["visits"].nullable
    assert found.sample["visits"].null_count() == len(words)
    assert columns["town"].normalize
    assert columns["town"].values == ("bonn", "trier", "ulm")
    assert found.notes == [
        "size: numbers written as 1234,5 m",
        "visits: numbers written as 1,234.5; 3 words among the numbers count as missing "
        "(row 6: 'unknown', row 78: '?', row 301: 'see note')",
        "town: differ by case or blanks only, and are read as one: 'Bonn' = 'bonn '",
    ]


def test_a_word_that_comes_late_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sample, "__init__", small_sample)
    x = [str(i % 90) for i in range(3000)]
    x[2718] = "unknown"
    frame = pl.DataFrame({"x": x, "z": DRAW.normal(size=3000), "y": [0, 1, 1] * 1000})
    column = inferred(frame, "y").schema.columns["x"]
    assert (column.type, column.null_values) == ("integer", ("unknown",))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_no_honest_column_is_a_leak(folder: Path, name: str) -> None:
    known = getattr(datasets, f"load_{name}")()
    columns = dict(zip(map(str, known.feature_names), known.data.T, strict=True))
    assert not inferred(pl.DataFrame(columns | {"target": known.target}), "target").schema.leaks
