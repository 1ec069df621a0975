"""Columns that tell the target by themselves are found; declared ones are never inputs."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config, load_config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.data.leaks import suspects
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.preprocess import pipeline
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
    scores = dict(suspects(x, ["noise", "copy"], [], pl.Series(y), "regression"))
    assert scores == {"copy": pytest.approx(1.0, abs=1e-6)}
