"""`schema infer` on tables nobody has described, each then trained and evaluated with no edit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import datasets
from typer.testing import CliRunner

from {{ cookiecutter.package_name }}.cli import app
from {{ cookiecutter.package_name }}.config import DEFAULT, Config, load_config
from {{ cookiecutter.package_name }}.data import scaffold
from {{ cookiecutter.package_name }}.data.schema import Schema, class_labels, load_schema
from {{ cookiecutter.package_name }}.data.schema_inference import infer
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.features.known import FEATURES, Feature
from {{ cookiecutter.package_name }}.models.registry import find_version
from {{ cookiecutter.package_name }}.predict import batch
from {{ cookiecutter.package_name }}.predict.request_schema import RequestSchema
from {{ cookiecutter.package_name }}.predict.response import build_response
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

N = 400
DRAW = np.random.default_rng(0)
FAST: dict[str, Any] = {
    "evaluate.bootstrap": 10,
    "train.model": "gradient_boosting",
    "train.params": {"n_estimators": 15},
}
DAYS = [f"2024-01-{day:02}" for day in range(1, 31)]


def scaffolded(frame: pl.DataFrame, target: str, separator: str = ",") -> Schema:
    frame.write_csv("table.csv", separator=separator)
    scaffold.run(Path("table.csv"), target, DEFAULT)
    return load_schema(Path("configs/schema.yml"))


def test_schema_and_configuration_are_written(folder: Path, odd_table: pl.DataFrame) -> None:
    schema = scaffolded(odd_table, "Umsatz €", ";")
    assert schema == infer(Path("table.csv"), "Umsatz €").schema
    config = load_config(environ={})
    assert config.task == "regression"
    assert config.split.by == "time"
    assert config.features.derived == ()


def test_the_configured_task_follows_the_target(
    folder: Path, target_and_task: tuple[list[object], str]
) -> None:
    values, task = target_and_task
    scaffolded(pl.DataFrame({"x": DRAW.normal(size=N), "y": values}), "y")
    assert load_config(environ={}).task == task


def test_former_files_are_kept(folder: Path, odd_table: pl.DataFrame) -> None:
    before = Path("configs/schema.yml").read_text(encoding="utf-8")
    Path("model_card.md").write_text("of the former data", encoding="utf-8")
    scaffolded(odd_table, "Umsatz €")
    assert Path("configs/schema.yml.bak").read_text(encoding="utf-8") == before
    assert Path("model_card.md.bak").read_text(encoding="utf-8") == "of the former data"
    scaffolded(odd_table, "Umsatz €")
    assert Path("configs/schema.yml.bak").read_text(encoding="utf-8") == before
    assert Path("configs/schema.yml.bak2").exists()


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (pl.DataFrame({"a": [1] * 30, "b": range(30)}), "no column 'y'"),
        (pl.DataFrame({"a": range(30), "y": ["x"] * 30}), "never varies"),
        (pl.DataFrame({"a": [1] * 30, "y": [0, 1] * 15}), "no column is left"),
        (pl.DataFrame({"t": DAYS, "y": range(30)}), "left to learn from but 't', along which"),
        (pl.DataFrame({"__a": range(30), "y": [0, 1] * 15}), "must not start with __"),
        (pl.DataFrame({"a": [0.5] * 29 + [1], "y": [None] * 29 + [1.5]}), "only 1 rows"),
        (pl.DataFrame({"a": range(400), "y": [f"t{i}" for i in range(400)]}), "different texts"),
    ],
)
def test_hopeless_tables_are_refused(folder: Path, frame: pl.DataFrame, named: str) -> None:
    before = sorted(folder.rglob("*"))
    frame.write_csv("table.csv")
    with pytest.raises(UserError, match=named):
        scaffold.run(Path("table.csv"), "y", DEFAULT)
    assert sorted(folder.rglob("*")) == sorted([*before, folder / "table.csv"])


def test_decisions_state_numbers_that_hold(folder: Path, odd_table: pl.DataFrame) -> None:
    scaffolded(odd_table, "Umsatz €")
    text = Path("EDA_DECISIONS.md").read_text(encoding="utf-8")
    assert "## ED-01: `Kunden-Nr.` is an id and no feature" in text
    assert "`fest` is left out" in text
    share = 1 - odd_table["Größe (cm)"].null_count() / N
    assert "`Größe (cm)` stays a feature though it has gaps" in text
    assert f"Value: {share:.4g}\nThreshold: >= 0.8" in text


@pytest.mark.slow
@pytest.mark.parametrize("target", ["Umsatz €", "a.b"])
def test_own_table_runs_from_ingest_to_evaluate(
    folder: Path, odd_table: pl.DataFrame, target: str
) -> None:
    scaffolded(odd_table, target)
    update_yaml(DEFAULT, FAST)
    result = CliRunner().invoke(app, ["all"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (folder / "artifacts/v0.1/report.html").stat().st_size > 10_000
    out = CliRunner().invoke(app, ["predict", "table.csv", "--out", "out.csv"])
    assert out.exit_code == 0, out.output
    written = pl.read_csv("out.csv")
    assert written["Kunden-Nr."].to_list() == [f"K{i:05d}" for i in range(N)]
    assert written["prediction"].null_count() == 0


@pytest.mark.parametrize(
    "word", ["??", "? x", "?", ":", ": ~", "-", "- a", "~", "#", "&a", "a: b", "'", '"']
)
def test_any_word_can_be_read_again(folder: Path, word: str) -> None:
    """As a value and as a column's name."""
    table = {f"{word}n": [word, "b", "c"] * 100, "x": DRAW.normal(size=300)}
    schema = scaffolded(pl.DataFrame(table | {"y": ["no", "yes"] * 150}), "y")
    assert word in (schema.columns[f"{word}n"].values or ())


