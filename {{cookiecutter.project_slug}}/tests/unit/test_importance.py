"""Permutation importance ranks every input, on a bounded number of rows."""

from types import SimpleNamespace

import pytest

from {{ cookiecutter.package_name }}.models import importance


def test_permutation_importance_ranks_every_input(trained: SimpleNamespace) -> None:
    ranked = trained.evaluation.importance
    assert {one.name for one in ranked} == {i.name for i in trained.model.preprocessor.inputs}
    assert [one.mean for one in ranked] == sorted((o.mean for o in ranked), reverse=True)


def test_each_input_has_its_mean_contribution(trained: SimpleNamespace) -> None:
    added = {one.name: one.contribution for one in trained.evaluation.importance}
    assert all(value is not None and value >= 0 for value in added.values())
    assert max(value or 0 for value in added.values()) > 0.01


@pytest.mark.parametrize(
    ("rows", "inputs", "expected"), [(100, 3, 100), (9000, 3, 5000), (9000, 40, 2000), (9, 0, 9)]
)
def test_more_inputs_are_measured_on_fewer_rows(rows: int, inputs: int, expected: int) -> None:
    assert importance.sample_size(rows, inputs) == expected
