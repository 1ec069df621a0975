"""Notes: what is odd is told, what is not odd is not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from {{ cookiecutter.package_name }}.models.notes import notes
from {{ cookiecutter.package_name }}.models.scoring import Predictions
from {{ cookiecutter.package_name }}.reports.results import CoverageBin, Evaluation
from {{ cookiecutter.package_name }}.tracking.records import Interval
from {{ cookiecutter.package_name }}.utils.bootstrap import Comparison, Estimate

UNDEFINED = Estimate(float("nan"))


@pytest.fixture
def plain(trained: SimpleNamespace) -> Evaluation:
    """An evaluation with nothing to note."""
    evaluation: Evaluation = trained.evaluation
    metadata = evaluation.metadata.model_copy(update={"dirty": False, "interval": None})
    return replace(
        evaluation,
        metadata=metadata,
        classes=("a", "b"),
        confusion=[[150, 0], [0, 150]],
        metrics={},
        coverage=[],
        rows=300,
        unit=None,
    )


def predicted(share: float) -> Predictions:
    """Return 300 rows, half of them positive, with one probability for all."""
    y_true = np.tile([0.0, 1.0], 150)
    proba = np.column_stack([np.full(300, 1 - share), np.full(300, share)])
    return Predictions(("a", "b"), y_true, proba, proba, 0.5, None)


def test_nothing_odd_nothing_noted(plain: Evaluation) -> None:
    assert notes(plain, predicted(0.5)) == []


def test_few_rows_and_absent_classes_are_noted(plain: Evaluation) -> None:
    odd = replace(plain, rows=50, confusion=[[50, 0], [0, 0]])
    first, second = notes(odd, predicted(0.5))
    assert first == "The test set has 50 rows only: take its numbers as rough."
    assert second.startswith("No test row is of class b, so")


@pytest.mark.parametrize(("share", "way"), [(0.7, "high"), (0.3, "low")])
def test_probabilities_too_high_or_too_low_are_noted(
    plain: Evaluation, share: float, way: str
) -> None:
    (note,) = notes(plain, predicted(share))
    assert note.startswith(f"Probabilities are too {way} on average: {share:.1%} predicted, 50.0%")


def test_predictions_too_high_are_noted_in_the_unit(plain: Evaluation) -> None:
    y_true = np.random.default_rng(0).normal(0, 1, 300)
    predictions = Predictions(None, y_true, y_true + 2, y_true, 0.5, None)
    numbers = replace(plain, classes=None, confusion=[], unit="min")
    assert notes(numbers, predictions) == ["Predictions are too high on average, by 2.000 min."]


def test_a_better_baseline_and_uncommitted_changes_are_noted(plain: Evaluation) -> None:
    worse = Comparison(Estimate(0.9), Estimate(0.5), Estimate(0.4, 0.3, 0.5))
    odd = replace(
        plain,
        metrics={"log_loss": worse},
        metadata=plain.metadata.model_copy(update={"dirty": True}),
    )
    first, second = notes(odd, predicted(0.5))
    assert first == "The baseline is better in: Log loss."
    assert second.startswith("Trained with uncommitted changes")


@pytest.mark.parametrize(
    ("covered", "word"), [(Estimate(0.8, 0.75, 0.85), "narrow"), (Estimate(0.97, 0.95, 1), "wide")]
)
def test_an_interval_that_does_not_hold_its_share_is_noted(
    plain: Evaluation, covered: Estimate, word: str
) -> None:
    interval = Interval(level=0.9, edges=(), half_widths=(1.0,))
    odd = replace(
        plain,
        metrics={"interval_coverage": Comparison(covered, UNDEFINED, UNDEFINED)},
        metadata=plain.metadata.model_copy(update={"interval": interval}),
        coverage=[CoverageBin(30, 12.0, Estimate(0.5, 0.4, 0.6))],
    )
    whole, part = notes(odd, predicted(0.5))
    assert f"holds {covered.value:.1%} of the true values: it is too {word}" in whole
    assert part.endswith("about 12.00 it holds 50%.")
