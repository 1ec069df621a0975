"""Results as JSON values: complete, without what only the plots need."""

import json
from dataclasses import fields, replace
from types import SimpleNamespace

from {{ cookiecutter.package_name }}.reports.results import Evaluation


def test_undefined_values_become_null(trained: SimpleNamespace) -> None:
    evaluation = replace(trained.evaluation, metrics={}, slices=[], importance=[], learning=[])
    assert json.dumps(evaluation.to_json(), allow_nan=False)


def test_what_only_the_plots_need_is_left_out(trained: SimpleNamespace) -> None:
    names = {field.name for field in fields(Evaluation)}
    left_out = {"folder", "inputs", "curves", "scores", "residuals"}
    stored = trained.evaluation.to_json()
    assert stored.keys() == (names - left_out) | {"better", "failures"}
    assert stored["better"] == trained.evaluation.is_better
    for name, values in stored["metrics"].items():
        assert values["better"] == trained.evaluation.is_better_in(name)
