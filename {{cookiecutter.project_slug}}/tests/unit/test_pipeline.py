"""Preprocessing: fitted on the training rows only, whole or not at all."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.preprocess import pipeline, processed

Make = Callable[..., Config]
Sets = Callable[[Config], dict[str, pl.DataFrame]]


def test_rows_without_target_are_counted_and_left_out(project: Make, frame: pl.DataFrame) -> None:
    gaps = frame.with_columns(pl.when(pl.int_range(frame.height) % 10 > 0).then("y").alias("y"))
    config = project(gaps, "y")
    ingest.run(config)
    summary = pipeline.run(config)
    assert summary.missing_target == frame.height // 10
    assert sum(summary.rows.values()) == frame.height - frame.height // 10


def test_fitted_on_training_rows_only(project: Make, frame: pl.DataFrame, sets: Sets) -> None:
    late = pl.col("when") >= datetime(2024, 1, 20)
    changed = frame.with_columns(
        x=pl.when(late).then(pl.col("x") + 100).otherwise("x"),
        team=pl.when(late).then(pl.lit("late team")).otherwise("team"),
    )
    config = project(
        changed, "y", **{"split.val_from": "2024-01-20", "split.test_from": "2024-01-23"}
    )
    parts = sets(config)
    preprocessor, _ = processed.load(config.paths.processed)
    inputs = {item.name: item for item in preprocessor.inputs}
    train = frame.filter(~late)
    assert "late team" not in inputs["team"].levels
    assert inputs["x"].mean == pytest.approx(train["x"].mean())
    assert inputs["x"].median == pytest.approx(train["x"].median())
    assert inputs["x"].std == pytest.approx(train["x"].std())
    assert parts["test"]["team"].is_nan().all()


@pytest.mark.parametrize("batch_rows", [1, 7, 10_000])
def test_result_does_not_depend_on_batches(
    project: Make, frame: pl.DataFrame, sets: Sets, batch_rows: int
) -> None:
    frame = frame.head(120)
    config = project(frame, "y", **{"data.batch_rows": batch_rows})
    parts = sets(config)
    expected = frame["x"].cast(pl.Float32).to_list()
    written = pl.concat(parts.values()).sort("__row")["x"].to_list()
    assert written == expected


@pytest.mark.parametrize("batch_rows", [1, 7, 59])
def test_numbers_in_a_text_column_are_written_alike_in_every_batch(
    project: Make, frame: pl.DataFrame, sets: Sets, batch_rows: int
) -> None:
    """A file has numbers in a column that the schema declares a text; few batches have a half."""
    kinds = [float(i % 5) if i % 11 else 0.5 for i in range(60)]
    table = frame.head(60).select("y", kind=pl.Series(kinds), one=pl.Series([*kinds[1:], None]))
    table.write_parquet("numbers.parquet", row_group_size=batch_rows)
    columns = {
        "kind": {"type": "category"},
        "one": {"type": "string", "role": "id"},
        "y": {"type": "boolean", "role": "target"},
    }
    results = []
    for rows in (1000, batch_rows):
        shutil.rmtree("data", ignore_errors=True)
        source = {"data.source": "numbers.parquet", "data.sha256": None, "data.batch_rows": rows}
        config = project(frame, "y", **source)
        Path("configs/schema.yml").write_text(json.dumps({"columns": columns}), encoding="utf-8")
        split = {"by": "group", "group": "one", "val_fraction": 0.3, "test_fraction": 0.3}
        parts = sets(Config.model_validate(config.model_dump(by_alias=True) | {"split": split}))
        written = (config.paths.processed / processed.PREPROCESSOR).read_text()
        results.append((written, repr({name: part.rows() for name, part in parts.items()})))
    assert results[0] == results[1]
    assert '"3"' in results[0][0]
    assert '"3.0"' not in results[0][0]


def test_violations_stop_before_anything_is_written(project: Make, frame: pl.DataFrame) -> None:
    config = project(frame, "y")
    ingest.run(config)
    path = Path("configs/schema.yml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    max: ", "    max: 0.00001 # ", 1), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert "0.00001" in text
    with pytest.raises(UserError, match="x: above the maximum"):
        pipeline.run(config)
    assert not Path("data/processed").exists() or not list(Path("data/processed").iterdir())