def test_the_positive_class_is_named_and_comes_last(folder: Path) -> None:
    values = DRAW.permutation(["ja", "nein", "nein"] * 100)
    pl.DataFrame({"x": DRAW.normal(size=300), "y": values}).write_csv("table.csv")
    written = scaffold.run(Path("table.csv"), "y", DEFAULT)
    assert load_schema(written.schema).columns["y"].values == ("nein", "ja")
    assert any("'ja' counts as the yes" in note for note in written.notes)


@pytest.mark.slow
@pytest.mark.parametrize("words", [("no", "yes"), ("N", "Y"), ("FALSE", "TRUE"), (0, 1)])
def test_the_labels_of_a_yes_or_no_come_back(
    folder: Path, run_all: Callable[[Config], Any], words: tuple[Any, Any]
) -> None:
    """In batch files and in the API, as the table wrote them."""
    x = DRAW.normal(size=N)
    y = [words[int(value > 0)] for value in x]
    paid = [words[int(value > 0)] for value in DRAW.normal(size=N)]
    table = pl.DataFrame({"nr": [f"c{i}" for i in range(N)], "x": x + DRAW.normal(size=N)})
    schema = scaffolded(table.with_columns(paid=pl.Series(paid), y=pl.Series(y)), "y")
    assert class_labels(schema.columns["y"]) == tuple(map(str, words))
    update_yaml(DEFAULT, FAST)
    evaluation = run_all(load_config(environ={}))
    assert evaluation.classes == tuple(map(str, words))
    model = find_version(Path("models"), None)
    batch.run(model, Path("table.csv"), Path("out.csv"))
    out = pl.read_csv("out.csv", infer_schema=False)
    assert set(out["prediction"]) == set(map(str, words))
    assert out.columns[2:] == [*(f"probability_{word}" for word in words), "warnings"]
    request_schema = RequestSchema(
        model.preprocessor.columns, 10, model.preprocessor.passed_through
    )
    line = {"nr": "c0", "x": table["x"][0], "paid": paid[0]}
    rows, _ = request_schema.read(json.dumps(line).encode())
    (answer,) = build_response(model, rows, lambda *_: "")
    assert answer["prediction"] == out["prediction"][0]
    assert answer["ids"] == {"nr": "c0"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_tables_of_scikit_learn(folder: Path, name: str) -> None:
    known = getattr(datasets, f"load_{name}")()
    columns = dict(zip(map(str, known.feature_names), known.data.T, strict=True))
    schema = scaffolded(pl.DataFrame(columns | {"target": known.target}), "target")
    task = "regression" if name == "diabetes" else "classification"
    assert load_config(environ={}).task == task
    assert not schema.leaks
    update_yaml(DEFAULT, FAST)
    result = CliRunner().invoke(app, ["all"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "The model is better than the baseline" in result.output


def test_features_whose_columns_are_there_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Feature("kept", ("x",), "number", lambda x: x * 2)
    for one in (kept, Feature("gone", ("elsewhere",), "number", lambda x: x * 2)):
        monkeypatch.setitem(FEATURES, one.name, one)
    update_yaml(DEFAULT, {"features.derived": ["kept", "gone"]})
    pl.DataFrame({"x": DRAW.normal(size=N), "y": DRAW.normal(size=N)}).write_csv("table.csv")
    written = scaffold.run(Path("table.csv"), "y", DEFAULT)
    assert load_config(environ={}).features.derived == ("kept",)
    assert any("left out" in note and "gone" in note for note in written.notes)
