"""Fit models on transformed rows, predict with them, and export them once both agree."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..config import Train
from ..errors import UserError
from ..preprocess.preprocessor import Preprocessor
from ..preprocess.transforms import Floats
from ..tracking.records import Interval
from .estimators import ESTIMATORS
from .interfaces import EarlyStopping, Estimator, Settings
from .predictor import Predictor

ONNX_TOLERANCE = 1e-5
SMALL_CELLS = 1_000_000  # rows x inputs
BLOCK_ROWS = 65_536  # to predict at a time
SIGNS = {"up": 1, "down": -1, None: 0}
GROUPS, GROUP_ROWS = 5, 50  # of predictions that share a width, and the fewest rows of one
Set: TypeAlias = tuple[Floats, NDArray[np.float64]]  # inputs (n, k) and n targets
Found: TypeAlias = tuple[Estimator, dict[str, Any]]


def baseline_of(settings: Train) -> Train:
    """Return the settings that the baseline is fitted with."""
    return settings.model_copy(update={"model": settings.baseline, "params": {}})


def fit(
    settings: Train, preprocessor: Preprocessor, x: Floats, y: NDArray[np.float64]
) -> Estimator:
    """Fit a model on transformed rows.

    Args:
        settings: Which model, its parameters, seed and threads.
        preprocessor: The fitted transformation.
        x: Array (n, k) of inputs, NaN where missing.
        y: n targets: numbers or class indices.
    """
    model = _new(settings, preprocessor, x)
    categorical = [] if model.design_matrix else preprocessor.categorical
    model.fit(_inputs(model, preprocessor, x), y, categorical)
    return model


def fit_until(settings: Train, preprocessor: Preprocessor, training: Set, validation: Set) -> Found:
    """Fit a model on transformed rows for as long as validation rows gain by it.

    Args:
        settings: As for `fit`; so are the arrays of a set.
        preprocessor: The fitted transformation.
        training: The rows to fit on.
        validation: The rows that tell when to stop, where the model knows how to.

    Returns:
        The model, and the parameters that have been found: `fit` with them needs no validation.

    Raises:
        UserError: The schema asks for `monotone`, and the model does not obey; exit code 2.
    """
    if monotone(preprocessor) and not obeys(settings.model):
        others = [name for name in ESTIMATORS if obeys(name) and name != settings.baseline]
        raise UserError(
            f"train.model: {settings.model} cannot be held to `monotone` of the schema; take "
            f"{' or '.join(others)}, or say `expect`, which is looked at and not enforced",
            2,
        )
    x, y = training
    model = _new(settings, preprocessor, x)
    if not isinstance(model, EarlyStopping):
        return fit(settings, preprocessor, x, y), {}
    categorical = [] if model.design_matrix else preprocessor.categorical
    x, x_val = (_inputs(model, preprocessor, each) for each in (x, validation[0]))
    return model, model.fit_until(x, y, categorical, x_val, validation[1])


def _new(settings: Train, preprocessor: Preprocessor, x: Floats) -> Estimator:
    # Below this more threads only wait for each other; the fitted model is the same.
    threads = 1 if settings.threads == 0 and x.size < SMALL_CELLS else settings.threads
    classes = len(preprocessor.classes or ())
    asked = monotone(preprocessor) if obeys(settings.model) else ()
    values = Settings(preprocessor.task, classes, settings.params, settings.seed, threads, asked)
    return ESTIMATORS[settings.model](values)


def obeys(model: str) -> bool:
    """Tell whether the fit of a model can be held to the schema's `monotone`."""
    return bool(getattr(ESTIMATORS[model], "obeys_monotone", False))


def monotone(preprocessor: Preprocessor) -> tuple[int, ...]:
    """Return what `Settings.monotone` is to be; a derived feature goes where it goes.

    Raises:
        UserError: There are more than two classes, of which none is up; exit code 2.
    """
    asked = {name: column.monotone for name, column in preprocessor.columns.items()}
    signs = [SIGNS[asked.get(item.name)] for item in preprocessor.inputs]
    if any(signs) and len(preprocessor.classes or ()) > 2:
        raise UserError(
            "`monotone` in the schema is for two classes, or for a number to predict", 2
        )
    return tuple(signs) if any(signs) else ()


def _inputs(model: Estimator, preprocessor: Preprocessor, x: Floats) -> Floats:
    return preprocessor.design_matrix(x) if model.design_matrix else x


def predict(model: Estimator, preprocessor: Preprocessor, x: Floats) -> NDArray[np.float64]:
    """Return (n, classes) probabilities or n predictions for transformed rows (n, k)."""
    blocks = [model.predict(_inputs(model, preprocessor, block)) for block in _blocks(x)]
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _blocks(x: Floats) -> list[Floats]:
    """Cut rows into views of bounded height; at least one."""
    return [x[start : start + BLOCK_ROWS] for start in range(0, max(len(x), 1), BLOCK_ROWS)]


def conformal(y_true: NDArray[np.float64], y_pred: NDArray[np.float64], level: float) -> Interval:
    """Return the interval that covers `level` of new rows, whatever the size of the prediction.

    Split-conformal prediction (Lei et al., 2018, "Distribution-Free Predictive Inference for
    Regression", algorithm 2): half its width is the ceil((n + 1) * level)-th smallest absolute
    residual of n rows that the model was not fitted on. It is Mondrian (Boström and Johansson,
    2020, "Mondrian Conformal Regressors"): each fifth of the predictions has a width of its own,
    where the rows are enough.

    Args:
        y_true: n targets of the validation rows.
        y_pred: n predictions for them.
        level: Wanted coverage, between 0 and 1.
    """
    order = np.argsort(y_pred, kind="stable")
    ascending, residuals = y_pred[order], np.abs(y_true - y_pred)[order]
    edges: list[float] = []
    starts = [0]
    for edge in np.quantile(ascending, np.arange(1, GROUPS) / GROUPS, method="inverted_cdf"):
        start = int(np.searchsorted(ascending, edge))
        if min(start - starts[-1], len(ascending) - start) >= GROUP_ROWS:
            edges.append(float(edge))
            starts.append(start)
    widths = []
    for group in np.split(residuals, starts[1:]):
        rank = min(int(np.ceil((len(group) + 1) * level)), len(group))
        widths.append(float(np.sort(group)[rank - 1]))
    return Interval(level=level, edges=tuple(edges), half_widths=tuple(widths))


def export(
    model: Estimator, preprocessor: Preprocessor, parts: list[Floats], scale: float = 1.0
) -> tuple[bytes, Predictor]:
    """Return the model as ONNX and a predictor that runs it, once both agree on some rows.

    Args:
        model: A fitted model.
        preprocessor: The fitted transformation.
        parts: Arrays (n, k) of inputs to compare on.
        scale: Size of a typical prediction; float32 carries about seven digits of it.

    Raises:
        UserError: A prediction differs by more than 1e-5 of the scale.
    """
    onnx = model.to_onnx()
    predictor = Predictor(preprocessor, onnx, model.design_matrix)
    difference = max(
        float(np.abs(predictor.predict(x) - predict(model, preprocessor, x)).max())
        for part in parts
        for x in _blocks(part)
    )
    if not difference <= ONNX_TOLERANCE * scale:
        raise UserError(
            f"the exported model predicts something else than the trained one (largest difference "
            f"{difference:g}, allowed {ONNX_TOLERANCE * scale:g}); it is not saved"
        )
    return onnx, predictor
