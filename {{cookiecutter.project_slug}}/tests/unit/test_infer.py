"""`schema infer` on tables nobody has described, each then trained and evaluated with no edit."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import datasets
from typer.testing import CliRunner

from {{ cookiecutter.package_name }}.cli import app
from {{ cookiecutter.package_name }}.config import DEFAULT, load_config
from {{ cookiecutter.package_name }}.data import schema_inference as infer
from {{ cookiecutter.package_name }}.data.schema import Schema, load_schema
from {{ cookiecutter.package_name }}.data.statistics import Sample
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

N = 400
DRAW = np.random.default_rng(0)


def table() -> pl.DataFrame:
    """Ids, dates, text, gaps, a constant, a leak, odd names."""
    x = DRAW.normal(size=N)
    kind = DRAW.choice(["a", "b", "c"], N)
    start = datetime(2023, 1, 1)
    return pl.DataFrame(
        {
            "Kunden-Nr.": [f"K{i:05d}" for i in range(N)],
            "Datum": [
                (start + timedelta(hours=13 * i)).strftime("%d.%m.%Y %H:%M") for i in range(N)
            ],
            "Größe (cm)": [None if i % 9 == 0 else round(v, 3) for i, v in enumerate(x)],
            "a.b": kind,
            "n?": ["?" if i % 7 == 0 else str(i % 50) for i in range(N)],
            "Notiz": [f"Text {i} von {v:.3f} mit vielen Worten" for i, v in enumerate(x)],
            "fest": [1] * N,
            "danach": [3 * v + 2 for v in x + (kind == "a") + 0.0],
            "Umsatz €": [None if i % 11 == 0 else v for i, v in enumerate(x + (kind == "a") + 0.0)],
        }
    )


def inferred(frame: pl.DataFrame, target: str, separator: str = ",") -> Schema:
    frame.write_csv("table.csv", separator=separator)
    infer.run(Path("table.csv"), target, DEFAULT)
    return load_schema(Path("configs/schema.yml"))


def test_roles_types_and_gaps(folder: Path) -> None:
    schema = inferred(table(), "Umsatz €", ";")
    found = {name: (column.type, column.role) for name, column in schema.columns.items()}
    assert found == {
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
    config = load_config(environ={})
    assert config.task == "regression"
    assert config.split.by == "time"
    assert config.features.derived == ()


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 200, "classification"),
        ([True, False] * 200, "classification"),
        (["yes", "no"] * 200, "classification"),
        ([0.0, 1.0, 2.0, 1.0] * 100, "classification"),
        (list(range(400)), "regression"),
        ([i / 7 for i in range(400)], "regression"),
    ],
)
def test_task_follows_the_target(folder: Path, values: list[object], task: str) -> None:
    inferred(pl.DataFrame({"x": DRAW.normal(size=N), "y": values}), "y")
    assert load_config(environ={}).task == task


def test_former_files_are_kept(folder: Path) -> None:
    before = Path("configs/schema.yml").read_text(encoding="utf-8")
    Path("model_card.md").write_text("of the former data", encoding="utf-8")
    inferred(table(), "Umsatz €")
    assert Path("configs/schema.yml.bak").read_text(encoding="utf-8") == before
    assert Path("model_card.md.bak").read_text(encoding="utf-8") == "of the former data"
    inferred(table(), "Umsatz €")
    assert Path("configs/schema.yml.bak").read_text(encoding="utf-8") == before
    assert Path("configs/schema.yml.bak2").exists()


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (pl.DataFrame({"a": [1] * 30, "b": range(30)}), "no column 'y'"),
        (pl.DataFrame({"a": range(30), "y": ["x"] * 30}), "never varies"),
        (pl.DataFrame({"a": [1] * 30, "y": [0, 1] * 15}), "no column is left"),
        (pl.DataFrame({"__a": range(30), "y": [0, 1] * 15}), "must not start with __"),
        (pl.DataFrame({"a": [0.5] * 29 + [1], "y": [None] * 29 + [1.5]}), "only 1 rows"),
        (pl.DataFrame({"a": range(400), "y": [f"t{i}" for i in range(400)]}), "different texts"),
    ],
)
def test_hopeless_tables_are_refused(folder: Path, frame: pl.DataFrame, named: str) -> None:
    before = sorted(folder.rglob("*"))
    frame.write_csv("table.csv")
    with pytest.raises(UserError, match=named):
        infer.run(Path("table.csv"), "y", DEFAULT)
    assert sorted(folder.rglob("*")) == sorted([*before, folder / "table.csv"])


def test_duplicate_names_are_refused(folder: Path) -> None:
    Path("table.csv").write_text("a,a,y\n1,2,3\n", encoding="utf-8")
    with pytest.raises(UserError, match="same name"):
        infer.run(Path("table.csv"), "y", DEFAULT)


def test_type_that_fails_late_is_widened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sample, "__init__", small_sample)
    x = ["1"] * 3000
    x[2718] = "one"
    frame = pl.DataFrame({"x": x, "z": DRAW.normal(size=3000), "y": [0, 1, 1] * 1000})
    assert inferred(frame, "y").columns["x"].type == "category"


def small_sample(self: Sample) -> None:
    self.size, self.seed, self.rows = 50, 0, None


@pytest.mark.parametrize("target", ["Umsatz €", "a.b"])
def test_own_table_runs_from_ingest_to_evaluate(folder: Path, target: str) -> None:
    inferred(table(), target)
    update_yaml(DEFAULT, {"evaluate.bootstrap": 10, "train.params": {"n_estimators": 10}})
    result = CliRunner().invoke(app, ["all"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (folder / "artifacts/v0.1/report.html").stat().st_size > 10_000
    out = CliRunner().invoke(app, ["predict", "table.csv", "--out", "out.csv"])
    assert out.exit_code == 0, out.output
    written = pl.read_csv("out.csv")
    assert written["Kunden-Nr."].to_list() == [f"K{i:05d}" for i in range(N)]
    assert written["prediction"].null_count() == 0


def test_the_yes_is_named_and_comes_last(folder: Path) -> None:
    values = DRAW.permutation(["ja", "nein", "nein"] * 100)
    pl.DataFrame({"x": DRAW.normal(size=300), "y": values}).write_csv("table.csv")
    found = infer.run(Path("table.csv"), "y", DEFAULT)
    assert load_schema(found.schema).columns["y"].values == ("nein", "ja")
    assert any("'ja' counts as the yes" in note for note in found.notes)


def test_decimal_commas_are_named(folder: Path) -> None:
    frame = pl.DataFrame(
        {
            "size": [f"{v:.2f}".replace(".", ",") for v in DRAW.normal(size=N)],
            "x": DRAW.normal(size=N),
            "y": [0, 1] * (N // 2),
        }
    )
    frame.write_csv("table.csv", separator=";")
    notes = infer.run(Path("table.csv"), "y", DEFAULT).notes
    assert any("size" in note and "decimal comma" in note for note in notes)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_tables_of_scikit_learn(folder: Path, name: str) -> None:
    known = getattr(datasets, f"load_{name}")()
    columns = dict(zip(map(str, known.feature_names), known.data.T, strict=True))
    schema = inferred(pl.DataFrame(columns | {"target": known.target}), "target")
    task = "regression" if name == "diabetes" else "classification"
    assert load_config(environ={}).task == task
    assert not schema.leaks
    update_yaml(DEFAULT, {"evaluate.bootstrap": 10, "train.params": {"n_estimators": 20}})
    result = CliRunner().invoke(app, ["all"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "The model is better than the baseline" in result.output
