import logging
import threading
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from {{ cookiecutter.package_name }}.monitoring import live
from {{ cookiecutter.package_name }}.monitoring.live import BLOCK_ROWS, LiveCounts
from {{ cookiecutter.package_name }}.monitoring.measures import psi
from {{ cookiecutter.package_name }}.monitoring.reference import REFERENCE
from {{ cookiecutter.package_name }}.predict.prediction_ids import Predicted
from {{ cookiecutter.package_name }}.preprocess import processed


@pytest.fixture
def metrics() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def counts(watched: SimpleNamespace, metrics: CollectorRegistry) -> LiveCounts:
    observer = live.observer(metrics)
    observer.serves(watched.model, watched.registry)
    return observer


@pytest.fixture(scope="session")
def unseen(watched: SimpleNamespace) -> tuple[list[list[float]], list[list[float]]]:
    """The inputs of the reference's rows, and what the served model gives for them."""
    folder, preprocessor = watched.config.paths.processed, watched.model.preprocessor
    sets = (processed.read_set(folder, name) for name in ("val", "test"))
    x = np.concatenate([processed.arrays(one, preprocessor)[0] for one in sets])
    y_pred = watched.model.predictor.predict(x)
    return x.tolist(), y_pred.reshape(len(x), -1).tolist()


def seen(
    metrics: CollectorRegistry, one: Any, name: str = "model_watched_rows_total"
) -> list[float]:
    labels = {"model_version": "v0.1", "role": one.role, "name": one.name}
    return [metrics.get_sample_value(name, labels | {"bin": label}) or 0.0 for label in one.labels]


def test_online_counts_are_those_of_training(
    watched: SimpleNamespace, metrics: CollectorRegistry, counts: LiveCounts, unseen: Any
) -> None:
    """The same rows, in pieces of all sizes, from several threads, give the reference again."""
    x, y_pred = unseen
    cuts = [0, 1, 2, 5, 200, 201, len(x)]
    threads = [
        threading.Thread(target=counts.predicted, args=("v0.1", x[a:b], y_pred[a:b]))
        for a, b in pairwise(cuts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.flush()
    counts.flush()  # counts nothing twice
    for one in watched.reference.watched:
        found = seen(metrics, one)
        assert sum(found) == len(x)
        if one.role == "input":
            assert found == list(one.counts), one.name
        else:  # the served model has learned from these rows, the recipe has not
            assert psi(found, one.counts) < 0.25
        expected = seen(metrics, one, "model_expected_share")
        assert sum(expected) == pytest.approx(1)


def test_rows_are_counted_when_there_are_enough(
    watched: SimpleNamespace, metrics: CollectorRegistry, counts: LiveCounts, unseen: Any
) -> None:
    x, y_pred = unseen
    one = watched.reference.watched[0]
    counts.predicted("v0.1", x[:5], y_pred[:5])
    assert sum(seen(metrics, one)) == 0
    counts.flush()
    assert sum(seen(metrics, one)) == 5
    for i in range(BLOCK_ROWS):
        counts.predicted("v0.1", x[i % 50 : i % 50 + 1], y_pred[i % 50 : i % 50 + 1])
    assert counts._versions["v0.1"]._kept == 0


def test_odd_rows_are_counted_too(
    watched: SimpleNamespace, metrics: CollectorRegistry, counts: LiveCounts, unseen: Any
) -> None:
    width = len(unseen[0][0])
    categories = watched.model.preprocessor.categorical
    odd = [
        [float("nan") if i in categories else value for i in range(width)]
        for value in (float("nan"), 1e300, -1e300, float("inf"))
    ]
    numbers = [one for one in watched.reference.watched if one.role == "input" and one.edges]
    counts.predicted("v0.1", odd, [unseen[1][0]] * len(odd))
    counts.flush()
    assert all(sum(seen(metrics, one)) == len(odd) for one in numbers)
    counts.predicted("v9.9", odd, [unseen[1][0]] * len(odd))  # a version that nobody knows
    counts.flush()


def test_at_most_so_many_inputs_are_watched(
    watched: SimpleNamespace, metrics: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_INPUTS", 2)
    observer = live.observer(metrics)
    observer.serves(watched.model, watched.registry)
    watching = [(one.role, one.name) for one in observer._versions["v0.1"].watched]
    assert [role for role, _ in watching].count("input") == 2
    assert ("output", "prediction") in watching


def test_outcomes_give_the_loss(
    watched: SimpleNamespace, metrics: CollectorRegistry, counts: LiveCounts
) -> None:
    classes = watched.model.preprocessor.classes
    told = [(0.75, classes[1]), (0.25, classes[0])] if classes else [(3.0, 3.25), (2.0, 1.75)]
    for score, label in told:
        counts.told(Predicted("v0.1", 0.0, score), label)
    counts.told(Predicted("v9.9", 0.0, 0.5), told[0][1])
    labels = {"model_version": "v0.1"}
    each = 0.0625 if classes else 0.25
    assert metrics.get_sample_value("model_outcomes_total", labels) == 2
    assert metrics.get_sample_value("model_loss_total", labels) == pytest.approx(2 * each)
    squares = metrics.get_sample_value("model_squared_loss_total", labels)
    assert squares == pytest.approx(2 * each**2)


def test_with_three_classes_wrong_ones_are_counted(
    watched: SimpleNamespace, metrics: CollectorRegistry, counts: LiveCounts
) -> None:
    counts._versions["v0.1"].classes = ("a", "b", "c")
    for label in ("b", "c", "d"):  # the last is none that the version knows
        counts.told(Predicted("v0.1", 0.0, 0.6, 1), label)
    labels = {"model_version": "v0.1"}
    assert metrics.get_sample_value("model_outcomes_total", labels) == 2
    assert metrics.get_sample_value("model_loss_total", labels) == 1


def test_labels_of_all_kinds(watched: SimpleNamespace, counts: LiveCounts) -> None:
    version = counts._versions["v0.1"]
    version.classes = ("false", "true")
    assert [version._target(label) for label in (True, "true", False, "other")] == [1, 1, 0, None]
    version.classes = ("1", "2")
    assert [version._target(label) for label in (2, 2.0, "1", 7)] == [1, 1, 0, None]
    version.classes = None
    assert version._target(2.5) == 2.5


def test_a_version_without_reference_serves_all_the_same(
    trained: SimpleNamespace,
    watched: SimpleNamespace,
    metrics: CollectorRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    observer = live.observer(metrics)
    with caplog.at_level(logging.ERROR):
        observer.serves(trained.model, watched.registry)
    assert f"trained without {REFERENCE}" in caplog.text
    assert metrics.get_sample_value("model_reference_rows", {"model_version": "v0.1"}) == 0
    observer.predicted("v0.1", [[0.0]], [[0.0]])
    observer.flush()
