"""Preprocessing: honest splits, fitted on the training rows only, whole or not at all."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.features import FEATURES, Feature
from {{ cookiecutter.package_name }}.preprocess import pipeline, processed
from {{ cookiecutter.package_name }}.preprocess.preprocessor import Preprocessor
from {{ cookiecutter.package_name }}.preprocess.split import SPLITS
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

Make = Callable[..., Config]
N = 600
DRAW = np.random.default_rng(1)
FRAME = pl.DataFrame(
    {
        "id": [f"r{i}" for i in range(N)],
        "when": [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(N)],
        "x": DRAW.normal(size=N),
        "team": [f"team {i % 20}" for i in range(N)],
        "y": DRAW.random(N) < 0.4,
    }
)


def opened(config: Config) -> tuple[Preprocessor, processed.Summary]:
    schema = load_schema(config.paths.schema_)
    return processed.load(config.paths.processed, schema.hash, config.task)


def sets(config: Config) -> dict[str, pl.DataFrame]:
    ingest.run(config)
    pipeline.run(config)
    return {name: processed.read_set(config.paths.processed, name) for name in SPLITS}


def test_time_split_never_looks_ahead(project: Make) -> None:
    parts = sets(project(FRAME.sample(fraction=1, shuffle=True, seed=0), "y"))
    assert parts["train"]["when"].max() < parts["val"]["when"].min()  # type: ignore[operator]
    assert parts["val"]["when"].max() < parts["test"]["when"].min()  # type: ignore[operator]
    assert sum(part.height for part in parts.values()) == N


def test_random_split_is_stable_and_keeps_equal_rows_together(project: Make) -> None:
    once = FRAME.drop("when")
    twice = pl.concat([once, once.with_columns(("again " + pl.col("id")).alias("id"))])
    parts = sets(project(twice, "y"))
    homes: dict[float, str] = {}
    for name, part in parts.items():
        for x in part["x"].to_list():
            assert homes.setdefault(x, name) == name
    assert 0.1 < parts["test"].height / twice.height < 0.3


def test_group_split_keeps_groups_together(project: Make) -> None:
    split = {"split.by": "group", "split.group": "team", "split.seed": 3}
    parts = sets(project(FRAME.drop("when"), "y", **split))
    codes = [set(part["team"].drop_nans().to_list()) for part in parts.values()]
    assert not codes[0] & codes[1]
    assert not codes[0] & codes[2]


def test_rows_without_target_are_counted_and_left_out(project: Make) -> None:
    gaps = FRAME.with_columns(pl.when(pl.int_range(N) % 10 > 0).then("y").alias("y"))
    config = project(gaps, "y")
    ingest.run(config)
    summary = pipeline.run(config)
    assert summary.missing_target == N // 10
    assert sum(summary.rows.values()) == N - N // 10


def test_fitted_on_training_rows_only(project: Make) -> None:
    late = pl.col("when") >= datetime(2024, 1, 20)
    changed = FRAME.with_columns(
        x=pl.when(late).then(pl.col("x") + 100).otherwise("x"),
        team=pl.when(late).then(pl.lit("late team")).otherwise("team"),
    )
    config = project(
        changed, "y", **{"split.val_from": "2024-01-20", "split.test_from": "2024-01-23"}
    )
    parts = sets(config)
    preprocessor, _ = opened(config)
    inputs = {item.name: item for item in preprocessor.inputs}
    train = FRAME.filter(~late)
    assert "late team" not in inputs["team"].levels
    assert inputs["x"].mean == pytest.approx(train["x"].mean())
    assert inputs["x"].median == pytest.approx(train["x"].median())
    assert inputs["x"].std == pytest.approx(train["x"].std())
    assert parts["test"]["team"].is_nan().all()


@pytest.mark.parametrize("batch_rows", [1, 7, 10_000])
def test_result_does_not_depend_on_batches(project: Make, batch_rows: int) -> None:
    frame = FRAME.head(120)
    config = project(frame, "y", **{"data.batch_rows": batch_rows})
    parts = sets(config)
    expected = frame["x"].cast(pl.Float32).to_list()
    found = pl.concat(parts.values()).sort("__row")["x"].to_list()
    assert found == expected


def test_a_column_that_reproduces_the_target_is_found(project: Make) -> None:
    config = project(FRAME, "y")
    leaky = FRAME.with_columns(
        pl.when("y").then(pl.lit("bad")).otherwise(pl.lit("good")).alias("team")
    )
    config = project(leaky, "y")
    assert load_schema(config.paths.schema_).leaks == ["team"]
    text = Path("configs/schema.yml").read_text(encoding="utf-8")
    Path("configs/schema.yml").write_text(
        text.replace("role: leak", "role: feature"), encoding="utf-8"
    )
    ingest.run(config)
    with pytest.raises(UserError, match=r"reproduces the target(.|\n)*team: score 1\.0000"):
        pipeline.run(config)
    assert not Path("data/processed").exists()
    update_yaml(Path("configs/default.yml"), {"features.trusted": ["team"]})
    assert pipeline.run(load_config(environ={})).rows["train"] > 0


@pytest.mark.parametrize("role", ["leak", "id", "ignore", "target"])
def test_derived_features_use_only_what_is_known(
    project: Make, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setitem(FEATURES, "double", Feature("double", ("x",), "number", lambda x: x * 2))
    frame = FRAME.drop("y") if role == "target" else FRAME
    config = project(frame, "x" if role == "target" else "y", **{"features.derived": ["double"]})
    path = Path("configs/schema.yml")
    text = path.read_text(encoding="utf-8")
    if role != "target":
        head, tail = text.split("  x:\n", 1)
        text = head + "  x:\n" + tail.replace("role: feature", f"role: {role}", 1)
    path.write_text(text, encoding="utf-8")
    ingest.run(config)
    with pytest.raises(UserError, match=rf"'double' uses 'x', whose role is {role}"):
        pipeline.run(config)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"features.derived": ["nope"]}, "no feature 'nope'"),
        ({"split.by": "group", "split.group": "nope"}, "no column 'nope'"),
        ({"task": "regression"}, "regression needs a number"),
        ({"split.val_from": "2030-01-01", "split.test_from": "2031-01-01"}, "no rows left for val"),
        ({"split.val_from": "2001-01-01", "split.test_from": "2002-01-01"}, "left for train"),
    ],
)
def test_settings_that_cannot_work(project: Make, settings: dict[str, object], named: str) -> None:
    config = project(FRAME, "y", **settings)
    ingest.run(config)
    with pytest.raises(UserError, match=named):
        pipeline.run(config)
    folder = Path("data/processed")
    assert not folder.exists() or not list(folder.iterdir())


def test_violations_stop_before_anything_is_written(project: Make) -> None:
    config = project(FRAME, "y")
    ingest.run(config)
    path = Path("configs/schema.yml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("    max: ", "    max: 0.00001 # ", 1), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert "0.00001" in text
    with pytest.raises(UserError, match="x: above the maximum"):
        pipeline.run(config)
    assert not Path("data/processed").exists() or not list(Path("data/processed").iterdir())


def test_mixed_and_outdated_files_are_noticed(project: Make) -> None:
    with pytest.raises(UserError, match="run `preprocess` first"):
        opened(project(FRAME, "y"))
    config = project(FRAME, "y")
    sets(config)
    opened(config)
    Path("data/processed/val.parquet").unlink()
    with pytest.raises(UserError, match="different runs"):
        opened(config)
    pipeline.run(config)
    path = Path("configs/schema.yml")
    path.write_text(path.read_text(encoding="utf-8") + "    min: -9\n", encoding="utf-8")


def test_processed_files_say_what_they_were_made_with(trained: SimpleNamespace) -> None:
    path = trained.config.paths.processed / "train.parquet"
    metadata = pl.read_parquet_metadata(path)
    assert metadata["schema_hash"] == load_schema(trained.config.paths.schema_).hash
    assert metadata["preprocessor_hash"] == trained.model.preprocessor.hash


def test_declared_leaks_are_no_inputs(trained: SimpleNamespace) -> None:
    schema = load_schema(trained.config.paths.schema_)
    forbidden = {*schema.leaks, *schema.ids, schema.target}
    preprocessor = trained.model.preprocessor
    assert not forbidden & {item.name for item in preprocessor.inputs}
    assert not forbidden & set(preprocessor.columns)


def test_train_and_test_share_no_row(trained: SimpleNamespace) -> None:
    preprocessor = trained.model.preprocessor
    names = [item.name for item in preprocessor.inputs] + (
        [preprocessor.time] if preprocessor.time else []
    )
    train, test = (
        processed.read_set(trained.config.paths.processed, name) for name in ("train", "test")
    )
    assert train.select(names).join(test.select(names), on=names, nulls_equal=True).height == 0
