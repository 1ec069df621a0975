"""Every plot of an evaluation is drawn, from its numbers alone, whatever the names are."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from {{ cookiecutter.package_name }}.reports import plots, plots_classification
from {{ cookiecutter.package_name }}.reports.results import Evaluation


@pytest.mark.slow
def test_the_plots_are_those_of_the_folder(trained: SimpleNamespace) -> None:
    pictures = plots.draw(trained.evaluation)
    stored = {path.stem: path.read_bytes() for path in trained.evaluation.folder.glob("*.png")}
    assert pictures == stored


def test_only_what_has_numbers_is_drawn(trained: SimpleNamespace) -> None:
    nothing: dict[str, Any] = {"slices": [], "importance": [], "learning": [], "thresholds": None}
    evaluation = replace(trained.evaluation, **nothing, scores=None, residuals=None)
    left = {"roc", "precision_recall", "confusion", "calibration", "interval_coverage"}
    assert plots.draw(evaluation).keys() <= left


def test_a_slice_without_the_metric_is_drawn(odd_slices: Evaluation) -> None:
    assert plots.slices(odd_slices, "carrier").startswith(b"\x89PNG")
    assert [part.value for part in odd_slices.weak] == ["other"]


def test_many_classes_are_merged_in_the_confusion_matrix(trained: SimpleNamespace) -> None:
    classes = tuple(f"class {number:02}" for number in range(30))
    counts = np.diag(np.arange(1, 31)).tolist()
    evaluation = replace(
        trained.evaluation, classes=classes, confusion=counts, baseline_confusion=counts
    )
    assert plots_classification.confusion(evaluation).startswith(b"\x89PNG")
    table, names = plots_classification._merged(classes, counts)
    assert len(names) == plots_classification.LONGEST_MATRIX
    assert names[-1] == "19 others"
    assert table.sum() == np.sum(counts)
