"""Boosting stops when validation rows gain no more, and settings that say how long are obeyed."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.gradient_boosting import (
    MOST_ROUNDS,
    PATIENCE,
    GradientBoosting,
)
from {{ cookiecutter.package_name }}.models.interfaces import Settings

Set = tuple[NDArray[np.float32], NDArray[np.float64]]


def draw(classes: int, rows: int, seed: int) -> Set:
    """Inputs with a signal that is not linear, and noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 4)).astype(np.float32)
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + random.normal(0, 0.5, rows)
    if classes:
        y = np.digitize(y, np.linspace(-1, 1, classes + 1)[1:-1]).astype(np.float64)
    return x, y


def fitted(classes: int, **params: Any) -> tuple[GradientBoosting, dict[str, Any]]:
    task: Any = "classification" if classes else "regression"
    model = GradientBoosting(Settings(task, classes, params, 0, 1))
    (x, y), validation = draw(classes, 600, 0), draw(classes, 300, 1)
    return model, model.fit_until(x, y, [], *validation)


def loss(model: GradientBoosting, classes: int, rows: Set) -> float:
    x, y = rows
    y_pred = model.predict(x)
    if not classes:
        return float(((y_pred - y) ** 2).mean())
    return float(-np.log(y_pred[np.arange(len(y)), y.astype(int)]).mean())


@pytest.mark.parametrize(
    ("name", "alias", "value"), [("learning_rate", "eta", 0.3), ("num_leaves", "max_leaves", 4)]
)
def test_an_alias_takes_the_place_of_a_default(name: str, alias: str, value: float) -> None:
    by_alias, by_name, neither = (
        fitted(2, n_estimators=5, **given)[0].predict(draw(2, 50, 2)[0])
        for given in ({alias: value}, {name: value}, {})
    )
    assert (by_alias == by_name).all()
    assert (by_alias != neither).any()


@pytest.mark.parametrize("name", ["seed", "random_state", "n_jobs"])
def test_what_has_a_setting_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"train\.params: \w+ stands in train\.(seed|threads)"):
        fitted(2, **{name: 1})


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_validation_rows_tell_how_many_trees(classes: int) -> None:
    model, found = fitted(classes)
    rounds = found["n_estimators"]
    assert found.keys() == {"n_estimators"}
    assert 5 < rounds < MOST_ROUNDS
    validation = draw(classes, 300, 1)
    stopped = loss(model, classes, validation)
    first, longer = (
        loss(fitted(classes, n_estimators=count)[0], classes, validation)
        for count in (1, rounds + PATIENCE)
    )
    assert stopped < first
    assert stopped - longer < 0.01 * (first - longer)  # next to nothing is left


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_what_was_found_gives_the_same_model_without_validation(classes: int) -> None:
    model, found = fitted(classes)
    same = GradientBoosting(Settings(model.settings.task, classes, found, 0, 1))
    same.fit(*draw(classes, 600, 0), [])
    x = draw(classes, 200, 2)[0]
    assert np.array_equal(same.predict(x), model.predict(x))


@pytest.mark.parametrize(
    "params",
    [
        {"n_estimators": 7},
        {"num_boost_round": 7},
        {"boosting": "dart", "num_trees": 7},
        {"boosting_type": "dart", "n_estimators": 7, "early_stopping_rounds": 2},
    ],
)
def test_a_number_that_is_set_is_obeyed(params: dict[str, Any]) -> None:
    model, found = fitted(2, **params)
    assert found == {}
    assert model.booster().num_trees() == 7


def test_a_rule_for_stopping_may_be_set_besides() -> None:
    _, found = fitted(0, n_estimators=20, early_stopping_round=3)
    assert 1 <= found["n_estimators"] <= 20


@pytest.mark.parametrize("metric", ["auc", "binary_error"])
def test_another_metric_may_tell(metric: str) -> None:
    """Whether higher or lower is better in it."""
    model, found = fitted(2, metric=metric)
    assert found["n_estimators"] > 1
    assert loss(model, 2, draw(2, 300, 1)) < np.log(2)


def test_rows_that_say_nothing_leave_few_trees() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(400, 3)).astype(np.float32), random.normal(size=400)
    model = GradientBoosting(Settings("regression", 0, {}, 0, 1))
    found = model.fit_until(x[:300], y[:300], [], x[300:], y[300:])
    assert found["n_estimators"] < 20


@pytest.mark.parametrize(
    ("classes", "params", "named"),
    [
        (2, {"objective": "regression"}, "objective 'regression' does not fit here .there: binary"),
        (0, {"loss": "poisson"}, "objective 'poisson' does not fit here .there: regression,"),
        (0, {"num_leaves": -3}, "refused to train: .*num_leaves. > .1.; see"),
    ],
)
def test_what_cannot_be_fitted_is_named(classes: int, params: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        fitted(classes, **params)
    assert ".cpp" not in str(caught.value)


def test_a_regression_may_minimize_something_else() -> None:
    model, _ = fitted(0, objective="regression_l1")
    assert "objective=regression_l1" in model.model
