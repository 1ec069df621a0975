"""The learning curve ends with the model itself."""

from types import SimpleNamespace

import pytest

from {{ cookiecutter.package_name }}.models.learning_curve import (
    TRAINING_ROWS,
    learning_curve,
)


def test_the_learning_curve_ends_with_all_training_rows(trained: SimpleNamespace) -> None:
    curve = trained.evaluation.learning
    rows = trained.model.metadata.data.rows.train
    assert curve[-1].rows == min(rows, TRAINING_ROWS)
    validation = trained.model.metadata.metrics[trained.evaluation.primary]
    assert curve[-1].model == pytest.approx(validation, rel=0.1)


def test_without_fractions_nothing_is_trained(trained: SimpleNamespace) -> None:
    config = trained.config
    settings = config.evaluate.model_copy(update={"learning_curve": ()})
    folder = config.paths.processed
    assert learning_curve(trained.model, folder, config.train, settings, 1000) == []
