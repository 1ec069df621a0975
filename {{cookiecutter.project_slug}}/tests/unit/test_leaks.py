"""Columns that tell the target by themselves are found; declared ones are never inputs."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.data.leaks import shifted, suspects
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.reports.results import Evaluation
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

Make = Callable[..., Config]


def test_a_column_that_reproduces_the_target_is_found(project: Make, frame: pl.DataFrame) -> None:
    leaky = frame.with_columns(
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


def test_declared_leaks_are_no_inputs(trained: SimpleNamespace) -> None:
    schema = load_schema(trained.config.paths.schema_)
    forbidden = {*schema.leaks, *schema.ids, schema.target}
    preprocessor = trained.model.preprocessor
    assert not forbidden & {item.name for item in preprocessor.inputs}
    assert not forbidden & set(preprocessor.columns)


def test_a_copy_of_the_target_scores_one_and_noise_nothing() -> None:
    draw = np.random.default_rng(0)
    y = draw.normal(size=400)
    x = np.column_stack([draw.normal(size=400), 3 * y + 2]).astype(np.float32)
    (one,) = suspects(x, ["noise", "copy"], [], pl.Series(y), "regression")
    assert one.name == "copy"
    assert one.refused
    assert one.score == pytest.approx(1.0, abs=1e-6)


def draws(seed: int = 0, rows: int = 1200) -> SimpleNamespace:
    random = np.random.default_rng(seed)
    y = np.exp(random.normal(size=rows))
    return SimpleNamespace(random=random, y=y, yes=(y > 1.3).astype(np.float64))


def found(x: np.ndarray, y: np.ndarray, task: str) -> list[tuple[bool, str]]:
    target = pl.Series(y) if task == "regression" else pl.Series(y.astype(int))
    one = suspects(x.astype(np.float32)[:, None], ["x"], [], target, task)
    return [(suspect.refused, suspect.how.split(" ", 2)[2]) for suspect in one]


@pytest.mark.parametrize(
    "change", [np.log, np.sqrt, lambda y: -y, lambda y: np.argsort(np.argsort(y)), np.exp]
)
def test_a_monotone_copy_is_refused(change: Callable[[np.ndarray], np.ndarray]) -> None:
    draw = draws()
    assert found(change(draw.y), draw.y, "regression")[0][0]


def test_near_copies_are_warned_of_and_not_refused() -> None:
    draw = draws()
    y, yes, random = draw.y, draw.yes, draw.random
    half = random.random(len(y)) < 0.5
    flipped = np.where(random.random(len(y)) < 0.01, 1 - yes, yes)
    cases = [
        (y + random.normal(0, 0.15 * y.std(), len(y)), y, "regression"),
        (np.where(half, np.nan, 2 * y), y, "regression"),
        (np.where(y > np.median(y), np.nan, random.normal(size=len(y))), y, "regression"),
        (flipped, yes, "classification"),
        (np.where(half, np.nan, yes), yes, "classification"),
        (yes + random.normal(0, 0.22, len(y)), yes, "classification"),
    ]
    for number, (x, target, task) in enumerate(cases):
        assert [refused for refused, _ in found(x, target, task)] == [False], number


def test_the_target_of_another_row_is_warned_of() -> None:
    y = draws().y
    row = np.delete(np.arange(len(y)), [5, 6, 40])
    for shift, how in ((2, "is the target of the row 2 earlier"), (-1, "of the row 1 later")):
        x = np.roll(y, shift).astype(np.float32)[row, None]
        (one,) = shifted(x, ["x"], pl.Series(y[row]), row, "regression")
        assert how in one.how
        assert not one.refused
    trend = np.arange(500.0)
    assert shifted(trend.astype(np.float32)[:, None], ["x"], pl.Series(trend), row[:500], "") == []


def test_clean_columns_are_left_alone() -> None:
    for seed in range(5):
        draw = draws(seed, 300)
        x = draw.random.normal(size=(300, 20)) + 0.5 * draw.yes[:, None]
        x[draw.random.random(x.shape) < 0.3] = np.nan
        names = [f"x{i}" for i in range(20)]
        for task, y in (("regression", draw.y), ("classification", draw.yes.astype(int))):
            target = pl.Series(y)
            assert suspects(x.astype(np.float32), names, [], target, task) == []
            assert shifted(x.astype(np.float32), names, target, np.arange(300), task) == []


def test_a_near_leak_is_told_by_infer_preprocess_and_summary(
    project: Make, frame: pl.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    flip = np.random.default_rng(3).random(frame.height) < 0.012
    near = frame.with_columns((pl.col("y") != pl.Series(flip)).alias("late").cast(pl.Int64))
    config = project(near, "y")
    assert load_schema(config.paths.schema_).leaks == []
    text = Path("configs/schema.yml").read_text(encoding="utf-8")
    assert "nearly tells the target all by itself" in text
    ingest.run(config)
    summary = pipeline.run(config)
    assert "nearly tells the target" in summary.near_leaks["late"]
    assert "late nearly tells the target" in caplog.text
    update_yaml(Path("configs/default.yml"), {"features.trusted": ["late"]})
    assert pipeline.run(load_config(environ={})).near_leaks == {}


@pytest.mark.slow
def test_report_and_card_name_a_near_leak(
    project: Make, frame: pl.DataFrame, folder: Path, run_all: Callable[[Config], Evaluation]
) -> None:
    flip = np.random.default_rng(3).random(frame.height) < 0.012
    near = frame.with_columns((pl.col("y") != pl.Series(flip)).alias("late").cast(pl.Int64))
    evaluation = run_all(project(near, "y"))
    for page in (evaluation.report, folder / "model_card.md"):
        assert "late nearly tells the target" in page.read_text(encoding="utf-8")
