"""`train.model: auto`: the linear model or boosting, as rows that neither knows have it."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import AUTO, Train
from ..errors import UserError
from ..preprocess.preprocessor import Preprocessor
from ..tracking.records import ChoiceRecord
from ..utils.metrics import METRICS
from . import fitting, scoring

log = logging.getLogger(__name__)

CANDIDATES = ("linear", "gradient_boosting")  # the simpler first
SLACK = 0.002  # share of the metric that the simpler one may be worse
FOLDS = 5
FOLD_ROWS = 5_000  # fewer rows are cut into folds, where the split allows it
MOST_ROWS = 100_000  # training rows that the candidates are compared on


def fit_chosen(
    settings: Train,
    preprocessor: Preprocessor,
    training: fitting.Set,
    validation: fitting.Set,
    at_random: bool,
) -> tuple[Train, ChoiceRecord | None, fitting.Found]:
    """Fit the model that is named, or the better one, as `fitting.fit_until` does.

    Each candidate is fitted on the training rows and scored on the validation rows by the metric
    that decides promotions. Of few rows that are split at random the score is of five folds of
    both sets instead (Stone, 1974, "Cross-Validatory Choice and Assessment of Statistical
    Predictions"); a split by time or group has an order that folds would break.

    Args:
        settings: Which model; all but "auto" is taken as it is. Where the schema asks for
            `monotone`, only those that obey compete.
        preprocessor: The fitted transformation.
        training: Inputs (n, k) and n targets; a sample of many.
        validation: The same of the validation rows.
        at_random: Whether the rows were split at random.

    Returns:
        The settings with the name of the model, how it was chosen, and what was fitted.

    Raises:
        UserError: There are parameters, but no model that they are for.
    """
    if settings.model != AUTO:
        return settings, None, fitting.fit_until(settings, preprocessor, training, validation)
    if settings.params:
        raise UserError(
            f"train.params are of one model: name it in train.model ({', '.join(CANDIDATES)}), or "
            "leave them out",
            2,
        )
    sample = _sample(training, preprocessor, settings.seed)
    x, y_true = validation
    folds = FOLDS if at_random and _can_be_cut(sample[1], y_true, preprocessor) else 0
    if folds:
        x, y_true = both = np.concatenate([sample[0], x]), np.concatenate([sample[1], y_true])
    fitted, measured = {}, {}
    asked = fitting.monotone(preprocessor)
    for name in (name for name in CANDIDATES if not asked or fitting.obeys(name)):
        one = settings.model_copy(update={"model": name})
        fitted[name] = recipe, found = fitting.fit_until(one, preprocessor, sample, validation)
        if folds:
            y_pred = _out_of_fold(one, found, preprocessor, both)
        else:
            y_pred = fitting.predict(recipe, preprocessor, x)
        measured[name] = scoring.values(preprocessor.classes, y_true, y_pred, None, 0.5)
    metric = scoring.primary_metric(preprocessor.task, next(iter(measured.values())))
    scores = {name: values[metric] for name, values in measured.items()}
    chosen = _best(scores, METRICS[metric].higher_is_better is True)
    shown = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
    log.info("%s of %s: %s is taken", METRICS[metric].label, shown, chosen)
    record = ChoiceRecord(metric=metric, scores=scores, rows=len(y_true), folds=folds)
    settings = settings.model_copy(update={"model": chosen})
    if sample is not training:
        return settings, record, fitting.fit_until(settings, preprocessor, training, validation)
    return settings, record, fitted[chosen]


def _best(scores: Mapping[str, float], higher_is_better: bool) -> str:
    """Return the simplest that no other one beats by more than the slack."""
    sign = 1 if higher_is_better else -1
    chosen, *others = scores
    for name in others:
        slack = SLACK * max(abs(scores[name]), abs(scores[chosen]))
        if sign * (scores[name] - scores[chosen]) > slack:
            chosen = name
    return chosen


def _sample(rows: fitting.Set, preprocessor: Preprocessor, seed: int) -> fitting.Set:
    """Return so many rows at most, in their order, with at least one of each class."""
    x, y = rows
    if len(y) <= MOST_ROWS:
        return rows
    taken = np.random.default_rng(seed).choice(len(y), MOST_ROWS, replace=False)
    if preprocessor.classes is not None:
        taken = np.union1d(taken, np.unique(y, return_index=True)[1])
    taken.sort()
    return x[taken], y[taken]


def _can_be_cut(
    y: NDArray[np.float64], y_val: NDArray[np.float64], preprocessor: Preprocessor
) -> bool:
    """Tell whether rows are few, and each class has enough of them for all folds."""
    y = np.concatenate([y, y_val])
    if len(y) >= FOLD_ROWS or len(y) < 2 * FOLDS:
        return False
    return preprocessor.classes is None or int(np.unique(y, return_counts=True)[1].min()) >= FOLDS


def _out_of_fold(
    settings: Train, found: Mapping[str, Any], preprocessor: Preprocessor, rows: fitting.Set
) -> NDArray[np.float64]:
    """Return predictions of n rows, each by a model of the other folds."""
    x, y = rows
    order = np.random.default_rng(settings.seed).permutation(len(y))
    if preprocessor.classes is not None:  # each fold gets its share of each class
        order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % FOLDS
    same = settings.model_copy(update={"params": dict(found)})
    parts = []
    for number in range(FOLDS):
        held = fold == number
        model = fitting.fit(same, preprocessor, x[~held], y[~held])
        parts.append((held, fitting.predict(model, preprocessor, x[held])))
    y_pred = np.empty((len(y), *parts[0][1].shape[1:]))
    for held, predicted in parts:
        y_pred[held] = predicted
    return y_pred
