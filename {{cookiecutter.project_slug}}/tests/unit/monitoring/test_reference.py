from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.attachments import Fitted
from {{ cookiecutter.package_name }}.models.model_io import ModelVersion
from {{ cookiecutter.package_name }}.models.registry import ModelRegistry
from {{ cookiecutter.package_name }}.monitoring.reference import (
    CONFIDENCE,
    PREDICTION,
    REFERENCE,
    losses,
    make_reference,
    open_reference,
    outputs,
    take_on,
)
from {{ cookiecutter.package_name }}.monitoring.settings import PATH, load_settings
from {{ cookiecutter.package_name }}.monitoring.settings import Reference as Rule
from {{ cookiecutter.package_name }}.preprocess import processed
from {{ cookiecutter.package_name }}.preprocess.split import SPLITS


@pytest.fixture
def fitted(watched: SimpleNamespace) -> Fitted:
    """A version before it is saved."""
    model: ModelVersion = watched.model
    folder = watched.config.paths.processed
    sets = {
        name: processed.arrays(processed.read_set(folder, name), model.preprocessor)
        for name in SPLITS
    }

    def recipe(x: NDArray[np.float32]) -> NDArray[np.float64]:
        return model.recipe.predict(x).astype(np.float64)

    return Fitted(model.preprocessor, sets, recipe, model.metadata.threshold)


def test_it_is_a_file_of_the_version(watched: SimpleNamespace) -> None:
    assert REFERENCE in watched.model.metadata.files
    rows = watched.model.metadata.data.rows
    assert watched.reference.rows == rows.val + rows.test
    assert all(sum(one.counts) == watched.reference.rows for one in watched.reference.watched)


def test_only_rows_count_that_the_recipe_has_not_learned_from(fitted: Fitted) -> None:
    reference = make_reference(fitted, Rule(sets=("test",)), 0.001)
    x, y_true = fitted.sets["test"]
    assert reference.rows == len(x)
    expected = losses(y_true, fitted.recipe(x))
    assert expected is not None
    assert reference.expected_loss == pytest.approx(expected.mean())


def test_what_is_watched(watched: SimpleNamespace, fitted: Fitted) -> None:
    names = [one.name for one in watched.reference.watched]
    assert "due" not in names, "a date moves on by itself"
    assert "known_hour" not in names, "so does what is made from dates alone"
    assert {"count", "size", "gap", "kind", "paid", "known_pair", PREDICTION} <= set(names)
    rule = Rule(leave_out=("size", "no input"))
    left = [one.name for one in make_reference(fitted, rule, 0.001).watched]
    assert left == [name for name in names if name != "size"]


def test_a_false_alarm_is_shared_out(watched: SimpleNamespace, fitted: Fitted) -> None:
    one = watched.reference.watched[0]
    strict = make_reference(fitted, Rule(), 1e-6)
    assert strict.chance(one) > watched.reference.chance(one)


def test_outputs_of_two_classes_of_more_and_of_numbers() -> None:
    two = outputs(np.array([[0.8, 0.2], [0.3, 0.7]]), ("no", "yes"), 0.6)
    assert two[PREDICTION].tolist() == [0, 1]
    assert two[CONFIDENCE].tolist() == [0.8, 0.7]
    three = outputs(np.array([[0.2, 0.5, 0.3]]), ("a", "b", "c"), 0.5)
    assert three[PREDICTION].tolist() == [1]
    numbers = outputs(np.array([[1.5], [2.5]]), None, 0.5)
    assert numbers[PREDICTION].tolist() == [1.5, 2.5]
    assert CONFIDENCE not in numbers


def test_losses() -> None:
    brier = losses(np.array([1.0, 0.0]), np.array([[0.2, 0.8], [0.9, 0.1]]))
    assert brier == pytest.approx([0.04, 0.01])
    assert losses(np.array([3.0]), np.array([5.0])) == pytest.approx([2.0])
    three = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    assert losses(np.array([1.0, 0.0]), three).tolist() == [0, 1]


def test_a_version_without_it_says_what_to_do(trained: SimpleNamespace) -> None:
    registry = ModelRegistry(str(trained.config.paths.models), Path("cache"))
    with pytest.raises(UserError, match=r"trained without.*train\.attachments"):
        open_reference(trained.model, registry)


def test_another_table_leaves_out_only_what_it_has(folder: Path) -> None:
    PATH.parent.mkdir()
    PATH.write_text("reference:\n  leave_out: [size, hour] # why\ndrift: {psi: 0.2}\n", "utf-8")
    assert take_on(["hour", "size", "more"]) == []
    (change,) = take_on(["hour", "more"])
    assert change.path == PATH
    PATH.write_text(change.text, "utf-8")
    assert load_settings().reference.leave_out == ("hour",)
    assert "# why" in change.text
