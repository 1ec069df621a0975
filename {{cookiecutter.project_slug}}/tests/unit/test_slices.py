"""Slices: every row is in one, or it is told how many were left out."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import slices
from {{ cookiecutter.package_name }}.reports.results import Evaluation
from {{ cookiecutter.package_name }}.workflows import evaluation as evaluating


def test_slices_cover_the_test_rows_or_say_what_is_left_out(trained: SimpleNamespace) -> None:
    evaluation = trained.evaluation
    for column in trained.config.evaluate.slices:
        parts = [part for part in evaluation.slices if part.column == column]
        counted = sum(part.rows for part in parts)
        assert counted == evaluation.rows or evaluation.left_out[column] > 0
        assert all(part.rows >= slices.SLICE_ROWS for part in parts)


@pytest.mark.slow
def test_a_number_sliced_by_flags_quarters_and_missing_values(
    project: Callable[..., Config], run_all: Callable[[Config], Evaluation]
) -> None:
    random = np.random.default_rng(1)
    size = random.normal(0, 1, 900)
    frame = pl.DataFrame(
        {
            "size": size,
            "flag": random.random(900) < 0.5,
            "gap": pl.Series(np.where(random.random(900) < 0.5, np.nan, size)).fill_nan(None),
            "cost": size * 3 + random.normal(0, 0.1, 900),
        }
    )
    config = project(
        frame, "cost", **{"task": "regression", "evaluate.slices": ["flag", "gap", "size"]}
    )
    evaluation = run_all(config)
    assert evaluation.task == "regression"
    assert {part.value for part in evaluation.slices if part.column == "flag"} <= {"false", "true"}
    assert "(missing)" in {part.value for part in evaluation.slices if part.column == "gap"}
    assert sum(part.rows for part in evaluation.coverage) == evaluation.rows


def test_slices_must_be_inputs(trained: SimpleNamespace) -> None:
    settings = trained.config.evaluate.model_copy(update={"slices": ("no such column",)})
    with pytest.raises(UserError, match=r"evaluate\.slices: 'no such column' is not an input"):
        evaluating.run(trained.config.model_copy(update={"evaluate": settings}))
