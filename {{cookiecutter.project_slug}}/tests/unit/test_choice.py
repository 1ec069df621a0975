"""`train.model: auto` takes the linear model where it is as good, boosting where that is better."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import choice, train
from {{ cookiecutter.package_name }}.models.model_io import Metadata
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.reports.wording import choice as in_words

Make = Callable[..., Config]
AUTO: dict[str, Any] = {"train.model": "auto", "train.params": {}}
DRAW = np.random.default_rng(5)


def table(rows: int, kind: str) -> pl.DataFrame:
    a, b, noise = DRAW.normal(size=(3, rows))
    y = 2 * a - b if kind == "linear" else np.sign(a) * np.sign(b)
    return pl.DataFrame({"a": a, "b": b, "y": y + 0.05 * noise})


def trained(project: Make, frame: pl.DataFrame, **changes: Any) -> Metadata:
    config = project(frame, "y", **AUTO | changes)
    ingest.run(config)
    pipeline.run(config)
    return Metadata.read(train.run(config).folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "kind", "model"),
    [(60, "linear", "linear"), (800, "linear", "linear"), (800, "steps", "gradient_boosting")],
)
def test_the_better_one_is_trained(project: Make, rows: int, kind: str, model: str) -> None:
    metadata = trained(project, table(rows, kind))
    assert metadata.model == model
    assert metadata.choice is not None
    assert min(metadata.choice.scores, key=metadata.choice.scores.__getitem__) == model
    assert metadata.choice.folds == 5  # split at random
    assert metadata.choice.rows == metadata.data.rows.train + metadata.data.rows.val
    assert "in 5 folds" in in_words(metadata)


def test_many_rows_are_scored_on_validation_rows(
    project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "FOLD_ROWS", 100)
    monkeypatch.setattr(choice, "MOST_ROWS", 150)
    rare = [i % 60 == 7 for i in range(400)]
    kind = pl.Series([("rare" if one else "u" if i % 2 else "v") for i, one in enumerate(rare)])
    metadata = trained(project, table(400, "linear").with_columns(y=kind))
    assert metadata.choice is not None
    assert (metadata.choice.rows, metadata.choice.folds) == (metadata.data.rows.val, 0)
    assert metadata.choice.metric == "roc_auc"
    assert len(metadata.classes or ()) == 3


def test_within_the_slack_the_simpler_one_is_taken() -> None:
    assert choice._best({"linear": 0.7, "gradient_boosting": 0.701}, True) == "linear"
    assert choice._best({"linear": 0.7, "gradient_boosting": 0.702}, True) == "gradient_boosting"
    assert choice._best({"linear": 10.0, "gradient_boosting": 9.99}, False) == "linear"
    assert choice._best({"linear": 10.0, "gradient_boosting": 9.9}, False) == "gradient_boosting"
    assert choice._best({"linear": 0.0, "gradient_boosting": 0.0}, False) == "linear"


def test_parameters_need_a_model(project: Make) -> None:
    with pytest.raises(UserError, match=r"name it in train\.model .linear, gradient_boosting"):
        trained(project, table(60, "linear"), **{"train.params": {"num_leaves": 7}})
