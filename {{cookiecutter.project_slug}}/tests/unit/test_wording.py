"""An evaluation in words."""

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from {{ cookiecutter.package_name }}.reports.results import Evaluation
from {{ cookiecutter.package_name }}.reports.wording import lines, sentence
from {{ cookiecutter.package_name }}.utils.bootstrap import Comparison, Estimate
from {{ cookiecutter.package_name }}.utils.metrics import METRICS


def test_lines_for_the_terminal_name_every_metric(trained: SimpleNamespace) -> None:
    text = list(lines(trained.evaluation))
    assert sum(line.split()[0] in METRICS for line in text) == len(trained.evaluation.metrics)


@pytest.mark.parametrize(
    "difference", [Estimate(0.1, -0.1, 0.3), Estimate(0.1), Estimate(math.nan)]
)
def test_an_open_comparison_is_told_as_open(
    with_primary: Callable[[Comparison], Evaluation], difference: Estimate
) -> None:
    evaluation = with_primary(Comparison(Estimate(0.6, 0.4, 0.8), Estimate(0.5), difference))
    assert evaluation.is_better is None
    assert "not shown to be better" in sentence(evaluation)


def test_without_a_defined_metric_there_is_a_sentence_all_the_same(
    trained: SimpleNamespace,
) -> None:
    evaluation = replace(trained.evaluation, metrics={}, slices=[])
    assert sentence(evaluation) in list(lines(evaluation))
    assert "undefined" in sentence(evaluation)
