"""The threshold is proposed by what validation rows cost, and measured on test rows."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from {{ cookiecutter.package_name }}.config import Config, Evaluate, load_config
from {{ cookiecutter.package_name }}.models.scoring import Predictions
from {{ cookiecutter.package_name }}.models.thresholds import weigh
from {{ cookiecutter.package_name }}.reports.results import Evaluation
from {{ cookiecutter.package_name }}.reports.wording import proposal
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml

Array = NDArray[np.float64]
WORDS = "Decision threshold", "evaluate.costs", "evaluate.min_precision"


def rows(seed: int, digits: int) -> tuple[Array, Array]:
    """Draw 300 rows: classes, and scores of which many are equal."""
    random = np.random.default_rng(seed)
    y_true = (random.random(300) < 0.3).astype(np.float64)
    score = np.round(1 / (1 + np.exp(-random.normal(2 * y_true - 1.5))), digits)
    return y_true, score


def measured(y_true: Array, score: Array) -> Predictions:
    proba = np.stack([1 - score, score], axis=1)
    return Predictions(("no", "yes"), y_true, proba, proba, 0.5, None)


def cost(y_true: Array, score: Array, threshold: float, positive: float, negative: float) -> float:
    predicted = score >= threshold
    wrong = positive * np.sum(predicted & (y_true == 0)) + negative * np.sum(
        ~predicted & (y_true == 1)
    )
    return float(wrong / len(y_true))


@pytest.mark.parametrize("digits", [1, 2, 9])
@pytest.mark.parametrize(("positive", "negative"), [(1, 1), (1, 8), (6, 1), (1, 1000), (1000, 1)])
def test_no_threshold_is_cheaper_than_the_proposed_one(
    digits: int, positive: float, negative: float
) -> None:
    y_true, score = rows(digits, digits)
    costs = {"false_positive": positive, "false_negative": negative}
    settings = Evaluate.model_validate({"costs": costs})
    found = weigh(y_true, score, measured(*rows(9, 2)), settings)
    assert found is not None
    assert found.proposed is not None
    chosen = found.proposed.validation
    tried = [*np.unique(score[score > 0]), 1 - 1e-12]
    all_costs = [cost(y_true, score, one, positive, negative) for one in tried]
    assert chosen.cost == pytest.approx(min(all_costs))
    assert chosen.cost == pytest.approx(cost(y_true, score, chosen.threshold, positive, negative))
    assert 0 < chosen.threshold < 1


@pytest.mark.parametrize("wanted", [0.4, 0.6, 0.8])
def test_no_threshold_of_that_precision_finds_more(wanted: float) -> None:
    y_true, score = rows(3, 2)
    settings = Evaluate(min_precision=wanted)
    found = weigh(y_true, score, measured(*rows(9, 2)), settings)
    assert found is not None
    assert found.proposed is not None
    chosen = found.proposed.validation
    assert chosen.precision >= wanted
    for threshold in np.unique(score[score > 0]):
        predicted = score >= threshold
        if y_true[predicted].mean() >= wanted:
            assert y_true[predicted].sum() / y_true.sum() <= chosen.recall


def test_the_test_rows_have_no_say() -> None:
    y_true, score = rows(4, 3)
    settings = Evaluate.model_validate({"costs": {"false_negative": 4}})
    both = [weigh(y_true, score, measured(*rows(seed, 2)), settings) for seed in (5, 6)]
    one, other = (None if found is None else found.proposed for found in both)
    assert one is not None
    assert other is not None
    assert one.validation == other.validation
    assert one.test != other.test


def test_the_threshold_in_use_stays_where_it_is_as_good() -> None:
    y_true = np.array([0.0, 0.0, 1.0, 1.0])
    score = np.array([0.1, 0.2, 0.8, 0.9])
    settings = Evaluate.model_validate({"costs": {}, "threshold": 0.61})
    found = weigh(y_true, score, measured(y_true, score), settings)
    assert found is not None
    assert found.proposed is not None
    assert found.proposed.validation.threshold == 0.61


def test_nothing_is_proposed_where_nothing_can_be() -> None:
    y_true, score = rows(5, 2)
    test = measured(y_true, score)
    unasked = weigh(y_true, score, test, Evaluate())
    assert unasked is not None
    assert unasked.proposed is None
    assert not unasked.asked
    backwards = weigh(1 - y_true, np.round(y_true * 0.5 + 0.2), test, Evaluate(min_precision=0.99))
    assert backwards is not None
    assert backwards.proposed is None
    assert backwards.asked
    assert weigh(np.zeros(300), score, test, Evaluate()) is None


def test_a_probability_of_one_and_of_zero_have_thresholds() -> None:
    y_true = np.array([0.0, 1.0, 1.0])
    found = weigh(y_true, np.array([0.0, 1.0, 1.0]), measured(y_true, y_true), Evaluate())
    assert found is not None
    assert all(0 < point.threshold < 1 for point in found.points)
    assert found.points[-1].recall == 1
    assert not math.isnan(found.points[-1].precision)


def test_both_ways_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="leave one out"):
        Evaluate.model_validate({"costs": {}, "min_precision": 0.5})


def test_report_and_card_speak_of_it_for_two_classes_only(trained: SimpleNamespace) -> None:
    evaluation = trained.evaluation
    text = evaluation.report.read_text(encoding="utf-8")
    stored = json.loads((evaluation.folder / "evaluation.json").read_text(encoding="utf-8"))
    two = len(evaluation.classes or ()) == 2
    assert (stored["thresholds"] is not None) is two
    assert (evaluation.folder / "thresholds.png").exists() is two
    assert all((word in text) is two for word in WORDS)


@pytest.mark.slow
def test_a_proposed_threshold_is_taken_by_the_configuration(
    project: Callable[..., Config],
    run_all: Callable[[Config], Evaluation],
    three_kinds: pl.DataFrame,
    folder: Path,
) -> None:
    kinds = sorted(three_kinds["kind"].drop_nulls().unique().to_list())
    two = three_kinds.with_columns(pl.col("kind").replace({kinds[2]: kinds[0]}))
    settings: dict[str, Any] = {"evaluate.costs": {"false_negative": 30}}
    first = run_all(project(two, "kind", **settings))
    assert first.thresholds is not None
    assert first.thresholds.proposed is not None
    found = first.thresholds.proposed.validation.threshold
    assert first.threshold == 0.5 != found
    advice = f"set evaluate.threshold: {found!r} and train anew"
    assert advice in first.report.read_text(encoding="utf-8")
    assert advice in (folder / "model_card.md").read_text(encoding="utf-8")
    update_yaml(Path("configs/default.yml"), {"evaluate.threshold": found})
    second = run_all(load_config(environ={}))
    assert second.threshold == found == second.metadata.threshold
    assert "it is the one in use" in proposal(second)


@pytest.mark.slow
def test_more_classes_see_no_word_of_it(
    project: Callable[..., Config],
    run_all: Callable[[Config], Evaluation],
    three_kinds: pl.DataFrame,
    folder: Path,
) -> None:
    evaluation = run_all(project(three_kinds, "kind", **{"evaluate.costs": {"false_negative": 3}}))
    assert evaluation.thresholds is None
    pages = evaluation.report, folder / "model_card.md"
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not any(word in text for word in (*WORDS, "proposed"))
