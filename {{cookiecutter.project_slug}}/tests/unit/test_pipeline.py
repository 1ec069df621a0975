"""Preprocessing: fitted on the training rows only, whole or not at all."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.slow
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


NUMBER_OR_HALF = st.none() | st.integers(-3, 3).map(float) | st.sampled_from([0.5, -2.5, 1e20])


@pytest.mark.slow
@settings(max_examples=10)
@given(
    kinds=st.lists(NUMBER_OR_HALF, min_size=60, max_size=60),
    batch_rows=st.integers(1, 70),
    group_rows=st.integers(1, 70),
)
def test_any_batches_of_any_cut_give_the_same(
    project: Make,
    frame: pl.DataFrame,
    sets: Sets,
    kinds: list[float | None],
    batch_rows: int,
    group_rows: int,
) -> None:
    """Also where a file has numbers in a column that the schema declares a text."""
    table = frame.head(60).with_columns(
        team=pl.Series(kinds, dtype=pl.Float64), home=pl.Series([*kinds[1:], 1.5])
    )
    columns = {
        "team": {"type": "category"},
        "home": {"type": "string", "role": "id"},
        "x": {"type": "float"},
        "y": {"type": "boolean", "role": "target"},
    }
    table.select(list(columns)).write_parquet("whole.parquet")
    table.select(list(columns)).write_parquet("cut.parquet", row_group_size=group_rows)
    results = []
    for name, rows in (("whole", 1000), ("cut", batch_rows)):
        shutil.rmtree("data", ignore_errors=True)
        config = project(frame, "y", **{"data.source": f"{name}.parquet", "data.sha256": None})
        Path("configs/schema.yml").write_text(json.dumps({"columns": columns}), encoding="utf-8")
        split = {"by": "group", "group": "home", "val_fraction": 0.3, "test_fraction": 0.3}
        raw = config.model_dump(by_alias=True) | {"split": split}
        raw["data"]["batch_rows"] = rows
        parts = outcome(sets, Config.model_validate(raw))
        results.append(parts)
    assert results[0] == results[1]


def outcome(sets: Sets, config: Config) -> Any:
    """Return the sets and the preprocessor that a configuration gives, or why there are none."""
    try:
        parts = sets(config)
    except UserError as error:
        return str(error).replace("whole", "cut")
    written = {name: part.rows() for name, part in parts.items()}
    return repr(written), (config.paths.processed / processed.PREPROCESSOR).read_text()


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
